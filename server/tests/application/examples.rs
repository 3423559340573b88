//! The examples of `tallied-salvo`, run as their heads say.

use std::process::Command;

use crate::support::Server;

fn example(name: &str) -> Server {
    // target/debug/deps/examples-… → target/debug/examples/…
    let this = std::env::current_exe().unwrap();
    let program = this.parent().unwrap().with_file_name("examples").join(name);
    assert!(
        program.exists(),
        "no {program:?}: cargo builds the examples with the tests, if all are run"
    );
    Server::spawn_saying(1, Command::new(program).arg("127.0.0.1:0"))
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
}

#[test]
fn minimal() {
    let server = example("minimal");
    let mut client = server.connect();
    assert_eq!(client.get("/hello/you").text(), "hello, you\n");
    let scrape = client.get("/metrics");
    for line in [
        r#"http_requests_total{method="GET",endpoint="/hello/{name}",status_code="200"} 1"#,
        r#"http_requests_total{method="GET",endpoint="/hello/{name}",status_code="500"} 0"#,
    ] {
        assert_line(scrape.text(), line);
    }
}

#[test]
fn with_a_registry_of_prometheus_client() {
    let server = example("prometheus_client");
    let mut client = server.connect();
    assert_eq!(client.get("/checkout").text(), "thank you\n");
    for accept in ["text/plain", "application/openmetrics-text"] {
        let scrape = client.request("GET", "/metrics", &format!("Accept: {accept}\r\n"), "");
        assert_line(scrape.text(), "shop_orders_total 1");
        let ours = r#"http_requests_total{method="GET",endpoint="/checkout",status_code="200"} 1"#;
        assert_line(scrape.text(), ours);
    }
}

#[test]
fn nested_routers() {
    let server = example("nested_routers");
    let mut client = server.connect();
    assert_eq!(client.get("/api/v1/users/7").status, 401);
    let authorized = "Authorization: me\r\n";
    let user = client.request("GET", "/api/v1/users/7", authorized, "");
    assert_eq!(user.text(), "user 7\n");
    assert_eq!(client.get("/internal/health").status, 200);
    let report = client.request("GET", "/api/v1/users/7/report", authorized, "");
    assert_eq!(report.status, 200);
    let scrape = client.get("/internal/metrics");
    for line in [
        r#"shop_http_requests_total{method="GET",endpoint="/api/v1/users/{id}",status_code="401"} 1"#,
        r#"shop_http_requests_total{method="GET",endpoint="/api/v1/users/{id}",status_code="200"} 1"#,
        r#"shop_http_request_duration_seconds_bucket{method="GET",endpoint="/api/v1/users/{id}/report",le="0.1"} 0"#,
    ] {
        assert_line(scrape.text(), line);
    }
    assert!(!scrape.text().contains("/internal"), "{}", scrape.text());
}
