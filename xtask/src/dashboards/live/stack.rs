//! Two servers and a Prometheus that scrapes them and itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::choice::JOB;
use crate::exposition;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus::api::Api;
use crate::prometheus::backfill::{self, Past};
use crate::prometheus::process::PrometheusProcess;
use crate::prometheus::targets;
use crate::report::ok;
use crate::server_process::ServerProcess;
use crate::tools::Tools;

pub(super) const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Stack<'a> {
    binary: &'a Path,
    folder: PathBuf,
    first: ServerProcess,
    second: ServerProcess,
    prometheus: PrometheusProcess,
}

impl<'a> Stack<'a> {
    pub(super) fn start(
        folder: &Path,
        tools: &Tools,
        binary: &'a Path,
        rules: &Path,
        client: &Client,
    ) -> Result<Self> {
        let first = start_server(binary, &folder.join("first"), "127.0.0.1:0")?;
        let second = start_server(binary, &folder.join("second"), "127.0.0.1:0")?;
        let config = folder.join("prometheus.yml");
        let itself = folder.join("itself.json");
        let text = configuration([first.address(), second.address()], rules, &itself);
        fs::write(&config, text).context("cannot write prometheus.yml")?;
        exposition::check_config(&tools.promtool, &config)?;
        // Where it will keep its own.
        let data = folder.join("data");
        backfill::write(&tools.promtool, folder, &data, &yesterday())?;
        let prometheus = PrometheusProcess::start(&tools.prometheus, &config, folder, client)?;
        // Its address is known only now.
        targets::write(&itself, &[prometheus.address()], &[])?;
        ok(format_args!(
            "two servers, on {} and {}, and Prometheus on {}",
            first.url(),
            second.url(),
            prometheus.url()
        ));
        Ok(Self {
            binary,
            folder: folder.to_owned(),
            first,
            second,
            prometheus,
        })
    }

    pub(super) fn first_address(&self) -> &str {
        self.first.address()
    }

    pub(super) fn second_address(&self) -> &str {
        self.second.address()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn prometheus_url(&self) -> &str {
        self.prometheus.url()
    }

    /// Until both servers were scraped, and so long after the first began that its next start is a later second.
    pub(super) fn wait_for_scrapes(&self, api: &Api<'_>) -> Result<()> {
        let query = format!("time() - process_start_time_seconds{{job=\"{JOB}\"}} > 2");
        poll::until("both servers' scrapes", SCRAPE_TIMEOUT, || {
            let seen = api.query(&query)?;
            Ok(match seen.len() {
                2 => Try::Done(()),
                count => Try::NotYet(format!("{count} answers to {query}")),
            })
        })
    }

    /// As a deployment does: a stop, and a start on the same address.
    pub(super) fn restart_first(&mut self) -> Result<()> {
        let address = self.first.address().to_owned();
        self.first.stop()?;
        self.first = start_server(self.binary, &self.folder.join("first-again"), &address)?;
        Ok(())
    }

    pub(super) fn check_alive(&mut self) -> Result<()> {
        self.first.check_alive()?;
        self.second.check_alive()
    }

    pub(super) fn print_logs(&self) {
        self.first.print_log();
        self.second.print_log();
        self.prometheus.print_log();
    }

    pub(super) fn stop(mut self) -> Result<()> {
        self.first.stop()?;
        self.second.stop()?;
        self.prometheus.stop()
    }
}

fn start_server(binary: &Path, folder: &Path, address: &str) -> Result<ServerProcess> {
    fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = Command::new(binary);
    command
        // Where no tallied.toml is.
        .current_dir(folder)
        .args(["--listen", address, "--faults"])
        // It panics on purpose, some times a second; traces would be most of the load.
        .env("RUST_BACKTRACE", "0")
        // As often as it is scraped.
        .args(["--system-metrics-interval-seconds", "1"])
        // Uploads that are left are soon noticed, and a stop waits for nobody.
        .args(["--drain-seconds", "1"]);
    ServerProcess::start_command(command, folder)
}

/// A day ago, for panels that compare with it: what the recording rules would have written, for longer than this takes.
fn yesterday() -> Past<'static> {
    const MINUTE: Duration = Duration::from_secs(60);
    Past {
        metric: "job:http_requests:rate5m",
        labels: "job=\"tallied\"",
        value: 40.0,
        ago: (DAY + 10 * MINUTE, DAY - 10 * MINUTE),
        step: Duration::from_secs(15),
    }
}

/// The rules as they are; an Alertmanager that is not there, so that Prometheus counts what did not reach it.
fn configuration(servers: [&str; 2], rules: &Path, itself: &Path) -> String {
    let interval = SCRAPE_INTERVAL.as_secs();
    let config = json!({
        "global": {
            "scrape_interval": format!("{interval}s"),
            "scrape_timeout": format!("{interval}s"),
            "evaluation_interval": format!("{interval}s"),
        },
        "rule_files": [rules.join("*.yml")],
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": ["127.0.0.1:9"] }] }] },
        "scrape_configs": [
            { "job_name": JOB, "static_configs": [{ "targets": servers }] },
            { "job_name": "prometheus", "file_sd_configs": [{ "files": [itself] }] },
        ],
    });
    // JSON is YAML.
    format!("{config:#}\n")
}
