//! The documentation page, in a real browser without network: it shows every operation, a call
//! from the page works, and nothing is asked of anybody else.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::report::ok;
use crate::server_process::ServerProcess;
use crate::webdriver::Browser;
use crate::workspace::Workspace;

const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn run(workspace: &Workspace, server: Option<&Path>) -> Result<()> {
    let binary = cargo::server(workspace, server)?;
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut server = ServerProcess::start(&binary, folder.path())?;
    let outcome = check(server.url());
    if outcome.is_err() {
        server.print_log();
    }
    outcome?;
    server.stop()?;
    Ok(())
}

fn check(url: &str) -> Result<()> {
    let documented = operations(url)?;
    let browser = Browser::start()?;
    browser.open(&format!("{url}/docs"))?;
    let shown = "return document.querySelectorAll('.opblock').length";
    poll::until("the operations on the page", PAGE_TIMEOUT, || {
        let count = browser.run(shown)?.as_u64().unwrap_or_default();
        Ok(if count == documented {
            Try::Done(())
        } else {
            Try::NotYet(format!("{count} of {documented} operations"))
        })
    })?;
    ok(format!(
        "/docs shows the {documented} operations of /openapi.json"
    ));

    for (operation, status) in [
        ("operations-health-health", "200"),
        ("operations-data-submit", "201"),
    ] {
        let answered = execute(&browser, operation)?;
        ensure!(
            answered.starts_with(status),
            "Execute of {operation} should answer {status} and answers {answered:?}"
        );
        ok(format!("Execute of {operation}: {status}"));
    }
    let asked = requests(&browser.log("performance")?, url)?;
    ok(format!(
        "{asked} requests, none failed and none went elsewhere"
    ));
    let console = browser.log("browser")?;
    ensure!(console.is_empty(), "the console says: {console:?}");
    ok("the console is empty");
    Ok(())
}

/// How many operations the OpenAPI document has.
fn operations(url: &str) -> Result<u64> {
    let document: Value =
        serde_json::from_str(&Client::new().get(&format!("{url}/openapi.json"))?.body)
            .context("/openapi.json is no JSON")?;
    let paths = document["paths"]
        .as_object()
        .context("/openapi.json has no paths")?;
    let methods = ["get", "post", "put", "patch", "delete"];
    let of = |path: &Value| {
        methods
            .iter()
            .filter(|method| path.get(*method).is_some())
            .count()
    };
    Ok(paths.values().map(of).sum::<usize>() as u64)
}

/// Opens an operation, tries it out, and returns what the page says of the answer.
fn execute(browser: &Browser, operation: &str) -> Result<String> {
    // One step at a time: the page draws between them.
    let script = format!(
        "const block = document.getElementById('{operation}');
         const live = block.querySelector('.live-responses-table td.response-col_status:not(.col_header)');
         if (live) return live.innerText;
         const next = block.querySelector('button.execute')
             ?? block.querySelector('button.try-out__btn')
             ?? (block.classList.contains('is-open') ? null : block.querySelector('.opblock-summary-control'));
         next?.click();
         return null;"
    );
    poll::until("the answer on the page", PAGE_TIMEOUT, || {
        Ok(match browser.run(&script)?.as_str() {
            Some(text) => Try::Done(text.to_owned()),
            None => Try::NotYet(format!("no answer in {operation}")),
        })
    })
}

/// Counts the requests of the page's log; fails where one failed or went elsewhere.
pub(crate) fn requests(log: &[Value], url: &str) -> Result<usize> {
    let mut asked = 0;
    for entry in log {
        let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or_default())?;
        let message = &message["message"];
        let of = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                asked += 1;
                let to = of["request"]["url"].as_str().unwrap_or_default();
                let ours = to.starts_with(&format!("{url}/")) || to.starts_with("data:");
                ensure!(ours, "the page asks for {to}");
            }
            Some("Network.responseReceived") => {
                let status = of["response"]["status"].as_u64().unwrap_or_default();
                ensure!(status < 400, "{} answers {status}", of["response"]["url"]);
            }
            Some("Network.loadingFailed") => anyhow::bail!("a request failed: {}", of["errorText"]),
            _ => {}
        }
    }
    Ok(asked)
}
