//! A Prometheus that asks for protobuf reads the same as from the text formats.
//!
//! Prometheus 2.42 asks for it with `--enable-feature=native-histograms`. What later versions do with start
//! times is for later versions to show.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::api::{Api, Sample};
use super::process::PrometheusProcess;
use super::series_name;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::report::ok;
use crate::tools::Tools;

/// The job that asks as Prometheus does; the others' format is named in the query.
const PROTOBUF: &str = "protobuf";
const JOBS: [&str; 3] = [PROTOBUF, "openmetrics", "text"];

const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);

fn configuration(server: &str) -> String {
    let jobs = JOBS.map(|job| {
        let params = match job {
            PROTOBUF => String::new(),
            _ => format!("    params:\n      format: [{job}]\n"),
        };
        format!(
            "  - job_name: {job}
{params}    static_configs:
      - targets: ['{server}']
"
        )
    });
    format!(
        "global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
{}",
        jobs.concat()
    )
}

/// To be called when nobody makes requests but for scrapes.
pub(super) fn check(client: &Client, server: &str, tools: &Tools, folder: &Path) -> Result<()> {
    let folder = folder.join(PROTOBUF);
    fs::create_dir_all(&folder).context("cannot make a folder for the second Prometheus")?;
    let config = folder.join("prometheus.yml");
    let address = server.trim_start_matches("http://");
    fs::write(&config, configuration(address)).context("cannot write prometheus.yml")?;
    let flags = ["--enable-feature=native-histograms"];
    let binary = &tools.prometheus;
    let mut prometheus = PrometheusProcess::start_with(binary, &config, &folder, client, &flags)?;
    let checked = compare(&Api::new(client, prometheus.url()));
    if checked.is_err() {
        prometheus.print_log();
    }
    checked?;
    prometheus.stop()
}

fn compare(api: &Api) -> Result<()> {
    poll::until("a scrape of each job", SCRAPE_TIMEOUT, || {
        let up = api.query("up == 1")?.len();
        Ok(if up == JOBS.len() {
            Try::Done(())
        } else {
            Try::NotYet(format!("{up} jobs are up"))
        })
    })?;
    // OpenMetrics' TYPE line has the name without `_total`, and the text's bound 1 is written `1`.
    let kind = api.metric_type(PROTOBUF, "http_requests_total")?;
    let bounds = api.query(&format!(
        "http_request_duration_seconds_bucket{{job=\"{PROTOBUF}\",le=\"1.0\"}}"
    ))?;
    ensure!(
        kind.as_deref() == Some("counter") && !bounds.is_empty(),
        "job {PROTOBUF} was not scraped in protobuf: {kind:?}, {bounds:?}"
    );
    let all = api.query("{job!=\"\"}")?;
    let [protobuf, openmetrics, text] = JOBS.map(|job| series(&all, job));
    for (job, other) in [("openmetrics", &openmetrics), ("text", &text)] {
        let differing: Vec<_> = protobuf
            .iter()
            .filter(|(name, value)| other.get(*name) != Some(value))
            .collect();
        ensure!(
            differing.is_empty() && protobuf.len() == other.len(),
            "{} series in protobuf, {} in {job}; these differ: {differing:#?}",
            protobuf.len(),
            other.len()
        );
    }
    ok(format_args!(
        "{} series, the same in protobuf, OpenMetrics and text; {} of them with the same value to the bit",
        protobuf.len(),
        protobuf.values().flatten().count()
    ));
    Ok(())
}

/// The series of a job, and their values where nothing changes between two scrapes.
fn series(all: &[Sample], job: &str) -> BTreeMap<String, Option<u64>> {
    let own = all.iter().filter(|sample| sample.label("job") == job);
    own.map(|sample| {
        let endpoint = sample.label("endpoint");
        let settled = !endpoint.is_empty() && endpoint != "/metrics";
        (series_name(sample), settled.then(|| sample.value.to_bits()))
    })
    .collect()
}
