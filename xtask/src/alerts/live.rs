//! A real server's exposition, with the series in it that only appear when something happens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::exposed::Exposed;
use super::tool;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::server_process::ServerProcess;

const APPEAR_TIMEOUT: Duration = Duration::from_secs(15);
const SOCKET_TIMEOUT: Duration = Duration::from_secs(5);

/// What must have appeared: a disconnect is noticed a little later than it happens, and the processors are not known in
/// the first 200 ms.
const APPEARS: [(&str, &str, &str); 7] = [
    (ABORTED, "reason", "client_disconnect"),
    (ABORTED, "reason", "panic"),
    (ABORTED, "reason", "body_error"),
    (ABORTED, "endpoint", "/data"),
    (REQUESTS, "endpoint", "unmatched"),
    (REQUESTS, "status_code", "503"),
    ("system_cpu_usage_ratio", "cpu", "total"),
];
const ABORTED: &str = "http_requests_aborted_total";
const REQUESTS: &str = "http_requests_total";

/// Starts the server, makes it fail in every way that it counts, and reads both text formats. With a prefix the server
/// runs with it, too.
pub(crate) fn exposition(binary: &Path, prefix: Option<&str>) -> Result<Exposed> {
    let folder = tempfile::Builder::new()
        .prefix("tallied-alerts-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let mut command = Command::new(binary);
    command
        // Where no tallied.toml is.
        .current_dir(folder.path())
        .args([
            "--listen",
            "127.0.0.1:0",
            "--faults",
            "--http-handler-polls",
        ]);
    if let Some(prefix) = prefix {
        command.args(["--metric-prefix", prefix]);
    }
    let mut server = ServerProcess::start_command(command, folder.path())?;
    let exposed = provoke(server.address()).and_then(|()| scraped(&mut server, prefix));
    let exposed = exposed.inspect_err(|_| server.print_log())?;
    server.stop()?;
    Ok(exposed)
}

/// What it says of its configuration when nobody has configured anything.
pub(crate) fn printed_config(binary: &Path) -> Result<String> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut command = Command::new(binary);
    // Where no tallied.toml is, and without its variables.
    command.current_dir(folder.path()).arg("--print-config");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TALLIED_") {
            command.env_remove(name);
        }
    }
    let outcome = tool::run(&mut command)?;
    ensure!(
        outcome.passed,
        "{} --print-config failed: {}",
        binary.display(),
        outcome.output
    );
    Ok(outcome.output)
}

/// Makes a server with the fault route fail in every way that it counts, once. `server` is `127.0.0.1:PORT`.
pub(crate) fn provoke(server: &str) -> Result<()> {
    let client = Client::new();
    let url = |path: &str| format!("http://{server}{path}");
    for path in [
        "/",
        "/health",
        "/health/live",
        "/health/ready",
        "/data",
        "/nothing",
        "/docs",
        "/openapi.json",
        "/fault?status=500",
        "/fault?status=503",
    ] {
        client.get(&url(path))?;
    }
    client.post_json(&url("/data"), r#"{"name":"x","values":[1,2,3]}"#)?;
    client.post_json(&url("/data"), "no JSON")?;
    client.delete(&url("/data"))?;
    // None of these has an answer that a client library would take.
    for query in ["panic=true", "chunks=4&fail_at=2", "chunks=4&panic_at=2"] {
        let mut stream = asked(server, query)?;
        // Whatever comes until it breaks off.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let stream = asked(server, "delay_seconds=60")?;
    // A client that leaves while it sends: the same, of an endpoint that people know.
    let mut upload = connection(server)?;
    write!(
        upload,
        "POST /data HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
    )
    .context("cannot send to the server")?;
    // So that the handlers have begun.
    thread::sleep(Duration::from_millis(100));
    drop((stream, upload));
    Ok(())
}

fn connection(server: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(server).context("cannot connect to the server")?;
    stream
        .set_read_timeout(Some(SOCKET_TIMEOUT))
        .context("cannot set up a socket")?;
    Ok(stream)
}

fn asked(server: &str, query: &str) -> Result<TcpStream> {
    let mut stream = connection(server)?;
    write!(
        stream,
        "GET /fault/aborts?{query} HTTP/1.1\r\nhost: x\r\n\r\n"
    )
    .context("cannot send to the server")?;
    Ok(stream)
}

/// What is only exposed by a server whose cgroup has limits.
const OF_LIMITS: [&str; 7] = [
    "process_cgroup_memory_limit_bytes",
    "process_cgroup_memory_usage_bytes",
    "process_cgroup_memory_working_set_bytes",
    "process_cgroup_cpu_limit_cores",
    "process_cgroup_cpu_periods_total",
    "process_cgroup_cpu_throttled_periods_total",
    "process_cgroup_cpu_throttled_seconds_total",
];

fn scraped(server: &mut ServerProcess, prefix: Option<&str>) -> Result<Exposed> {
    let client = Client::new();
    let name = |name: &str| match prefix {
        Some(prefix) => format!("{prefix}_{name}"),
        None => name.to_owned(),
    };
    let document = |format: &str| {
        let url = format!("{}/metrics?format={format}", server.url());
        let answer = client.get(&url)?;
        ensure!(answer.status == 200, "GET {url}: {}", answer.status);
        let limits = OF_LIMITS.map(|metric| format!("{} 1\n", name(metric)));
        Ok(answer.body + &limits.concat())
    };
    poll::until("series that come later", APPEAR_TIMEOUT, || {
        let exposed = Exposed::parse(&document("text")?, &document("openmetrics")?)?;
        let missing = APPEARS
            .into_iter()
            .find(|&(metric, label, value)| !exposed.has(&name(metric), label, value));
        Ok(match missing {
            None => Try::Done(exposed),
            Some((metric, label, value)) => {
                Try::NotYet(format!("no {metric} has {label}=\"{value}\""))
            }
        })
    })
}
