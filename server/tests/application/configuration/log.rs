//! What the log says, and in which form.

use std::io::BufRead;
use std::process::Stdio;
use std::time::Instant;

use super::{assert_line, binary, folder, start};
use crate::support::Server;

const SECRETS: &str = "Authorization: Bearer secret-header\r\nContent-Type: application/json\r\n";

#[test]
fn a_json_line_a_request_has_the_documented_fields_and_no_secret() {
    let folder = folder("json");
    let mut server = start(binary(&folder).args(["--log-level", "debug", "--log-format", "json"]));
    let mut lines = server.stderr().lines();
    let mut client = server.connect();
    let body = r#"{"name":"secret-body","values":[1]}"#;
    let made = client.request("POST", "/data?token=secret-query", SECRETS, body);
    assert_eq!(made.status, 201);
    let lost = client.request("GET", "/lost%0Aline?token=secret-query", SECRETS, "");
    assert_eq!(lost.status, 404);

    for (answer, method, place, path) in [
        (&made, "POST", "endpoint", "/data"),
        (&lost, "GET", "path", "/lost%0Aline"),
    ] {
        let line = lines.next().unwrap().unwrap();
        assert!(!line.contains("secret"), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut fields: Vec<_> = line.as_object().unwrap().keys().map(|key| &**key).collect();
        fields.sort_unstable();
        let mut documented = vec![
            "timestamp",
            "level",
            "target",
            "message",
            "request_id",
            "method",
            place,
            "status",
            "bytes",
            "duration_seconds",
        ];
        documented.sort_unstable();
        assert_eq!(fields, documented);
        assert_eq!(line["level"], "DEBUG");
        assert_eq!(line["message"], "request");
        assert_eq!(line["method"], method);
        assert_eq!(line[place], path);
        assert_eq!(line["status"], answer.status);
        assert_eq!(line["bytes"], answer.body.len());
        assert!(line["duration_seconds"].as_f64().unwrap() > 0.0);
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(line["request_id"].to_string(), id);
    }
    assert_ne!(made.header("x-request-id"), lost.header("x-request-id"));
}

/// The lines that a command wrote, each a JSON object with these fields at least.
fn json_lines(written: &[u8]) -> Vec<serde_json::Value> {
    let written = std::str::from_utf8(written).unwrap();
    let lines = written.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "no {field} in {line}");
        }
        line
    });
    lines.collect()
}

