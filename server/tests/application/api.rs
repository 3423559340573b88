//! The endpoints of the application, on real sockets: what they answer, and what they refuse.

use std::io::{Read, Write};
use std::time::Duration;

use crate::support::{Answer, Client, JSON, Running};
use serde_json::Value;
use tallied_server::App;
use tallied_server::config::Config;

/// The application as it is by default.
fn start() -> Running {
    let app = || App::new(&Config::default()).unwrap();
    Running::start(app, Duration::from_secs(2))
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

/// A problem, and what it says of itself.
fn problem(answer: &Answer, status: u16, field: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    let problem = json(answer);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    assert_eq!(problem.get("field").and_then(Value::as_str), field);
}

/// How many requests were counted.
fn counted(client: &mut Client, method: &str, endpoint: &str, status: u16) -> u32 {
    let scrape = client.get("/metrics");
    let series = format!(
        r#"http_requests_total{{method="{method}",endpoint="{endpoint}",status_code="{status}"}} "#
    );
    let line = scrape.text().lines().find_map(|l| l.strip_prefix(&series));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn a_request_without_one_host_is_refused_and_counted() {
    let server = start();
    let mut scraper = server.connect();
    let refused = [
        "",
        "Host: x\r\nHost: x\r\n",
        "Host: x\r\nHOST: y\r\n",
        "Host: a b\r\n",
        "Host: user@x\r\n",
    ];
    for headers in refused {
        let mut client = server.connect();
        client.send(format!("GET /health HTTP/1.1\r\n{headers}\r\n"));
        problem(&client.answer(false), 400, None);
    }
    let count = u32::try_from(refused.len()).unwrap();
    assert_eq!(counted(&mut scraper, "GET", "/health", 400), count);
    for request in [
        "GET /health HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
        "GET http://x/health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health HTTP/1.0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        assert_eq!(client.answer(false).status, 200, "{request}");
    }
}

#[test]
fn bad_input_is_a_problem_that_names_the_field_and_is_counted() {
    let server = start();
    let document = json(&server.connect().get("/openapi.json"));
    let many = format!(r#"{{"name":"a","values":[{}1]}}"#, "1,".repeat(10_000));
    let long = format!(r#"{{"name":"{}","values":[1]}}"#, "x".repeat(101));
    let large = "x".repeat((1 << 20) + 1);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let good = r#"{"name":"a","values":[1]}"#;
    let kind = Some("Content-Type");
    for (method, path, header, body, endpoint, status, field) in [
        // Malformed.
        ("POST", "/data", JSON, "{", "/data", 400, None),
        ("POST", "/data", JSON, "", "/data", 400, None),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":[NaN]}"#,
            "/data",
            400,
            None,
        ),
        // Of the wrong type, or wrong in what it says.
        ("POST", "/data", JSON, "[]", "/data", 422, None),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":1,"values":[1]}"#,
            "/data",
            422,
            Some("name"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":["1"]}"#,
            "/data",
            422,
            Some("values[0]"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":[1e999]}"#,
            "/data",
            422,
            Some("values[0]"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":[]}"#,
            "/data",
            422,
            Some("values"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"","values":[1]}"#,
            "/data",
            422,
            Some("name"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a"}"#,
            "/data",
            422,
            Some("values"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":[1],"b":1}"#,
            "/data",
            422,
            Some("b"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","name":"b","values":[1]}"#,
            "/data",
            422,
            Some("name"),
        ),
        (
            "POST",
            "/data",
            JSON,
            r#"{"name":"a","values":null}"#,
            "/data",
            422,
            Some("values"),
        ),
        ("POST", "/data", JSON, &many, "/data", 422, Some("values")),
        ("POST", "/data", JSON, &long, "/data", 422, Some("name")),
        // Too large, and of another media type.
        ("POST", "/data", JSON, &large, "/data", 413, None),
        ("POST", "/data", form, good, "/data", 415, kind),
        ("POST", "/data", "", good, "/data", 415, kind),
        (
            "POST",
            "/data",
            "Content-Type: text/json\r\n",
            good,
            "/data",
            415,
            kind,
        ),
        // Where and how much.
        ("GET", "/data?limit=0", "", "", "/data", 400, Some("limit")),
        (
            "GET",
            "/data?limit=1001",
            "",
            "",
            "/data",
            400,
            Some("limit"),
        ),
        (
            "GET",
            "/data?limit=ten",
            "",
            "",
            "/data",
            400,
            Some("limit"),
        ),
        (
            "GET",
            "/data?limit=1&limit=2",
            "",
            "",
            "/data",
            400,
            Some("limit"),
        ),
        (
            "GET",
            "/data?offset=-1",
            "",
            "",
            "/data",
            400,
            Some("offset"),
        ),
        ("GET", "/data/7", "", "", "/data/{id}", 404, Some("id")),
        (
            "GET",
            "/data/99999999999999999999",
            "",
            "",
            "/data/{id}",
            404,
            Some("id"),
        ),
        ("GET", "/data/x", "", "", "/data/{id}", 400, Some("id")),
        ("GET", "/docs/x", "", "", "/docs/{file}", 404, Some("file")),
        // No route, and no route for the method.
        ("GET", "/nowhere", "", "", "unmatched", 404, None),
        ("DELETE", "/data", "", "", "unmatched", 405, None),
    ] {
        let what = format!("{method} {path} {:.40}", body);
        let mut scraper = server.connect();
        let before = counted(&mut scraper, method, endpoint, status);
        let answer = server.connect().request(method, path, header, body);
        problem(&answer, status, field);
        let after = counted(&mut scraper, method, endpoint, status);
        assert_eq!(after, before + 1, "{what}");
        if endpoint != "unmatched" {
            let operation = &document["paths"][endpoint][method.to_lowercase()];
            let documented = &operation["responses"][status.to_string()]["content"];
            assert!(documented["application/problem+json"].is_object(), "{what}");
        }
    }
    // None of it was kept, and the server goes on.
    assert_eq!(json(&server.connect().get("/data"))["submitted"], 0);
}

#[test]
fn a_body_that_is_too_large_does_not_cost_the_connection() {
    let server = start();
    let mut client = server.connect();
    for size in [(1 << 20) + 1, 8 << 20] {
        let large = "x".repeat(size);
        problem(&client.request("POST", "/data", JSON, &large), 413, None);
        problem(&client.request("POST", "/data", "", &large), 413, None);
    }
    assert_eq!(client.get("/health").status, 200);
    // One that asks first is refused first, and so is one that announces too much by far.
    for headers in [
        "Expect: 100-continue\r\nContent-Length: 1048577\r\n",
        "Content-Length: 99999999999\r\n",
    ] {
        let mut client = server.connect();
        client.send(format!(
            "POST /data HTTP/1.1\r\nHost: test\r\n{JSON}{headers}\r\n"
        ));
        problem(&client.answer(false), 413, None);
    }
}

#[test]
fn a_record_is_made_found_and_listed() {
    let server = start();
    let mut client = server.connect();
    for (kind, name) in [
        (JSON, "a"),
        ("Content-Type: application/json; charset=utf-8\r\n", "b"),
        ("Content-Type: application/vnd.example+json\r\n", "c"),
    ] {
        let body = format!(r#"{{"name":"{name}","values":[4,2,4,5,4,5,7,9]}}"#);
        let made = client.request("POST", "/data", kind, &body);
        assert_eq!(made.status, 201, "{}", made.text());
        let record = json(&made);
        let wanted = serde_json::json!({
            "id": record["id"], "name": name, "count": 8, "min": 2.0, "max": 9.0, "mean": 5.0,
            "standard_deviation": 2.0, "p50": 4.5, "p95": record["p95"],
        });
        assert_eq!(record, wanted);
        assert!((record["p95"].as_f64().unwrap() - 8.3).abs() < 1e-12);
        let location = made.header("location").unwrap();
        assert_eq!(location, format!("/data/{}", record["id"]));
        assert_eq!(json(&client.get(location)), record);
    }
    let names = |client: &mut Client, query: &str| -> String {
        let page = json(&client.get(&format!("/data{query}")));
        assert_eq!((&page["submitted"], &page["kept"]), (&3.into(), &3.into()));
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names(&mut client, ""), "cba");
    assert_eq!(names(&mut client, "?limit=2"), "cb");
    assert_eq!(names(&mut client, "?limit=2&offset=1"), "ba");
    assert_eq!(names(&mut client, "?offset=3"), "");
}

#[test]
fn the_list_shows_a_hundred_unless_it_is_told() {
    let server = start();
    let mut client = server.connect();
    for _ in 0..101 {
        client.request("POST", "/data", JSON, r#"{"name":"a","values":[1]}"#);
    }
    let items = |client: &mut Client, path: &str| {
        json(&client.get(path))["items"].as_array().unwrap().len()
    };
    assert_eq!(items(&mut client, "/data"), 100);
    assert_eq!(items(&mut client, "/data?limit=1000"), 101);
}

#[test]
fn pages_for_who_prefers_them() {
    let server = start();
    let mut client = server.connect();
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let page = client.request("GET", "/", browser, "");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("vary"), Some("Accept"));
    assert!(
        page.text().contains("<a href=\"/docs\">"),
        "{}",
        page.text()
    );
    let welcome = client.get("/");
    assert!(
        json(&welcome)["message"]
            .as_str()
            .unwrap()
            .contains("Welcome")
    );
    // Each link leads somewhere.
    for link in json(&welcome)["links"].as_object().unwrap().values() {
        let path = link.as_str().unwrap();
        assert_eq!(client.get(path).status, 200, "{path}");
        assert!(page.text().contains(&format!("href=\"{path}\"")), "{path}");
    }
    let missing = client.request("GET", "/nowhere", browser, "");
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let refused = client.request("PUT", "/data", browser, "");
    assert_eq!(refused.status, 405);
    let mut allowed: Vec<&str> = refused.header("allow").unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn head_is_answered_where_get_is() {
    let server = start();
    let mut client = server.connect();
    let body = r#"{"name":"a","values":[1]}"#;
    client.request("POST", "/data", JSON, body);
    for path in [
        "/",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/data",
        "/data/1",
        "/docs",
        "/docs/start.js",
        "/openapi.json",
    ] {
        let head = client.request("HEAD", path, "", "");
        assert_eq!(head.status, 200, "{path}");
        let get = client.get(path);
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert!(!get.body.is_empty(), "{path}");
    }
    assert_eq!(client.request("HEAD", "/data/2", "", "").status, 404);
}

#[test]
fn the_answer_to_head_has_the_headers_of_gets() {
    let server = start();
    let mut client = server.connect();
    client.request("POST", "/data", JSON, r#"{"name":"a","values":[1]}"#);
    let headers = |answer: &Answer| -> Vec<String> {
        let lines = answer
            .head
            .lines()
            .filter(|line| !line.starts_with("date:"));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    for accept in ["", "Accept: text/html\r\n"] {
        for (status, path) in [
            (200, "/"),
            (200, "/data"),
            (200, "/data/1"),
            (200, "/docs"),
            (200, "/docs/swagger-ui.css"),
            (200, "/health/live"),
            (200, "/health/ready"),
            (200, "/openapi.json"),
            (400, "/data?limit=0"),
            (400, "/data/x"),
            (404, "/data/2"),
            (404, "/docs/x"),
            (404, "/nowhere"),
            (404, "/data/1/2"),
        ] {
            let get = client.request("GET", path, accept, "");
            assert_eq!(get.status, status, "{path}");
            assert!(get.header("content-length").is_some());
            let head = client.request("HEAD", path, accept, "");
            assert_eq!(headers(&head), headers(&get), "{path} {accept}");
        }
    }
    // Each answer was without a body: the next one was not taken for it. And they are counted without one.
    let scrape = client.get("/metrics");
    let bytes = r#"http_response_size_bytes_sum{method="HEAD",endpoint="unmatched"} 0"#;
    assert!(
        scrape.text().lines().any(|line| line == bytes),
        "{}",
        scrape.text()
    );
}

#[test]
fn what_browsers_are_told_about_every_answer() {
    let server = start();
    let mut client = server.connect();
    let page = "Accept: text/html\r\n";
    for (method, path, accept) in [
        ("GET", "/", ""),
        ("GET", "/", page),
        ("HEAD", "/", page),
        ("GET", "/nowhere", ""),
        ("GET", "/nowhere", page),
        ("DELETE", "/data", page),
        ("GET", "/data", ""),
        ("GET", "/data/x", ""),
        ("GET", "/docs", ""),
        ("GET", "/docs/start.js", ""),
        ("GET", "/metrics", ""),
        ("GET", "/health", ""),
        ("GET", "/openapi.json", ""),
    ] {
        let answer = client.request(method, path, accept, "");
        let sniff = answer.header("x-content-type-options");
        assert_eq!(sniff, Some("nosniff"), "{method} {path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let is_page = answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html");
        assert_eq!(
            is_page,
            accept == page || path == "/docs",
            "{method} {path}"
        );
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert_eq!(policy.contains(part), is_page, "{method} {path}: {policy}");
        }
        let scripts = policy.contains("script-src 'self'");
        assert_eq!(scripts, path == "/docs", "{method} {path}: {policy}");
    }
}

#[test]
fn a_browser_that_has_the_documentation_is_not_sent_it_again() {
    let server = start();
    let mut client = server.connect();
    for path in [
        "/docs",
        "/docs/",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/openapi.json",
    ] {
        let first = client.get(path);
        assert_eq!(first.status, 200);
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let tag = first.header("etag").unwrap().to_owned();
        // Also from another process of the same version.
        let other =
            start()
                .connect()
                .request("GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        assert_eq!(other.status, 304, "{path}");
        for (method, tags, status) in [
            ("GET", tag.clone(), 304),
            ("HEAD", tag.clone(), 304),
            ("GET", format!("W/{tag}"), 304),
            ("GET", format!("\"x\", {tag}"), 304),
            ("GET", "*".to_owned(), 304),
            ("GET", "\"x\"".to_owned(), 200),
        ] {
            let asked = format!("If-None-Match: {tags}\r\n");
            let again = client.request(method, path, &asked, "");
            assert_eq!(again.status, status, "{method} {path} {tags}");
            assert_eq!(again.header("etag"), Some(&*tag));
            assert_eq!(again.header("cache-control"), Some("no-cache"));
            assert!(again.body.is_empty() || status == 200);
        }
    }
    // A tag belongs to one content.
    let tag = client.get("/docs").header("etag").unwrap().to_owned();
    let other = client.request(
        "GET",
        "/docs/start.js",
        &format!("If-None-Match: {tag}\r\n"),
        "",
    );
    assert_eq!(other.status, 200);
}

#[test]
fn not_ready_while_draining() {
    let server = start();
    let mut client = server.connect();
    let health = json(&client.get("/health"));
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime_seconds"].as_f64().unwrap() >= 0.0);
    let ready = client.get("/health/ready");
    assert_eq!((ready.status, ready.text()), (200, r#"{"status":"ok"}"#));

    // A request whose head has begun to arrive when the drain begins is answered. Nothing tells
    // when its first bytes were read, so this gives them more time where they were not.
    let drained = (1..=5).find_map(|attempt| {
        let mut server = start();
        let mut idle = server.connect();
        idle.get("/health/live");
        let mut late = server.connect();
        late.send("GET /health/ready HTTP/1.1\r\n");
        std::thread::sleep(Duration::from_millis(50 * attempt));
        server.begin_stop();
        // An idle connection is closed when the drain begins.
        assert!(idle.is_closed());
        let mut answer = String::new();
        let sent = late.stream.write_all(b"Host: test\r\n\r\n");
        let read = sent.and_then(|()| late.stream.read_to_string(&mut answer));
        (read.is_ok() && !answer.is_empty()).then_some(answer)
    });
    let drained = drained.expect("an answer during the drain");
    assert!(drained.starts_with("HTTP/1.1 503 "), "{drained}");
    assert!(drained.ends_with(r#"{"status":"draining"}"#), "{drained}");
}

#[test]
fn the_documentation_brings_all_it_needs() {
    let server = start();
    let mut client = server.connect();
    for (page, base) in [("/docs", "/"), ("/docs/", "/docs/")] {
        let page = client.get(page);
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        let mut files = 0;
        for attribute in ["href=\"", "src=\"", "data-document=\""] {
            for part in page.text().split(attribute).skip(1) {
                let link = part.split('"').next().unwrap();
                if link == "data:," {
                    continue;
                }
                assert!(!link.contains(':') && !link.starts_with('/'), "{link}");
                let path = match link.strip_prefix("../") {
                    Some(up) => format!("/{up}"),
                    None => format!("{base}{link}"),
                };
                let file = client.get(&path);
                assert_eq!(file.status, 200, "{path}");
                assert!(!file.body.is_empty() && file.header("content-type").is_some());
                files += 1;
            }
        }
        // Style, two scripts, and the document twice.
        assert_eq!(files, 5);
    }
    let document = json(&client.get("/openapi.json"));
    assert_eq!(document["openapi"], "3.1.0");
}
