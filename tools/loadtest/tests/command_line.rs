//! The program as it is called: a mistake is one line that says how to mend it, exit status 2, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-loadtest"));
    for variable in ["LOADTEST_SERVER", "LOADTEST_REPORT"] {
        command.env_remove(variable);
    }
    command.args(args).output().unwrap()
}

/// It ends with exit status 2 and this one line.
fn mistake(args: &[&str], says: &str) {
    let output = run(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.contains(says),
        "{args:?}: {stderr}"
    );
    assert!(output.stdout.is_empty(), "{args:?}");
}

/// Answers everything with this, and never ends.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn what_cannot_be_asked_for_says_what_can() {
    mistake(&["--scenario", "none"], "smoke, mixed");
    mistake(&["--scenario", "./none.toml"], "cannot read the scenario");
    mistake(&["--rate", "0"], "above 0");
    mistake(&["--rate", "-5"], "invalid value '-5' for '--rate");
    mistake(&["--duration", "-5s"], "above 0 and of at most a week");
    mistake(&["--rat", "5"], "--rate");
    mistake(&["--duration", "30"], "such as 30s");
    mistake(&["--slo", "p99>1s"], "p99<250ms");
    mistake(&["--slo", "nothing:p99<1s"], "list, show");
    mistake(&["--threads", "9", "--connections", "8"], "--connections 8");
    mistake(&["--find-max", "--repetitions", "2"], "--find-max");
    mistake(&[], "--target URL or --server PATH");
    mistake(&["--server", "./none"], "no server at ./none");
    mistake(&["--target", "127.0.0.1:1"], "http://");
    mistake(&["--target", "http://127.0.0.1:1/x"], "has a path");
    mistake(
        &["--compare", "none.json", "--target", "http://127.0.0.1:1"],
        "report.json",
    );
}

#[test]
fn a_file_that_is_no_scenario_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "description = 'x'\nrat = 5\n").unwrap();
    mistake(
        &["--scenario", path.to_str().unwrap()],
        "line 2: unknown field `rat`",
    );
    std::fs::write(&path, "description = 'x\n").unwrap();
    mistake(&["--scenario", path.to_str().unwrap()], "line 1");
}

#[test]
fn a_target_that_will_not_do_says_why() {
    // Bound and closed again: nobody else is on it for now.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("http://127.0.0.1:{port}");
    mistake(&["--target", &nobody], "start the server");
    // All that the name stands for was tried.
    mistake(
        &["--target", &format!("http://localhost:{port}")],
        &format!("127.0.0.1:{port}"),
    );

    let nothing =
        server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    mistake(&["--target", &nothing], "--faults");
    mistake(
        &["--target", &nothing, "--scenario", "scanner"],
        "--metrics-url",
    );
    let page = server(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
    );
    mistake(
        &["--target", &page, "--scenario", "scanner"],
        "no exposition",
    );
    let other = server(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: 21\r\nconnection: close\r\n\r\n\
         # TYPE up gauge\nup 1\n",
    );
    mistake(
        &["--target", &other, "--scenario", "scanner"],
        "no http_requests_total",
    );
}

#[test]
fn an_old_report_must_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    let compare = |text: &str, says: &str| {
        std::fs::write(&path, text).unwrap();
        mistake(&["--compare", path.to_str().unwrap()], says);
    };
    compare("{", "no JSON");
    compare("{}", "has the schema null");
    compare("{\"schema\": \"tallied-loadtest/1\"}", "not a whole report");
}

#[test]
fn help_has_examples_and_every_exit_status() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Usage: tallied-loadtest "), "{help}");
    let examples = help
        .lines()
        .filter(|line| line.trim_start().starts_with("tallied-loadtest -"));
    assert!(examples.count() >= 3, "{help}");
    for status in ["0", "1", "2", "3", "4", "5", "130"] {
        let says = |line: &str| {
            line.trim_start()
                .split_once("  ")
                .is_some_and(|(first, _)| first == status)
        };
        assert!(help.lines().any(says), "{status}: {help}");
    }
}