#[cfg(unix)]
#[test]
fn a_json_log_is_an_object_a_line_from_the_start_to_the_stop() {
    let folder = folder("objects");
    let mut command = binary(&folder);
    command.args(["--log-format", "json", "--log-level", "debug", "--faults"]);
    // What asks std for a backtrace is no reason for another form.
    command.env("RUST_BACKTRACE", "1");
    let mut server = start(&mut command);
    // A head with what ends a line for some, in the bytes that an HTTP/1 path may have.
    let mut client = server.connect();
    client.send("GET /\u{85}\u{9b}31m\u{2028}\u{2029} HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer(false).status, 404);
    let mut client = server.connect();
    client.send("GET /fault?panic=true HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.is_closed());
    // One that is in progress, so that there is something to cut off.
    let _upload = crate::support::upload(&server, 0);
    server.signal("-TERM");
    let mut stderr = server.stderr();
    let mut written = Vec::new();
    while !String::from_utf8_lossy(&written).contains("stopping: ") {
        assert!(stderr.read_until(b'\n', &mut written).unwrap() > 0);
    }
    server.signal("-TERM");
    std::io::Read::read_to_end(&mut stderr, &mut written).unwrap();
    assert_eq!(server.exit(), Some(0));
    let text = String::from_utf8(written.clone()).unwrap();
    assert!(
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')),
        "{text:?}"
    );
    let lines = json_lines(&written);
    let with = |message: &str| -> Vec<&serde_json::Value> {
        let has = |line: &&serde_json::Value| line["message"].as_str().unwrap().contains(message);
        lines.iter().filter(has).collect()
    };
    let panics = with("panic: ");
    assert_eq!(panics.len(), 1, "one event: {text}");
    assert_eq!(panics[0]["level"], "ERROR");
    assert_eq!(
        panics[0]["message"],
        "panic: a panic that /fault was asked for"
    );
    assert!(
        panics[0]["place"]
            .as_str()
            .unwrap()
            .contains("faults/mod.rs:"),
        "{text}"
    );
    assert!(panics[0].get("backtrace").is_none(), "{text}");
    assert_eq!(with("stopping: ").len(), 1, "{text}");
    assert_eq!(with("stopping at once").len(), 1, "{text}");
    assert_eq!(with("/fault is there").len(), 1, "{text}");
    let path = "/\u{85}\u{9b}31m\u{2028}\u{2029}";
    let odd = lines.iter().filter(|line| line["path"] == path);
    assert_eq!(odd.count(), 1, "{text:?}");
}

#[test]
fn a_backtrace_is_in_the_event_where_it_is_asked_for() {
    let folder = folder("backtrace");
    let mut server = start(
        binary(&folder)
            .args(["--log-format", "json", "--faults"])
            .env("RUST_BACKTRACE", "full"),
    );
    let mut client = server.connect();
    client.send("GET /fault?panic=true HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.is_closed());
    server.child.kill().unwrap();
    let mut written = Vec::new();
    std::io::Read::read_to_end(&mut server.stderr(), &mut written).unwrap();
    let lines = json_lines(&written);
    let backtrace = lines.iter().find_map(|line| line["backtrace"].as_str());
    assert!(backtrace.unwrap().lines().count() > 5, "{lines:?}");
}

#[test]
fn where_the_log_is_json_so_is_all_that_a_start_says() {
    let folder = folder("json-start");
    let server = Server::start();
    let taken = server.address.to_string();
    let json = ["--log-format", "json"];
    for arguments in [
        &["--listen", &taken][..],
        &["--log-level", "inof"],
        &["--limits-body-bytes", "0"],
        &["--constant-labels", "method=x"],
        &["--metrics-listen", &taken],
    ] {
        let mut command = binary(&folder);
        command
            .env("TALLIED_LISTEN", "127.0.0.1:0")
            .args(json)
            .args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let lines = json_lines(&output.stderr);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], "ERROR");
        assert!(output.stdout.is_empty());
    }
    let mut command = binary(&folder);
    command.env("TALLIED_LOG_FORMAT", "json");
    let unknown = command.arg("--unknown").output().unwrap();
    assert_eq!(json_lines(&unknown.stderr).len(), 1);
    // Two addresses on standard output, whatever the level.
    let mut command = binary(&folder);
    command
        .args(json)
        .args(["--log-level", "error", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    for _ in 0..2 {
        stdout.read_until(b'\n', &mut said).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = json_lines(&said);
    let listening = said[0]["message"].as_str().unwrap();
    assert!(
        listening.starts_with("listening on http://127.0.0.1:"),
        "{said:?}"
    );
    assert!(
        said[1]["message"].as_str().unwrap().contains("/metrics"),
        "{said:?}"
    );
}

#[test]
fn a_human_line_says_the_same() {
    let folder = folder("human");
    let mut server = start(binary(&folder).env("TALLIED_LOG_LEVEL", "debug"));
    let mut lines = server.stderr().lines();
    let health = server.connect().get("/health?token=secret");
    let line = lines.next().unwrap().unwrap();
    for word in [
        "DEBUG",
        "request_id=1",
        "method=\"GET\"",
        "endpoint=\"/health\"",
        "status=200",
        &format!("bytes={}", health.body.len()),
        "duration_seconds=",
    ] {
        assert!(line.contains(word), "no {word} in: {line}");
    }
    assert!(
        !line.contains("secret") && !line.contains('\u{1b}'),
        "{line}"
    );
}

#[test]
fn a_client_that_leaves_has_its_line_too() {
    let folder = folder("left");
    let mut server = start(binary(&folder).args(["--log-level", "debug", "--log-format", "json"]));
    let mut lines = server.stderr().lines();
    let mut client = server.connect();
    client.send("POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n{");
    let mut scraper = server.connect();
    let in_flight = r#"http_requests_in_flight{method="POST"} 1"#;
    let mut scrapes = 0;
    let began = Instant::now();
    while {
        scrapes += 1;
        !scraper.get("/metrics").text().contains(in_flight)
    } {
        assert!(
            began.elapsed() < crate::support::DEADLINE,
            "never in flight"
        );
    }
    drop(client);
    let posts = lines.by_ref().take(scrapes + 1).filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line.as_ref().unwrap()).unwrap();
        line["method"] == "POST" && line["endpoint"] == "/data"
    });
    assert_eq!(posts.count(), 1);
}

#[test]
fn below_debug_requests_are_not_logged() {
    let folder = folder("quiet");
    let mut server = start(&mut binary(&folder));
    let answer = server.connect().get("/data");
    assert_eq!(answer.header("x-request-id"), None);
    server.child.kill().unwrap();
    let mut lines = server.stderr().lines();
    assert!(lines.next().is_none());
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let folder = folder("closed");
    let mut server = start(binary(&folder).args(["--log-level", "debug"]));
    drop(server.child.stderr.take());
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/data").status, 200);
    }
    let line = r#"http_requests_total{method="GET",endpoint="/data",status_code="200"} 3"#;
    assert_line(client.get("/metrics").text(), line);
}
