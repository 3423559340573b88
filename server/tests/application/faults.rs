//! The fault route: what each fault does to its client, and how it is recorded.

use std::io::Read;

use crate::support::{Server, sample};

fn total(endpoint: &str, status: &str) -> String {
    format!(
        "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"{status}\"}}"
    )
}

fn aborted(reason: &str) -> String {
    format!("http_requests_aborted_total{{method=\"GET\",endpoint=\"/fault\",reason=\"{reason}\"}}")
}

#[test]
fn without_the_flag_there_is_no_such_path() {
    for server in [Server::start(), Server::with(&["--faults=false"])] {
        for path in ["/fault?status=503", "/fault/aborts?status=503"] {
            assert_eq!(server.connect().get(path).status, 404);
        }
        let scrape = server.scrape();
        assert_eq!(sample(&scrape, &total("unmatched", "404")), Some(2.0));
        assert!(!scrape.contains("/fault"), "{scrape}");
    }
}

#[test]
fn with_the_flag_it_is_warned_of_and_stays_out_of_the_documentation() {
    let mut server = Server::with(&["--faults"]);
    for path in ["/openapi.json", "/", "/docs"] {
        let answer = server.connect().get(path);
        assert_eq!(answer.status, 200);
        assert!(!answer.text().contains("/fault"), "{path}");
    }
    server.child.kill().unwrap();
    let mut said = String::new();
    server.stderr().read_to_string(&mut said).unwrap();
    assert!(said.contains("WARN") && said.contains("/fault"), "{said}");
    assert!(said.contains("faults = true"), "{said}");
}

#[test]
fn statuses_delays_and_chunks_are_answers() {
    let server = Server::with(&["--faults"]);
    let mut client = server.connect();
    assert_eq!(client.get("/fault").text(), "200 OK\n");
    let late = client.get("/fault?delay_seconds=0.2&status=503");
    assert_eq!(late.status, 503);
    assert_eq!(late.text(), "503 Service Unavailable\n");
    assert_eq!(
        client.request("HEAD", "/fault?status=418", "", "").status,
        418
    );
    // Where there is no body, there is no length of one (RFC 9110, section 8.6).
    for status in [204, 304] {
        let path = format!("/fault?status={status}");
        let head = client.request("HEAD", &path, "", "");
        assert_eq!((head.status, head.header("content-length")), (status, None));
    }
    let posted = client.request("POST", "/fault?status=201", "", "some body");
    assert_eq!(posted.status, 201);
    let stream = client.get("/fault?chunks=10&chunk_bytes=100&pace_seconds=0.001&status=206");
    assert_eq!((stream.status, stream.body.len()), (206, 1_000));
    assert_eq!(client.get("/fault?chunks=0").body.len(), 0);

    let scrape = server.scrape();
    for (status, count) in [("200", 2.0), ("503", 1.0), ("206", 1.0)] {
        let count = Some(count);
        assert_eq!(sample(&scrape, &total("/fault", status)), count, "{scrape}");
    }
    let posted = r#"{method="POST",endpoint="/fault"}"#;
    let size = sample(&scrape, &format!("http_request_size_bytes_sum{posted}"));
    assert_eq!(size, Some(9.0));
    let late = r#"http_request_duration_seconds_sum{method="GET",endpoint="/fault"}"#;
    assert!(sample(&scrape, late).unwrap() >= 0.2, "{scrape}");
    assert!(!scrape.contains("http_requests_aborted_total{"), "{scrape}");
}

