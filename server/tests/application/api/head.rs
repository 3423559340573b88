//! HEAD, wherever GET is.

use super::start;
use crate::support::{Answer, JSON};

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
