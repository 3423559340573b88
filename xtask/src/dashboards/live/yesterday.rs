//! A day ago, for panels that compare with it: Prometheus is given blocks, as it would have written them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::choice::JOB;
use crate::alerts::tool;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Before and after the moment a day ago: longer than this chore takes.
const AROUND: Duration = Duration::from_secs(600);
const STEP: Duration = Duration::from_secs(15);

pub(super) fn write(promtool: &Path, folder: &Path, data: &Path) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let source = folder.join("yesterday.txt");
    fs::write(&source, document(now)).context("cannot write yesterday's samples")?;
    let mut command = Command::new(promtool);
    command
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&source, data]);
    tool::must_pass(&mut command)
}

/// What the recording rules would have written.
fn document(now: Duration) -> String {
    let (mut time, end) = (now - DAY - AROUND, now - DAY + AROUND);
    let mut text = "# TYPE job:http_requests:rate5m gauge\n".to_owned();
    while time <= end {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "job:http_requests:rate5m{{job=\"{JOB}\"}} 40 {}",
            time.as_secs()
        );
        time += STEP;
    }
    text + "# EOF\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_around_a_day_ago() {
        let text = document(Duration::from_secs(1_000_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "job:http_requests:rate5m{job=\"tallied\"} 40 913000"
        );
        assert_eq!(lines.len(), 1 + 81 + 1);
        assert!(lines[81].ends_with(" 914200"));
        assert_eq!(lines[82], "# EOF");
    }
}
