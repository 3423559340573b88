//! What ten scrapes a second cost the requests: the load test on our server, with scrapes and without, in turn.
//!
//! The load test holds what the server counts against its clients' books, so a request or a scrape that fails is an error
//! here. The processor time is the server's own figure, which the load test reports.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::figures::median;
use crate::child::ChildGuard;
use crate::report::seconds;

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;
const SCRAPES_PER_SECOND: [u32; 2] = [0, 10];
/// At a rate that no generator is too slow for.
const LOAD: &str = "--scenario soak --rate 2000 --duration 10s --warm-up 0 --no-calibration";
/// The server looks at its processor time so often: 1 % of the load's time.
const REFRESH: (&str, &str) = ("TALLIED_SYSTEM_METRICS_INTERVAL_SECONDS", "0.1");

/// The medians of the rounds.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) per_second: u32,
    /// The server's processor time per request, in microseconds.
    pub(super) cpu_us: f64,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) scrape_ms: f64,
    /// In a scrape.
    pub(super) samples: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    cpu_us: f64,
    median_ms: f64,
    p99_ms: f64,
    scrape_ms: f64,
    samples: f64,
}

pub(super) fn measure(
    load_test: &Path,
    server: &Path,
    folder: &Path,
    quick: bool,
) -> Result<[Row; 2]> {
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let mut runs: [Vec<Run>; 2] = Default::default();
    for index in 0..rounds {
        let start = Instant::now();
        for turn in 0..2 {
            let which = (index + turn) % 2;
            let report = folder.join("scrapes");
            run(load_test, server, &report, SCRAPES_PER_SECOND[which])?;
            let path = report.join("report.json");
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let read = read(&serde_json::from_str(&text).context("a report is no JSON")?);
            runs[which].push(
                read.with_context(|| {
                    format!("{} has not all that is wanted of it", path.display())
                })?,
            );
        }
        println!(
            "scrapes: round {} of {rounds} … {}",
            index + 1,
            seconds(start.elapsed())
        );
    }
    let row = |which: usize| {
        let of = |figure: fn(&Run) -> f64| median(runs[which].iter().map(figure));
        Row {
            per_second: SCRAPES_PER_SECOND[which],
            cpu_us: of(|run| run.cpu_us),
            median_ms: of(|run| run.median_ms),
            p99_ms: of(|run| run.p99_ms),
            scrape_ms: of(|run| run.scrape_ms),
            samples: of(|run| run.samples),
        }
    };
    Ok([row(0), row(1)])
}

fn run(load_test: &Path, server: &Path, report: &Path, scrapes_per_second: u32) -> Result<()> {
    let mut command = Command::new(load_test);
    command
        .args(LOAD.split(' '))
        .args(["--scrapes-per-second", &scrapes_per_second.to_string()])
        .arg("--server")
        .arg(server)
        .arg("--report")
        .arg(report)
        .env(REFRESH.0, REFRESH.1)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = ChildGuard::spawn("the load test", &mut command)?.wait()?;
    ensure!(
        status.success(),
        "the load test ended with {status}: is the machine busy? `{} {LOAD}` says more",
        load_test.display()
    );
    Ok(())
}

/// `None` where a report has another form.
fn read(report: &Value) -> Option<Run> {
    let quantile = |wanted: f64| {
        let all = report["service"].as_array()?;
        // The steps of an HDR histogram: 0.990234375 is the first from 0.99 on.
        let is_it = |one: &&Value| one["quantile"].as_f64() >= Some(wanted);
        Some(all.iter().find(is_it)?["seconds"].as_f64()? * 1e3)
    };
    let samples = report["server"]["samples"].as_array()?;
    let cpu = |sample: &Value| sample["cpu_seconds"].as_f64();
    let used = cpu(samples.last()?)? - cpu(samples.first()?)?;
    let scrapes = &report["scrapes"];
    Some(Run {
        cpu_us: used * 1e6 / report["total"]["good"].as_f64()?,
        median_ms: quantile(0.5)?,
        p99_ms: quantile(0.99)?,
        scrape_ms: scrapes["median_seconds"].as_f64()? * 1e3,
        samples: scrapes["samples"].as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn processor_time_is_from_the_first_scrape_to_the_last() {
        let mut report = json!({
            "total": {"good": 1000},
            "service": [{"quantile": 0.5, "seconds": 0.001}, {"quantile": 0.990234375, "seconds": 0.004}, {"quantile": 1.0, "seconds": 9.0}],
            "scrapes": {"median_seconds": 0.002, "samples": 7},
            "server": {"samples": [{"cpu_seconds": 1.0}, {"cpu_seconds": 1.2}, {"cpu_seconds": 1.5}]},
        });
        let expected = Run {
            cpu_us: 500.0,
            median_ms: 1.0,
            p99_ms: 4.0,
            scrape_ms: 2.0,
            samples: 7.0,
        };
        assert_eq!(read(&report), Some(expected));
        report["server"] = Value::Null;
        assert_eq!(read(&report), None);
    }
}
