//! The files of a report: JSON, a time series as CSV, an HdrHistogram log, and a page.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::data::{Report, Second};
use crate::load::{PART, Part};

/// What a server that is kept is called, beside its report.
pub(crate) const SERVER: &str = "server";

/// A directory that the report can be written to.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Makes it, so that what cannot be written is known before the load.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| {
            format!(
                "cannot make the report's directory {}; give another with --report",
                path.display()
            )
        })?;
        let report = path.join("report.json");
        let writable = File::options().append(true).create(true).open(&report);
        writable.with_context(|| {
            format!(
                "cannot write {}; give another directory with --report",
                report.display()
            )
        })?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn keep_server(&self, binary: &Path) -> Result<()> {
        let kept = self.0.join(SERVER);
        // To itself it would be made empty.
        if kept.canonicalize().ok() == binary.canonicalize().ok() {
            return Ok(());
        }
        fs::copy(binary, &kept)
            .with_context(|| format!("cannot keep the server as {}", kept.display()))?;
        Ok(())
    }

    /// Returns the page. `parts` are the seconds of the report.
    pub(crate) fn write(&self, report: &Report, parts: &[Part]) -> Result<PathBuf> {
        let json = serde_json::to_string_pretty(report).context("cannot write JSON")?;
        self.file("report.json", format!("{json}\n").as_bytes())?;
        self.file("seconds.csv", csv(&report.seconds).as_bytes())?;
        self.file("report.html", super::html::page(report).as_bytes())?;
        let log = self.0.join("latencies.hlog");
        log_of(report, parts, &log).with_context(|| format!("cannot write {}", log.display()))?;
        Ok(self.0.join("report.html"))
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.0.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A line for each second, those that are not whole among them; times in seconds.
fn csv(seconds: &[Second]) -> String {
    let mut text = String::from(
        "at,due_seconds,ended,good,errors,late,in_flight,\
         intended_p50,intended_p90,intended_p95,intended_p99,intended_p999,intended_max,\
         service_p50,service_p90,service_p95,service_p99,service_p999,service_max\n",
    );
    for second in seconds {
        let counts = [
            second.ended,
            second.good,
            second.errors,
            second.late,
            second.in_flight,
        ];
        let counts = counts.map(|count| count.to_string());
        let times = [&second.intended, &second.service]
            .into_iter()
            .flat_map(|q| [q.p50, q.p90, q.p95, q.p99, q.p999, q.max])
            .map(|time| time.to_string());
        let row: Vec<String> = [second.at, second.due_seconds]
            .map(|seconds| seconds.to_string())
            .into_iter()
            .chain(counts)
            .chain(times)
            .collect();
        text.push_str(&row.join(","));
        text.push('\n');
    }
    text
}

/// An interval for each second, in microseconds, under the tags `intended` and `service`; HdrHistogram's tools read it.
fn log_of(report: &Report, parts: &[Part], path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let length = PART * u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let start = UNIX_EPOCH + Duration::from_secs(report.created).saturating_sub(length);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("tallied-loadtest; microseconds")
        .with_start_time(start)
        .with_base_time(start)
        // Whoever reads it divides by this: milliseconds are what the tools show.
        .with_max_value_divisor(1_000.0)
        .begin_log_with(&mut file, &mut serializer)?;
    for (index, part) in parts.iter().enumerate() {
        let at = PART * u32::try_from(index).unwrap_or(u32::MAX);
        for (tag, histogram) in [
            ("intended", &part.latencies.intended),
            ("service", &part.latencies.service),
        ] {
            log.write_histogram(histogram, at, PART, Tag::new(tag))
                .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        }
    }
    file.flush()?;
    Ok(())
}
