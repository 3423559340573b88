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

/// RFC 4648, section 4: how the protocol hands over a picture.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => anyhow::bail!("no base64: {letter}"),
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Ok(bytes)
}

fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{from_base64, port};

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(from_base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(from_base64("+/8=").unwrap(), [0xfb, 0xff]);
        assert!(from_base64("Zm 9v").is_err());
    }

    #[test]
    fn reads_chromedrivers_port() {
        assert_eq!(
            port("ChromeDriver was started successfully on port 43527."),
            Some(43527)
        );
        assert_eq!(port("Starting ChromeDriver 1 on port 0"), None);
    }
}