#[test]
fn panics_and_errors_are_recorded_as_what_they_are() {
    let server = Server::with(&["--faults"]);
    // Before the head: no byte comes.
    let mut client = server.connect();
    client.send("GET /fault?panic=true HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.is_closed());
    server.wait_for(&total("/fault", "500"), 1.0);
    server.wait_for(&aborted("panic"), 1.0);
    // In the middle of a body: the head, some chunks, and no end.
    for (query, reason, count) in [
        ("chunks=10&fail_at=5&status=207", "body_error", 1.0),
        ("chunks=10&fail_at=10&status=207", "body_error", 2.0),
        ("chunks=10&panic_at=5&status=208", "panic", 2.0),
    ] {
        let mut client = server.connect();
        let pace = "chunk_bytes=10&pace_seconds=0.001";
        client.send(format!(
            "GET /fault?{query}&{pace} HTTP/1.1\r\nHost: x\r\n\r\n"
        ));
        assert!(matches!(client.head().status, 207 | 208));
        while let Some(chunk) = client.try_chunk() {
            assert_eq!(chunk.len(), 10, "{query}: an end that is none");
        }
        server.wait_for(&aborted(reason), count);
    }
    let scrape = server.scrape();
    assert_eq!(sample(&scrape, &total("/fault", "207")), Some(2.0));
    assert_eq!(sample(&scrape, &total("/fault", "208")), Some(1.0));
    let in_flight = r#"http_requests_in_flight{method="GET"}"#;
    assert_eq!(sample(&scrape, in_flight), Some(1.0), "the scrape alone");
    server.wait_for("tallied_connections", 1.0);
}

#[test]
fn aborts_are_the_same_under_an_endpoint_of_their_own() {
    let server = Server::with(&["--faults"]);
    let mut client = server.connect();
    assert_eq!(client.get("/fault/aborts?status=503").status, 503);
    assert_eq!(
        client
            .request("POST", "/fault/aborts", "", "some body")
            .status,
        200
    );
    let scrape = server.scrape();
    assert_eq!(sample(&scrape, &total("/fault/aborts", "503")), Some(1.0));
    assert_eq!(sample(&scrape, &total("/fault", "503")), None);
    let posted = r#"http_request_size_bytes_sum{method="POST",endpoint="/fault/aborts"}"#;
    assert_eq!(sample(&scrape, posted), Some(9.0));
}

#[test]
fn a_wrong_parameter_is_a_problem_that_names_it() {
    let server = Server::with(&["--faults"]);
    let mut client = server.connect();
    for (query, field) in [
        ("delay=1", "delay"),
        ("delay_seconds=601", "delay_seconds"),
        ("status=99", "status"),
        ("chunks=1&fail_at=2", "fail_at"),
    ] {
        let answer = client.get(&format!("/fault?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let json = Some("application/problem+json");
        assert_eq!(answer.header("content-type"), json);
        let problem: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(problem["field"], field, "{query}");
        assert!(
            problem["detail"].as_str().unwrap().contains("give "),
            "{query}"
        );
    }
    assert_eq!(server.sample(&total("/fault", "400")), Some(4.0));
    assert_eq!(client.request("PUT", "/fault", "", "").status, 405);
}

#[test]
fn a_page_of_another_origin_gets_none_of_it() {
    let server = Server::with(&["--faults"]);
    let cross = ["cross-site", "same-site", "same-site, none", ""];
    let cross = cross.map(|site| (format!("Sec-Fetch-Site: {site}\r\n"), "Sec-Fetch-Site"));
    let foreign = [
        "http://evil.example",
        "http://test:8000",
        "http://test.evil.example",
        "null",
        "test",
    ];
    let foreign = foreign.map(|origin| (format!("Origin: {origin}\r\n"), "Origin"));
    for path in [
        "/fault?panic=true",
        "/fault/aborts?panic=true",
        "/fault?wrong=1",
    ] {
        for (method, body) in [("GET", ""), ("POST", "x")] {
            for (headers, field) in cross.iter().chain(&foreign) {
                let answer = server.connect().request(method, path, headers, body);
                assert_eq!(answer.status, 403, "{method} {path} {headers}");
                let kind = answer.header("content-type");
                assert_eq!(kind, Some("application/problem+json"));
                let wanted = format!(r#""field":"{field}""#);
                assert!(answer.text().contains(&wanted), "{}", answer.text());
            }
        }
    }
    for headers in [
        "",
        "Sec-Fetch-Site: same-origin\r\n",
        // An address that was typed.
        "Sec-Fetch-Site: none\r\n",
        "Origin: http://test\r\n",
        "Origin: https://TEST\r\n",
        // Behind a proxy that gives itself as the host.
        "Sec-Fetch-Site: same-origin\r\nOrigin: https://outside.example\r\n",
    ] {
        for (method, body) in [("GET", ""), ("POST", "x")] {
            let answer = server
                .connect()
                .request(method, "/fault?status=503", headers, body);
            assert_eq!(answer.status, 503, "{headers}");
        }
    }
    let panics = r#"http_requests_aborted_total{method="GET",endpoint="/fault",reason="panic"}"#;
    assert_eq!(server.sample(panics).unwrap_or(0.0), 0.0);
}
