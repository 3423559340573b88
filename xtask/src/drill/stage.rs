//! Prometheus and Alertmanager with the kit's own files, in a hurry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{alertmanager, hurried};
use crate::alerts::kit::Kit;
use crate::alerts::{tool, yaml};
use crate::foreign_server::ForeignServer;
use crate::http::Client;
use crate::prometheus::backfill::{self, Past};
use crate::prometheus::process::PrometheusProcess;
use crate::prometheus::targets;

/// The job of our servers.
pub(super) const JOB: &str = "tallied";

/// Prometheus tells Alertmanager of each alert so often, where its default is a minute.
const RESEND: &str = "--rules.alert.resend-delay=1s";

/// What yesterday's visitors asked for, a second.
const YESTERDAY_RATE: f64 = 50.0;

pub(super) struct Tools {
    pub(super) promtool: PathBuf,
    pub(super) prometheus: PathBuf,
    pub(super) alertmanager: PathBuf,
}

pub(super) struct Stage {
    folder: PathBuf,
    pub(super) prometheus: PrometheusProcess,
    pub(super) alertmanager: ForeignServer,
}

impl Stage {
    /// `servers` are what is scraped first, and `receiver` is where notifications go.
    pub(super) fn start(
        kit: &Kit,
        tools: &Tools,
        folder: &Path,
        client: &Client,
        servers: &[&str],
        receiver: &str,
    ) -> Result<Self> {
        let read = |path: PathBuf| -> Result<Value> {
            let shown = path.display().to_string();
            yaml::parse(&shown, &yaml::read_text(&path)?)
        };
        let config = read(kit.alertmanager_config())?;
        let config = hurried::alertmanager(&config, receiver)?;
        let alertmanager_config = write(folder, "alertmanager.yml", &config)?;
        let alertmanager =
            alertmanager::start(&tools.alertmanager, &alertmanager_config, folder, client)?;

        let config = read(kit.prometheus_config())?;
        for (name, rules) in hurried::rules(&kit.rules, &config)? {
            write(folder, &format!("rules/{name}"), &rules)?;
        }
        let config = hurried::prometheus(&config, alertmanager.address())?;
        let config = write(folder, "prometheus.yml", &config)?;
        write_yesterday(&tools.promtool, folder)?;
        write_targets(folder, JOB, servers)?;
        tool::must_pass(
            Command::new(&tools.promtool)
                .args(["check", "config"])
                .arg(&config),
        )?;
        let prometheus = PrometheusProcess::start_with(
            &tools.prometheus,
            &config,
            folder,
            client,
            &[RESEND, hurried::LOOKBACK],
        )?;
        let stage = Self {
            folder: folder.to_owned(),
            prometheus,
            alertmanager,
        };
        stage.set_targets("prometheus", &[stage.prometheus.address()])?;
        stage.set_targets("alertmanager", &[stage.alertmanager.address()])?;
        Ok(stage)
    }

    /// What service discovery finds of a job.
    pub(super) fn set_targets(&self, job: &str, targets: &[&str]) -> Result<()> {
        write_targets(&self.folder, job, targets)
    }

    pub(super) fn print_logs(&self) {
        self.prometheus.print_log();
        self.alertmanager.print_log();
    }
}

fn write_targets(folder: &Path, job: &str, targets: &[&str]) -> Result<()> {
    let folder = folder.join("targets");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    targets::write(&folder.join(format!("{job}.json")), targets, &[])
}

fn write(folder: &Path, name: &str, content: &Value) -> Result<PathBuf> {
    let path = folder.join(name);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, content.to_string()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Prometheus is new, and an alert compares with yesterday, so the rate of yesterday's requests is made up and written into its
/// store. From 26 to 10 minutes ago, which are hours: the alert looks 24 back. The windows of a day and more have these
/// requests in them, too.
fn write_yesterday(promtool: &Path, folder: &Path) -> Result<()> {
    const MINUTE: Duration = Duration::from_secs(60);
    let past = Past {
        metric: "job:http_requests:rate5m",
        labels: &format!("job=\"{JOB}\""),
        value: YESTERDAY_RATE,
        ago: (26 * MINUTE, 10 * MINUTE),
        step: hurried::INTERVAL,
    };
    backfill::write(promtool, folder, &folder.join("data"), &past)
}
