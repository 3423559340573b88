//! The binary's configuration and log: which place wins, what a mistake says, what takes effect.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::Server;
use tallied_server::config::KEYS;

/// A folder of a test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("configuration-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The binary in a folder, with none of the caller's configuration.
fn binary(folder: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TALLIED_") {
            command.env_remove(name);
        }
    }
    command
}

/// The server of this command, on a free port.
fn start(command: &mut Command) -> Server {
    Server::spawn(command.env("TALLIED_LISTEN", "127.0.0.1:0"))
}

/// The lines of a configuration that was printed.
fn printed(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.is_empty(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "no {line:?} in:\n{text}");
}

/// The one line that a start was refused with.
fn refusal(command: &mut Command) -> String {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .env("TALLIED_LISTEN", "127.0.0.1:0")
        .spawn()
        .unwrap();
    // One that is not refused would serve for ever.
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > crate::support::DEADLINE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: "), "{line}");
    assert!(output.stdout.is_empty());
    line
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let folder = folder("precedence");
    let file = "metric_prefix = 'file'\ndrain_seconds = 1\n[log]\nlevel = 'warn'\n";
    std::fs::write(folder.join("tallied.toml"), file).unwrap();
    let shown = printed(
        &binary(&folder)
            .args(["--print-config", "--metric-prefix", "flag"])
            .env("TALLIED_METRIC_PREFIX", "variable")
            .env("TALLIED_DRAIN_SECONDS", "2")
            .output()
            .unwrap(),
    );
    for line in [
        r#"metric_prefix = "flag" # flag --metric-prefix"#,
        "drain_seconds = 2 # environment variable TALLIED_DRAIN_SECONDS",
        r#"level = "warn" # file tallied.toml, line 4"#,
        r#"format = "human" # default"#,
        r#"listen = "127.0.0.1:8000" # default"#,
    ] {
        assert_line(&shown, line);
    }
}

