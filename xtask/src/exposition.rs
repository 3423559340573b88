//! Checks what a live server's /metrics answers: the headers, the end, promtool's opinion.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::alerts::tool;
use crate::child::ChildGuard;
use crate::http::{Answer, Client};
use crate::report;
use crate::traffic::KINDS;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What Prometheus 2.42 sends.
pub(crate) const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Runs after the traffic; `folder` gets the documents, for a look at what promtool complained about.
pub(crate) fn check(client: &Client, server: &str, promtool: &Path, folder: &Path) -> Result<()> {
    let metrics = format!("{server}/metrics");
    let by_default = client.get(&metrics)?;
    expect("GET /metrics", &by_default, TEXT)?;
    lint("GET /metrics", &by_default.body, promtool, folder)?;
    check_lines(&by_default.body)?;

    let url = format!("{metrics}?format=text");
    // The parameter wins over the header.
    let text = client.get_with(&url, &[], &[("accept", ACCEPT)])?;
    expect("GET /metrics?format=text", &text, TEXT)?;
    lint("GET /metrics?format=text", &text.body, promtool, folder)?;

    let openmetrics = client.get(&format!("{metrics}?format=openmetrics"))?;
    expect("GET /metrics?format=openmetrics", &openmetrics, OPENMETRICS)?;
    check_end("GET /metrics?format=openmetrics", &openmetrics.body)?;

    let negotiated = client.get_with(&metrics, &[], &[("accept", ACCEPT)])?;
    let what = "GET /metrics with Prometheus's Accept header";
    expect(what, &negotiated, OPENMETRICS)?;
    check_end(what, &negotiated.body)
}

fn expect(what: &str, answer: &Answer, content_type: &str) -> Result<()> {
    ensure!(
        answer.status == 200 && answer.content_type == content_type,
        "{what}: expected 200 with Content-Type `{content_type}`; seen: {} with `{}`",
        answer.status,
        answer.content_type
    );
    report::ok(format_args!("{what}: 200, Content-Type: {content_type}"));
    Ok(())
}

fn check_end(what: &str, body: &str) -> Result<()> {
    let end = body.get(body.len().saturating_sub(40)..).unwrap_or(body);
    ensure!(
        body.ends_with("\n# EOF\n"),
        "{what}: expected `# EOF` and a newline at the end; seen: {end:?}"
    );
    report::ok(format_args!("{what}: {} bytes, ends in # EOF", body.len()));
    Ok(())
}

/// The lines as the documentation promises them, to the letter.
fn check_lines(body: &str) -> Result<()> {
    for kind in &KINDS {
        let line = format!(
            "http_requests_total{{method=\"{}\",endpoint=\"{}\",status_code=\"{}\"}} {}",
            kind.method(),
            kind.endpoint,
            kind.status,
            kind.count
        );
        ensure!(
            body.lines().any(|seen| seen == line),
            "GET /metrics: expected the line `{line}`; seen: {:#?}",
            body.lines()
                .filter(|seen| seen.starts_with("http_requests_total"))
                .collect::<Vec<_>>()
        );
        report::ok(line);
    }
    Ok(())
}

/// `promtool check metrics`; it exits 3 on what it finds.
fn lint(what: &str, body: &str, promtool: &Path, folder: &Path) -> Result<()> {
    let document = folder.join("exposition.txt");
    let findings = folder.join("promtool.log");
    // From a file: a pipe that we fill while promtool fills another one can block both.
    fs::write(&document, body).with_context(|| format!("cannot write {}", document.display()))?;
    let stdin = File::open(&document).context("cannot open the exposition again")?;
    let log = File::create(&findings).context("cannot create promtool's log")?;
    let stdout = log.try_clone().context("cannot share promtool's log")?;
    let mut command = Command::new(promtool);
    command
        .args(["check", "metrics"])
        .stdin(stdin)
        .stdout(stdout)
        .stderr(log);
    let status = ChildGuard::spawn("promtool", &mut command)?.wait()?;
    ensure!(
        status.code() == Some(0),
        "{what}: `promtool check metrics` must exit 0; it ended with {status}, and found:\n{}",
        fs::read_to_string(&findings).unwrap_or_default()
    );
    report::ok(format_args!(
        "{what}: promtool check metrics finds nothing in {} lines",
        body.lines().count()
    ));
    Ok(())
}

/// `promtool check config`.
pub(crate) fn check_config(promtool: &Path, config: &Path) -> Result<()> {
    tool::must_pass(Command::new(promtool).args(["check", "config"]).arg(config))?;
    report::ok("promtool check config accepts the generated prometheus.yml");
    Ok(())
}
