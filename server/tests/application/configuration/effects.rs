//! What takes effect in the server.

use std::io::BufRead;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{assert_line, binary, folder, start};
use crate::support::Server;

#[test]
fn a_host_name_is_listened_on() {
    let folder = folder("host-name");
    let server = Server::spawn(binary(&folder).args(["--listen", "localhost:0"]));
    assert_eq!(server.connect().get("/health").status, 200);
}

#[test]
fn prefix_and_constant_labels_are_in_the_scrape() {
    let folder = folder("labels");
    let file = "metric_prefix = 'shop'\nconstant_labels = { env = \"a\\\"b\" }\n";
    std::fs::write(folder.join("tallied.toml"), file).unwrap();
    let server = start(&mut binary(&folder));
    let mut client = server.connect();
    client.get("/data");
    let scrape = client.get("/metrics");
    let line =
        r#"shop_http_requests_total{env="a\"b",method="GET",endpoint="/data",status_code="200"} 1"#;
    assert_line(scrape.text(), line);
    let samples = scrape.text().lines().filter(|line| !line.starts_with('#'));
    for sample in samples {
        assert!(sample.starts_with("shop_"), "{sample}");
        assert!(sample.contains(r#"{env="a\"b""#), "{sample}");
    }
}

#[test]
fn the_interval_of_the_process_figures_takes_effect() {
    let folder = folder("interval");
    let server = start(binary(&folder).args(["--system-metrics-interval-seconds", "0.02"]));
    let mut client = server.connect();
    let mut cpu_seconds = || -> f64 {
        let scrape = client.get("/metrics");
        let value = scrape
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
        value.unwrap().parse().unwrap()
    };
    let began = Instant::now();
    let (mut changes, mut last) = (0, cpu_seconds());
    // At the default interval there are none in this time, but for the first.
    while changes < 3 {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{changes} changes"
        );
        let now = cpu_seconds();
        changes += i32::from(now != last);
        last = now;
    }
}

#[cfg(unix)]
#[test]
fn the_drain_takes_as_long_as_it_says() {
    let folder = folder("drain");
    let mut server = start(binary(&folder).args(["--drain-seconds", "0.25"]));
    let mut client = server.connect();
    client.send("POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n");
    let mut scraper = server.connect();
    let in_flight = r#"http_requests_in_flight{method="POST"} 1"#;
    let began = Instant::now();
    while !scraper.get("/metrics").text().contains(in_flight) {
        assert!(
            began.elapsed() < crate::support::DEADLINE,
            "never in flight"
        );
    }
    let began = Instant::now();
    let kill = format!("kill -TERM {}", server.child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let mut stopping = String::new();
    server.stderr().read_line(&mut stopping).unwrap();
    assert!(stopping.contains("for 0.25 seconds at most"), "{stopping}");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let took = began.elapsed();
    assert!(
        (Duration::from_millis(250)..Duration::from_secs(8)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn buckets_the_cap_on_endpoints_and_the_limits_take_effect() {
    let folder = folder("effect");
    let toml = r#"
        [http]
        duration_buckets = [0.25, 2]
        request_size_buckets = [7]
        response_size_buckets = [8]
        max_endpoints = 2
        [http.endpoints."/data"]
        duration_buckets = [5, inf]
        [limits]
        body_bytes = 60
        values = 2
        name_characters = 3
        records = 1
    "#;
    std::fs::write(folder.join("tallied.toml"), toml).unwrap();
    let server = start(&mut binary(&folder));
    let mut client = server.connect();
    let json = "Content-Type: application/json\r\n";
    for (status, body) in [
        (201, r#"{"name":"abc","values":[1,2]}"#),
        (201, r#"{"name":"abc","values":[1,2]}"#),
        (422, r#"{"name":"abcd","values":[1,2]}"#),
        (422, r#"{"name":"abc","values":[1,2,3]}"#),
        (
            413,
            r#"{"name":"abc","values":[1,2] ,"x":"..............................."}"#,
        ),
    ] {
        // The connection of a 413 may be closed.
        let answer = server.connect().request("POST", "/data", json, body);
        assert_eq!(answer.status, status, "{body}");
    }
    assert!(client.get("/data").text().contains(r#""kept":1"#));
    // The first two patterns, by name, are / and /data.
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.get("/health/live").status, 200);
    let scrape = client.get("/metrics");
    for series in [
        r#"http_request_duration_seconds_bucket{method="POST",endpoint="/data",le="5"} 5"#,
        r#"http_request_duration_seconds_bucket{method="GET",endpoint="/",le="0.25"} 1"#,
        r#"http_request_size_bytes_bucket{method="GET",endpoint="/",le="7"} 1"#,
        r#"http_response_size_bytes_bucket{method="GET",endpoint="/",le="8"} 0"#,
        r#"http_requests_total{method="GET",endpoint="overflow",status_code="200"} 1"#,
        "http_requests_endpoint_overflow_total 2",
    ] {
        assert_line(scrape.text(), series);
    }
    let own = r#"http_request_duration_seconds_bucket{method="POST",endpoint="/data",le="0.25"}"#;
    assert!(!scrape.text().contains(own), "{own}");
}