#[test]
fn the_file_is_the_flags_or_the_variables_or_the_one_that_lies_there() {
    let folder = folder("files");
    for name in ["tallied.toml", "variable.toml", "flag.toml"] {
        let prefix = name.split('.').next().unwrap();
        std::fs::write(folder.join(name), format!("metric_prefix = '{prefix}'")).unwrap();
    }
    let shown = |command: &mut Command| printed(&command.arg("--print-config").output().unwrap());
    let line =
        |name: &str, file: &str| format!(r#"metric_prefix = "{name}" # file {file}, line 1"#);

    assert_line(
        &shown(&mut binary(&folder)),
        &line("tallied", "tallied.toml"),
    );
    let mut variable = binary(&folder);
    variable.env("TALLIED_CONFIG", "variable.toml");
    assert_line(&shown(&mut variable), &line("variable", "variable.toml"));
    let mut flag = binary(&folder);
    flag.env("TALLIED_CONFIG", "variable.toml");
    flag.args(["--config", "flag.toml"]);
    assert_line(&shown(&mut flag), &line("flag", "flag.toml"));
}

#[test]
fn a_mistake_exits_2_with_one_line_that_names_it() {
    let folder = folder("mistakes");
    std::fs::write(
        folder.join("unsorted.toml"),
        "[http]\nduration_buckets = [\n  2,\n  1,\n]\n",
    )
    .unwrap();
    std::fs::write(folder.join("binary.toml"), b"listen = \"\xff\"").unwrap();
    std::fs::write(folder.join("large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    std::fs::write(
        folder.join("label.toml"),
        "\n[constant_labels]\nmethod = 'x'\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("endpoint.toml"),
        "[http.endpoints.'/dta']\nduration_buckets = [1]\n",
    )
    .unwrap();
    std::fs::create_dir(folder.join("folder.toml")).unwrap();
    let remedy = "give the path of a TOML file that can be read";
    for (arguments, words) in [
        (
            &["--config", "unsorted.toml"][..],
            &[
                "http.duration_buckets = [ 2, 1, ]",
                "unsorted.toml, line 2",
                "sort",
            ][..],
        ),
        (
            &["--config", "none.toml"],
            &["\"none.toml\"", "flag --config", remedy],
        ),
        (&["--config", "folder.toml"], &["\"folder.toml\"", remedy]),
        (
            &["--config", "binary.toml"],
            &["\"binary.toml\"", "UTF-8", remedy],
        ),
        (
            &["--config", "large.toml"],
            &["\"large.toml\"", "larger than", remedy],
        ),
        (
            &["--config", "label.toml"],
            &[
                "constant_labels.method = \"x\"",
                "label.toml, line 2",
                "another name",
            ],
        ),
        (
            &["--config", "endpoint.toml"],
            &[
                "http.endpoints.\"/dta\"",
                "endpoint.toml, line 2",
                "did you mean /data?",
                "give one of /, ",
            ],
        ),
        (
            &["--constant-labels", "le=1"],
            &[
                "constant_labels.le",
                "flag --constant-labels",
                "another name",
            ],
        ),
        (
            &["--listen", "nonsense"],
            &["listen = \"nonsense\"", "flag --listen", "127.0.0.1:8000"],
        ),
        (&["--listen", "a\nb"], &["listen = \"a\\nb\""]),
        (
            &[
                "--listen",
                "127.0.0.1:9999",
                "--metrics-listen",
                "localhost:9999",
            ],
            &[
                "metrics_listen = \"127.0.0.1:9999\"",
                "flag --metrics-listen",
                "listen is 127.0.0.1:9999 already (flag --listen)",
            ],
        ),
        (
            &["--constant-labels", "job=x"],
            &["constant_labels = \"job=x\"", "exported_job"],
        ),
        (
            &["--faults=maybe"],
            &["faults = \"maybe\"", "give true or false"],
        ),
        (
            &["--faults", "maybe"],
            &["'maybe'", "write --faults=true or --faults=false"],
        ),
        (
            &["--system-metrics-interval-seconds", "0"],
            &["system_metrics_interval_seconds = \"0\"", "from 0.001"],
        ),
        (
            &["--system-metrics-interval-seconds", "-1"],
            &["system_metrics_interval_seconds = \"-1\"", "from 0.001"],
        ),
        (
            &["--limits-body-bytes", "100000000"],
            &[
                "limits.bodies_bytes = 67108864 (default)",
                "limits.body_bytes, 100000000 (flag --limits-body-bytes)",
                "raise",
            ],
        ),
        (
            &["--sistem-metrics-interval-seconds", "1"],
            &[
                "--sistem-metrics-interval-seconds",
                "did you mean --system-metrics-interval-seconds?",
                "--help",
            ],
        ),
    ] {
        // A mistake is one whether the configuration is for serving or for looking at.
        for more in [&[][..], &["--print-config"]] {
            let line = refusal(binary(&folder).args(arguments).args(more));
            for word in words {
                assert!(line.contains(word), "no {word:?} in: {line}");
            }
        }
    }
    for (name, value, words) in [
        (
            "TALLIED_CONFIG",
            "none.toml",
            &["none.toml", "environment variable TALLIED_CONFIG", remedy][..],
        ),
        (
            "TALLIED_CONFIG",
            "",
            &["environment variable TALLIED_CONFIG", remedy],
        ),
        (
            "TALLIED_LISTN",
            "127.0.0.1:0",
            &["TALLIED_LISTN", "did you mean TALLIED_LISTEN?"],
        ),
        (
            "TALLIED_METRIC_PREFIX",
            "9",
            &[
                "metric_prefix = \"9\"",
                "environment variable TALLIED_METRIC_PREFIX",
                "use letters",
            ],
        ),
        (
            "TALLIED_HTTP_DURATION_BUCKETS",
            "0.1,nan",
            &["http.duration_buckets", "NaN", "give finite numbers"],
        ),
    ] {
        let line = refusal(binary(&folder).env(name, value));
        for word in words {
            assert!(line.contains(word), "no {word:?} in: {line}");
        }
    }
    // What lies in the working directory and cannot be read is not passed over.
    std::fs::create_dir(folder.join("tallied.toml")).unwrap();
    assert!(refusal(&mut binary(&folder)).contains("\"tallied.toml\""));
}

#[test]
fn a_host_name_is_listened_on() {
    let folder = folder("host-name");
    let server = Server::spawn(binary(&folder).args(["--listen", "localhost:0"]));
    assert_eq!(server.connect().get("/health").status, 200);
}

#[test]
fn what_is_printed_is_a_file_of_the_same_configuration() {
    let folder = folder("round-trip");
    let file = "[http.endpoints.\"/data\"]\nduration_buckets = [0.1, 1, inf]\n";
    std::fs::write(folder.join("tallied.toml"), file).unwrap();
    let first = printed(
        &binary(&folder)
            .args([
                "--print-config",
                "--listen",
                "[::1]:0",
                "--drain-seconds",
                "0.125",
            ])
            .args(["--constant-labels", "env=prod,path=C:\\x \"y\""])
            .env("TALLIED_HTTP_REQUEST_SIZE_BUCKETS", "1e-7,1,1e21,inf")
            .output()
            .unwrap(),
    );
    assert_line(
        &first,
        "duration_buckets = [0.1, 1] # file tallied.toml, line 2",
    );
    std::fs::write(folder.join("again.toml"), &first).unwrap();
    let again = printed(
        &binary(&folder)
            .args(["--config", "again.toml", "--print-config"])
            .output()
            .unwrap(),
    );
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                line.rsplit_once(" # ")
                    .map_or(line, |(value, _)| value)
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(values(&first), values(&again));
    assert!(again.contains("# file again.toml, line "), "{again}");
    assert!(
        !again.contains("# default"),
        "every key is printed: {again}"
    );
}

#[test]
fn the_help_lists_every_variable() {
    let folder = folder("help");
    let help = binary(&folder).arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    let shown = printed(&binary(&folder).arg("--print-config").output().unwrap());
    let mut section = String::new();
    let mut keys = 0;
    for line in shown.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}_", name.trim_end_matches(']'));
        } else if let Some((name, _)) = line.split_once(" = ") {
            let variable = format!("TALLIED_{section}{name}").to_uppercase();
            assert!(help.contains(&variable), "no {variable} in\n{help}");
            keys += 1;
        }
    }
    assert_eq!(keys, KEYS.len());
    assert!(
        help.contains("TALLIED_CONFIG") && help.contains("Examples:"),
        "{help}"
    );
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
