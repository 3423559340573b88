//! A real Prometheus on a free port of loopback, stopped on every way out.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::child::ChildGuard;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus_api::Api;
use crate::report;

/// The job that is scraped as Prometheus likes it: it asks for OpenMetrics first.
pub(crate) const OPENMETRICS: &str = "openmetrics";
/// The job that is scraped as text 0.0.4.
pub(crate) const TEXT: &str = "text";
pub(crate) const JOBS: [&str; 2] = [OPENMETRICS, TEXT];

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// How often another process may take the port between our choice and Prometheus's bind.
const PORT_TRIES: u32 = 5;

pub(crate) struct PrometheusProcess {
    guard: ChildGuard,
    url: String,
    log: PathBuf,
}

/// Both jobs scrape the same server; their label tells them apart.
pub(crate) fn configuration(server: &str) -> String {
    format!(
        "global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: {OPENMETRICS}
    metrics_path: /metrics
    static_configs:
      - targets: ['{server}']
  - job_name: {TEXT}
    metrics_path: /metrics
    params:
      format: [text]
    static_configs:
      - targets: ['{server}']
"
    )
}

impl PrometheusProcess {
    /// Starts it with `config` and waits until it is ready. `folder` gets its data and its stderr.
    pub(crate) fn start(
        binary: &Path,
        config: &Path,
        folder: &Path,
        client: &Client,
    ) -> Result<Self> {
        let data = folder.join("data");
        let log = folder.join("prometheus.log");
        for attempt in 1.. {
            let mut started = Self::spawn(binary, config, &data, &log)?;
            let ready = started.wait_until_ready(&data, client);
            match ready {
                Ok(()) => return Ok(started),
                Err(_) if attempt < PORT_TRIES && lost_the_port(&log) => {
                    println!("prometheus: another process took its port; trying another one");
                }
                Err(error) => {
                    started.print_log();
                    return Err(error.context("Prometheus did not start"));
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    fn spawn(binary: &Path, config: &Path, data: &Path, log: &Path) -> Result<Self> {
        // Unlike our server it does not say which port it got, so it cannot be given port 0. The port is
        // free now; whether Prometheus gets it is seen by whether it starts.
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("there is no free port on loopback")?;
        let stderr =
            File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        Ok(Self {
            guard: ChildGuard::spawn("Prometheus", &mut command)?,
            url: format!("http://{address}"),
            log: log.to_owned(),
        })
    }

    fn wait_until_ready(&mut self, data: &Path, client: &Client) -> Result<()> {
        let api = Api::new(client, &self.url);
        poll::until("Prometheus's /-/ready", READY_TIMEOUT, || {
            if let Some(status) = self.guard.exited()? {
                bail!("it ended: {status}");
            }
            if !api.is_ready() {
                return Ok(Try::NotYet("it is not ready".to_owned()));
            }
            // Whoever took the port may be a Prometheus too. Ours then ends, which the next try sees.
            let answering = api.flag("storage.tsdb.path")?;
            Ok(if Path::new(&answering) == data {
                Try::Done(())
            } else {
                Try::NotYet(format!("another Prometheus, of {answering}, has its port"))
            })
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn print_log(&self) {
        report::print_log("Prometheus", &self.log);
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        let status = self.guard.terminate(STOP_TIMEOUT)?.with_context(|| {
            format!("Prometheus did not end within {STOP_TIMEOUT:?} of a SIGTERM")
        })?;
        ensure!(status.success(), "Prometheus ended with {status}");
        Ok(())
    }
}

fn lost_the_port(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|log| log.contains("address already in use"))
}
