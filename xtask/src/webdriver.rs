//! A headless browser without network, driven by the WebDriver protocol through chromedriver.
//!
//! Source: <https://www.w3.org/TR/webdriver2/>; the logs are chromedriver's own addition.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::child::ChildGuard;
use crate::http::Client;

const START_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Browser {
    client: Client,
    /// `http://127.0.0.1:PORT/session/ID`.
    session: String,
    _driver: ChildGuard,
}

impl Browser {
    /// Starts chromedriver, of `XTASK_CHROMEDRIVER` or on PATH, and through it a browser that
    /// reaches nothing but 127.0.0.1.
    pub(crate) fn start() -> Result<Self> {
        let named = env::var_os("XTASK_CHROMEDRIVER").map(PathBuf::from);
        let binary = named.unwrap_or_else(|| "chromedriver".into());
        let mut command = Command::new(&binary);
        command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut driver = ChildGuard::spawn("chromedriver", &mut command).with_context(|| {
            format!(
                "cannot start {}: install Chromium and its driver (apt-get install chromium chromium-driver), \
                 or set XTASK_CHROMEDRIVER=/path/to/chromedriver",
                binary.display()
            )
        })?;
        let port = driver.first_line("chromedriver's port", START_TIMEOUT, port)?;
        let client = Client::new();
        let base = format!("http://127.0.0.1:{port}/session");
        let made = post(
            &client,
            &base,
            &json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ] },
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        } } }),
        )?;
        let id = made["sessionId"]
            .as_str()
            .context("chromedriver made no session")?;
        Ok(Self {
            client,
            session: format!("{base}/{id}"),
            _driver: driver,
        })
    }

    pub(crate) fn open(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).map(drop)
    }

    /// What a script in the page returns.
    pub(crate) fn run(&self, script: &str) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The entries of a log since it was last asked for.
    pub(crate) fn log(&self, of: &str) -> Result<Vec<Value>> {
        let log = self.post("se/log", &json!({ "type": of }))?;
        Ok(log.as_array().cloned().unwrap_or_default())
    }

    /// A command of the browser's own protocol.
    pub(crate) fn devtools(&self, command: &str, params: &Value) -> Result<Value> {
        let body = json!({ "cmd": command, "params": params });
        self.post("goog/cdp/execute", &body)
    }

    fn post(&self, command: &str, body: &Value) -> Result<Value> {
        post(&self.client, &format!("{}/{command}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; the driver is ended after it.
        let _ = self.client.delete(&self.session);
    }
}

fn post(client: &Client, url: &str, body: &Value) -> Result<Value> {
    let answer = client.post_json(url, &body.to_string())?;
    let mut value: Value =
        serde_json::from_str(&answer.body).context("chromedriver spoke no JSON")?;
    ensure!(
        answer.status == 200,
        "chromedriver: {}",
        value["value"]["message"]
    );
    Ok(value["value"].take())
}

fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::port;

    #[test]
    fn reads_chromedrivers_port() {
        assert_eq!(
            port("ChromeDriver was started successfully on port 43527."),
            Some(43527)
        );
        assert_eq!(port("Starting ChromeDriver 1 on port 0"), None);
    }
}
