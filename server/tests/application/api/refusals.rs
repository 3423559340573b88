//! What is refused, how the problem names it, and that it is counted.

use super::{counted, json, problem, start};
use crate::support::JSON;

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
