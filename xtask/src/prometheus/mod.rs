//! The Prometheus test: a real Prometheus scrapes a real server in both formats while a client makes a
//! known number of requests, and its answers to queries must be exact. Then the same of the examples of `tallied-tower`. The other
//! modules are what other chores need of a Prometheus, too.

pub(crate) mod api;
pub(crate) mod backfill;
mod examples;
pub(crate) mod process;
mod protobuf;
pub(crate) mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use self::api::{Api, Sample};
use self::process::PrometheusProcess;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::report::{ok, seconds};
use crate::server_process::ServerProcess;
use crate::tools::{self, Tools};
use crate::traffic::{self, KINDS};
use crate::work_folder;
use crate::workspace::Workspace;
use crate::{cargo, exposition};

/// The job that is scraped as Prometheus likes it: it asks for OpenMetrics first.
const OPENMETRICS: &str = "openmetrics";
/// The job that is scraped as text 0.0.4.
const TEXT: &str = "text";
const JOBS: [&str; 2] = [OPENMETRICS, TEXT];

/// Long enough for a 10 s window to hold several samples with different counts.
const TRAFFIC_DURATION: Duration = Duration::from_secs(7);
/// Scrapes come every second; the rest is a busy machine.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn run(workspace: &Workspace, server: Option<&Path>, keep: bool) -> Result<()> {
    let start = Instant::now();
    let tools = tools::find(workspace)?;
    let binary = cargo::server(workspace, server)?;
    let examples = examples::build(workspace)?;
    work_folder::within("tallied-prometheus-", keep, |folder| {
        run_in(folder, &tools, &binary)?;
        examples::run(&folder.join("examples"), &tools, &examples)
    })?;
    println!("the Prometheus test passed in {}", seconds(start.elapsed()));
    Ok(())
}

