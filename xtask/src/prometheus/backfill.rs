//! Samples of the past for a Prometheus that is new, in blocks as it would have written them. promtool makes them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::alerts::tool;

/// A gauge that had one value for a while.
pub(crate) struct Past<'a> {
    pub(crate) metric: &'a str,
    /// `job="tallied"`.
    pub(crate) labels: &'a str,
    pub(crate) value: f64,
    /// How long ago it began and ended.
    pub(crate) ago: (Duration, Duration),
    pub(crate) step: Duration,
}

/// To be called before Prometheus starts on `data`. `folder` gets the samples as text.
pub(crate) fn write(promtool: &Path, folder: &Path, data: &Path, past: &Past<'_>) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let source = folder.join("past.txt");
    fs::write(&source, document(past, now))
        .with_context(|| format!("cannot write {}", source.display()))?;
    let mut command = Command::new(promtool);
    command
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&source, data]);
    tool::must_pass(&mut command)
}

fn document(past: &Past<'_>, now: Duration) -> String {
    let Past {
        metric,
        labels,
        value,
        ago,
        step,
    } = *past;
    let (mut time, end) = (now.saturating_sub(ago.0), now.saturating_sub(ago.1));
    let mut text = format!("# TYPE {metric} gauge\n");
    while time <= end {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{metric}{{{labels}}} {value} {:.3}",
            time.as_secs_f64()
        );
        time += step;
    }
    text + "# EOF\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_from_one_time_to_the_other() {
        let past = Past {
            metric: "job:x:rate5m",
            labels: "job=\"a\"",
            value: 40.0,
            ago: (Duration::from_secs(1200), Duration::from_secs(600)),
            step: Duration::from_millis(7500),
        };
        let text = document(&past, Duration::from_secs(1_000_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "# TYPE job:x:rate5m gauge");
        assert_eq!(lines[1], "job:x:rate5m{job=\"a\"} 40 998800.000");
        assert_eq!(lines[2], "job:x:rate5m{job=\"a\"} 40 998807.500");
        assert_eq!(lines.len(), 1 + 81 + 1);
        assert!(lines[81].ends_with(" 999400.000"));
        assert_eq!(lines[82], "# EOF");
    }
}
