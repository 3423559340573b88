//! The binary, as its user and a scraper meet it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output};
use std::time::Instant;

use crate::support::{Client, JSON, Server};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tallied-server"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_scrape_has_the_documented_lines_and_content_type() {
    let server = Server::start();
    let mut client = Client::connect(server.address);
    for _ in 0..42 {
        assert_eq!(client.get("/data").status, 200);
    }
    let scrape = client.get("/metrics");
    assert_eq!(
        scrape.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let line = r#"http_requests_total{method="GET",endpoint="/data",status_code="200"} 42"#;
    assert!(
        scrape.text().lines().any(|l| l == line),
        "{}",
        scrape.text()
    );
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
        "process_open_fds",
    ] {
        let value = scrape
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 = value
            .unwrap_or_else(|| panic!("no {name}"))
            .parse()
            .unwrap();
        assert!(
            value > 0.0 || name == "process_cpu_seconds_total",
            "{name} {value}"
        );
    }
}

#[test]
fn endpoints_answer() {
    let server = Server::start();
    let mut client = Client::connect(server.address);
    assert!(client.get("/").text().contains("Welcome"));
    assert!(client.get("/health").text().contains(r#""status":"ok""#));
    let made = client.request("POST", "/data", JSON, r#"{"name":"a","values":[1,2,6]}"#);
    assert_eq!(made.status, 201);
    assert!(made.text().contains(r#""mean":3.0"#), "{}", made.text());
    assert!(client.get("/data").text().contains(r#""name":"a""#));
    let wrong = client.request("POST", "/data", JSON, r#"{"name":"a","values":[1,"x"]}"#);
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.header("content-type"),
        Some("application/problem+json")
    );
    assert!(
        wrong.text().contains(r#""field":"values[1]""#),
        "{}",
        wrong.text()
    );
    assert_eq!(client.request("POST", "/data", JSON, "{").status, 400);
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(
        Client::connect(server.address)
            .request("POST", "/data", JSON, &large)
            .status,
        413
    );
    assert_eq!(client.get("/metrics?format=nonsense").status, 400);
    let scrape = client.get("/metrics");
    for status in ["201", "422", "400", "413"] {
        let line = format!(
            r#"http_requests_total{{method="POST",endpoint="/data",status_code="{status}"}} 1"#
        );
        assert!(scrape.text().contains(&line), "{line}\n{}", scrape.text());
    }
}

/// The samples of a document: name and labels, and the value.
type Samples = BTreeMap<String, Vec<f64>>;

/// By a parser that shares nothing with the writers.
macro_rules! samples {
    ($exposition:expr) => {{
        let mut samples = Samples::new();
        for (name, family) in &$exposition.families {
            let name = name.trim_end_matches("_total");
            for sample in family.iter_samples() {
                let labels = sample.get_labelset().unwrap();
                let mut labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
                labels.sort();
                let series = format!("{name} {labels:?}");
                let value = numbers(&format!("{:?}", sample.value));
                assert!(
                    samples.insert(series, value).is_none(),
                    "a series stands there twice"
                );
            }
        }
        samples
    }};
}

/// The numbers in what the parser made of a value: it has an enum of its own for each format,
/// and says `Int(1)` here and `Float(1.0)` there.
fn numbers(value: &str) -> Vec<f64> {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric() && !".+-".contains(c));
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn both_formats_hold_the_same_samples() {
    let server = Server::start();
    let mut client = Client::connect(server.address);
    for path in ["/", "/data", "/health", "/nowhere"] {
        client.get(path);
    }
    let text = client.get("/metrics?format=text");
    let open = client.request(
        "GET",
        "/metrics",
        "Accept: application/openmetrics-text\r\n",
        "",
    );
    let open_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(open_type));
    assert!(open.text().ends_with("# EOF\n"));
    let text = openmetrics_parser::prometheus::parse_prometheus(text.text()).unwrap();
    // The parser knows no units of histograms, which the specification allows.
    let unitless: String = open
        .text()
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("# UNIT"))
        .collect();
    let open = openmetrics_parser::openmetrics::parse_openmetrics(&unitless).unwrap();
    // What does not change between two scrapes; the first scrape is in the second.
    let relevant = |samples: Samples| -> Samples {
        let fixed = |name: &str| name.starts_with("http_") && !name.contains("/metrics");
        samples
            .into_iter()
            .filter(|(name, _)| fixed(name))
            .collect()
    };
    let (text, open) = (relevant(samples!(text)), relevant(samples!(open)));
    assert!(text.len() > 15, "{text:#?}");
    assert_eq!(text, open);
}

#[test]
fn a_wrong_start_exits_2_with_one_line() {
    let server = Server::start();
    for arguments in [
        &["--listen", &server.address.to_string()][..],
        &["--listen", "nonsense"],
        &["--listen", "192.0.2.1:80"], // RFC 5737: nobody's
        &["--unknown"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(
            line.contains("--listen") || line.contains("--help"),
            "{line}"
        );
        assert!(output.stdout.is_empty());
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    assert!(
        String::from_utf8(run(&["--version"]).stdout)
            .unwrap()
            .starts_with("tallied-server ")
    );
}

#[cfg(unix)]
#[test]
fn signals_drain_and_exit_0() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::start();
        // One that is idle, and one in the middle of a request.
        let mut idle = Client::connect(server.address);
        idle.get("/health");
        let mut client = upload_in_progress(&server);
        server.signal(signal);
        let mut stopping = String::new();
        let stderr = server.child.stderr.as_mut().unwrap();
        BufReader::new(stderr).read_line(&mut stopping).unwrap();
        assert!(
            stopping.contains(" INFO ") && stopping.contains("stopping: "),
            "{stopping}"
        );
        client.send(r#"{"name":"late","values":[1]}"#);
        assert_eq!(
            client.answer(false).status,
            201,
            "the request at hand is finished"
        );
        let status = server.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

/// An upload that is in progress, and stays so.
#[cfg(unix)]
fn upload_in_progress(server: &Server) -> Client {
    let mut client = Client::connect(server.address);
    client.send(format!(
        "POST /data HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 28\r\n\r\n"
    ));
    let mut scraper = Client::connect(server.address);
    let in_flight = r#"http_requests_in_flight{method="POST"} 1"#;
    let began = Instant::now();
    while !scraper.get("/metrics").text().contains(in_flight) {
        assert!(
            began.elapsed() < crate::support::DEADLINE,
            "never in flight"
        );
    }
    client
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_drain() {
    let mut server = Server::start();
    let mut client = upload_in_progress(&server);
    server.signal("-INT");
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap()).lines();
    assert!(stderr.next().unwrap().unwrap().contains("stopping: "));
    server.signal("-INT");
    assert!(
        stderr
            .next()
            .unwrap()
            .unwrap()
            .ends_with("stopping at once")
    );
    assert!(client.is_closed());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn nobody_reading_what_it_says_is_no_reason_to_drop_a_request() {
    let mut server = Server::start();
    let mut client = upload_in_progress(&server);
    drop(server.child.stderr.take());
    server.signal("-TERM");
    client.send(r#"{"name":"late","values":[1]}"#);
    assert_eq!(client.answer(false).status, 201);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