/// Both jobs scrape the same server; their label tells them apart.
fn configuration(server: &str) -> String {
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

fn run_in(folder: &Path, tools: &Tools, binary: &Path) -> Result<()> {
    let client = Client::new();
    let mut server = ServerProcess::start(binary, folder)?;
    ok(format_args!("the server listens on {}", server.url()));

    let config = folder.join("prometheus.yml");
    let address = server.url().trim_start_matches("http://");
    fs::write(&config, configuration(address)).context("cannot write prometheus.yml")?;
    exposition::check_config(&tools.promtool, &config)?;

    let mut prometheus = PrometheusProcess::start(&tools.prometheus, &config, folder, &client)?;
    ok(format_args!("Prometheus is ready on {}", prometheus.url()));

    let api = Api::new(&client, prometheus.url());
    let checked = check(&client, &mut server, &api)
        .and_then(|()| exposition::check(&client, server.url(), &tools.promtool, folder))
        .and_then(|()| protobuf::check(&client, server.url(), tools, folder))
        // While Prometheus's connections are open, as in production.
        .and_then(|()| server.stop());
    match checked {
        Ok(time) => ok(format_args!(
            "the server drained and exited 0, {} after SIGTERM",
            seconds(time)
        )),
        Err(error) => {
            server.print_log();
            prometheus.print_log();
            return Err(error);
        }
    }
    prometheus.stop()
}

fn check(client: &Client, server: &mut ServerProcess, api: &Api) -> Result<()> {
    // Before the traffic, so that a scrape that fails is seen at once, and every count's first sample
    // is in time: what a series has at its first scrape is no increase.
    wait_for_scrapes(server, api, None)?;
    let last_answer = traffic::run(client, server.url(), &KINDS, TRAFFIC_DURATION)?;
    let total: u32 = KINDS.iter().map(|kind| kind.count).sum();
    ok(format_args!("{total} requests answered as expected"));
    wait_for_scrapes(server, api, Some(last_answer))?;

    check_targets(api)?;
    check_formats(api)?;
    check_counts(api)?;
    check_histograms(api)?;
    check_jobs_agree(api)?;
    check_quantile(api, last_answer)?;
    check_process(api)
}

/// Waits until each job's last scrape succeeded, and began after `after`.
fn wait_for_scrapes(
    server: &mut ServerProcess,
    api: &Api,
    after: Option<SystemTime>,
) -> Result<()> {
    // Prometheus may move a scrape's timestamp by 2 ms to where it was due.
    let after = after
        .map(|time| time + Duration::from_millis(10))
        .unwrap_or(UNIX_EPOCH)
        .duration_since(UNIX_EPOCH)?
        .as_secs_f64();
    let query = format!("up == 1 and timestamp(up) > {after:.3}");
    poll::until("both jobs' scrapes", SCRAPE_TIMEOUT, || {
        server.check_alive()?;
        let up = api.query(&query)?;
        if up.len() == JOBS.len() {
            return Ok(Try::Done(()));
        }
        // Why, from Prometheus itself.
        let states: Vec<String> = api
            .targets()?
            .iter()
            .map(|target| match target.last_error.as_str() {
                "" => format!("{}: no error", target.job),
                error => format!("{}: {error}", target.job),
            })
            .collect();
        Ok(Try::NotYet(format!(
            "{} answers to {query}; targets: {states:?}",
            up.len()
        )))
    })
}

fn check_targets(api: &Api) -> Result<()> {
    let up = api.query("up == 1")?;
    let targets = api.targets()?;
    for target in &targets {
        ensure!(
            target.last_error.is_empty(),
            "/api/v1/targets: the scrape of job {} failed: {}",
            target.job,
            target.last_error
        );
    }
    ensure!(
        up.len() == JOBS.len() && targets.len() == JOBS.len(),
        "up == 1: expected {} targets; seen: {up:?}",
        JOBS.len()
    );
    ok(format_args!(
        "up == 1 ({} targets, no scrape error)",
        up.len()
    ));
    let scraped: Vec<f64> = JOBS
        .iter()
        .map(|job| one(api, &format!("scrape_samples_scraped{{job=\"{job}\"}}")))
        .collect::<Result<_>>()?;
    ensure!(
        scraped[0] == scraped[1] && scraped[0] > 0.0,
        "scrape_samples_scraped: expected the same of {JOBS:?}; seen: {scraped:?}"
    );
    ok(format_args!(
        "scrape_samples_scraped: {} in both jobs",
        scraped[0]
    ));
    Ok(())
}

/// That the two jobs are scraped in two formats: a counter's TYPE line has the name without `_total`
/// in OpenMetrics and with it in text, and Prometheus remembers what it read.
fn check_formats(api: &Api) -> Result<()> {
    for (job, metric) in [
        (OPENMETRICS, "http_requests"),
        (TEXT, "http_requests_total"),
    ] {
        let seen = api.metric_type(job, metric)?;
        ensure!(
            seen.as_deref() == Some("counter"),
            "metadata of job {job}: expected a TYPE line for the counter {metric}; seen: {seen:?}"
        );
        ok(format_args!("job {job}: # TYPE {metric} counter"));
    }
    Ok(())
}

fn check_counts(api: &Api) -> Result<()> {
    for kind in &KINDS {
        for job in JOBS {
            expect(
                api,
                &format!(
                    "http_requests_total{{job=\"{job}\",method=\"{}\",endpoint=\"{}\",\
                     status_code=\"{}\"}}",
                    kind.method(),
                    kind.endpoint,
                    kind.status
                ),
                kind.count,
            )?;
        }
    }
    Ok(())
}

/// A request is an observation in each of the three histograms, and all are in the last bucket.
fn check_histograms(api: &Api) -> Result<()> {
    for job in JOBS {
        for method in ["GET", "POST"] {
            let labels = format!("job=\"{job}\",method=\"{method}\",endpoint=\"/data\"");
            let count = traffic::count("/data", method);
            for metric in [
                "http_request_duration_seconds",
                "http_request_size_bytes",
                "http_response_size_bytes",
            ] {
                expect(api, &format!("{metric}_count{{{labels}}}"), count)?;
                expect(
                    api,
                    &format!("{metric}_bucket{{{labels},le=\"+Inf\"}}"),
                    count,
                )?;
            }
        }
        // HEAD, which nobody sent, is known all the same.
        let query = format!(
            "sum(http_request_duration_seconds_count{{job=\"{job}\",endpoint=\"/data\"}}) by (method)"
        );
        let seen: BTreeMap<String, f64> = api
            .query(&query)?
            .iter()
            .map(|sample| (sample.label("method").to_owned(), sample.value))
            .collect();
        let expected: BTreeMap<String, f64> = ["GET", "HEAD", "POST"]
            .map(|method| {
                (
                    method.to_owned(),
                    f64::from(traffic::count("/data", method)),
                )
            })
            .into();
        ensure!(
            seen == expected,
            "{query}: expected {expected:?}; seen: {seen:?}"
        );
        ok(format_args!("{query}: {seen:?}"));
    }
    Ok(())
}

/// Both formats carry the same series, and the same values where nothing happens between two scrapes:
/// everywhere but in the scrapes' own series and in the process's.
fn check_jobs_agree(api: &Api) -> Result<()> {
    let query = "{job!=\"\"}";
    let all = api.query(query)?;
    let series = |job: &str| -> BTreeMap<String, Option<u64>> {
        all.iter()
            .filter(|sample| sample.label("job") == job)
            .map(|sample| {
                let endpoint = sample.label("endpoint");
                let settled = !endpoint.is_empty() && endpoint != "/metrics";
                // To the bit: both formats write every number in full.
                (series_name(sample), settled.then(|| sample.value.to_bits()))
            })
            .collect()
    };
    let (openmetrics, text) = (series(OPENMETRICS), series(TEXT));
    let names: BTreeSet<&String> = openmetrics.keys().chain(text.keys()).collect();
    let differing: Vec<String> = names
        .into_iter()
        .map(|name| (name, openmetrics.get(name), text.get(name)))
        .filter(|(_, openmetrics, text)| openmetrics != text)
        .map(|(name, openmetrics, text)| {
            let shown = |value: Option<&Option<u64>>| match value {
                Some(Some(bits)) => f64::from_bits(*bits).to_string(),
                Some(None) => "present".to_owned(),
                None => "absent".to_owned(),
            };
            format!("{name}: {} and {}", shown(openmetrics), shown(text))
        })
        .collect();
    ensure!(
        differing.is_empty() && !text.is_empty(),
        "{query}: expected the same series and values in both jobs; these differ ({OPENMETRICS} and {TEXT}): \
         {differing:#?}"
    );
    ok(format_args!(
        "{query}: {} series, the same in both jobs; {} of them with the same value to the bit",
        text.len(),
        text.values().flatten().count()
    ));

    // And nothing was counted under labels that nobody asked about.
    let expected: u32 = KINDS.iter().map(|kind| kind.count).sum();
    for job in JOBS {
        let query = format!("sum(http_requests_total{{job=\"{job}\",endpoint!=\"/metrics\"}})");
        expect(api, &query, expected)?;
    }
    Ok(())
}

/// The name and the labels but for the job. A bound is written `1` in text and `1.0` in OpenMetrics,
/// which Prometheus 2 takes for two values.
fn series_name(sample: &Sample) -> String {
    let labels = sample.labels.iter().filter(|(name, _)| *name != "job");
    let labels = labels.map(|(name, value)| match value.parse::<f64>() {
        Ok(bound) if name == "le" => format!("le={bound}"),
        _ => format!("{name}={value}"),
    });
    labels.collect::<Vec<_>>().join(" ")
}

/// The windows of the rates end at the last answer, so that they hold the traffic however long the
/// wait for the scrapes took.
fn check_quantile(api: &Api, at: SystemTime) -> Result<()> {
    for job in JOBS {
        let query = format!(
            "histogram_quantile(0.95, sum(rate(\
             http_request_duration_seconds_bucket{{job=\"{job}\"}}[10s])) by (le, endpoint))"
        );
        let samples = api.query_at(&query, at)?;
        let value = samples
            .iter()
            .find(|sample| sample.label("endpoint") == "/data")
            .map(|sample| sample.value);
        ensure!(
            value.is_some_and(|value| value.is_finite() && value > 0.0),
            "{query}: expected a time for endpoint=\"/data\"; seen: {samples:?}"
        );
        ok(format_args!(
            "{query}: {} s for /data",
            value.unwrap_or_default()
        ));
    }
    Ok(())
}

/// The figures whose size is roughly known: that they are there, in the unit that their names say.
fn check_process(api: &Api) -> Result<()> {
    // A scrape sees itself in flight, and the other job's now and then.
    let figures = [
        ("http_requests_in_flight{method=\"GET\"}", 1.0, 2.0),
        ("process_resident_memory_bytes", 1e5, 1e11),
        ("process_virtual_memory_bytes", 1e5, 1e15),
        ("process_open_fds", 3.0, 1e4),
        // Linux knows the time of its start to a second.
        ("time() - process_start_time_seconds", -2.0, 600.0),
    ];
    for (query, low, high) in figures {
        let samples = api.query(query)?;
        let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        ensure!(
            values.len() == JOBS.len() && values.iter().all(|v| (low..=high).contains(v)),
            "{query}: expected a value of {low} to {high} in each job; seen: {samples:?}"
        );
        ok(format_args!("{query}: {values:?}"));
    }
    Ok(())
}

/// The value of a query that has one.
fn one(api: &Api, query: &str) -> Result<f64> {
    match &api.query(query)?[..] {
        [sample] => Ok(sample.value),
        samples => bail!("{query}: expected one series; seen: {samples:?}"),
    }
}

fn expect(api: &Api, query: &str, expected: u32) -> Result<()> {
    let seen = one(api, query)?;
    ensure!(
        seen == f64::from(expected),
        "{query}: expected {expected}; seen: {seen}"
    );
    ok(format_args!("{query} == {seen}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_one_name_in_both_formats() {
        let sample = |job: &str, le: &str| Sample {
            labels: [("__name__", "b"), ("job", job), ("le", le), ("v", "1.0")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            value: 0.0,
        };
        let name = series_name(&sample("text", "1"));
        assert_eq!(name, "__name__=b le=1 v=1.0");
        assert_eq!(series_name(&sample("openmetrics", "1.0")), name);
    }
}
