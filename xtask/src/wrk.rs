//! Load from wrk: as many requests as a few keep-alive connections can do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::child::ChildGuard;
use crate::processors;
use crate::tools::Binary;

/// What wrk sends, and for how long.
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// Sent by POST if there is one.
    pub(crate) body: Option<&'a str>,
    pub(crate) connections: u64,
    pub(crate) seconds: u64,
    /// The processor that wrk has, or all of them.
    pub(crate) processor: Option<usize>,
}

/// What wrk counted: answers that it had whole, all of them 2xx or 3xx.
#[derive(Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
}

impl Counted {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Requests, microseconds, then errors: figures that wrk's own report rounds.
const DONE: &str = r#"
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("counted %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
"#;

pub(crate) struct Wrk {
    binary: Binary,
    script: PathBuf,
}

impl Wrk {
    /// `folder` gets its scripts.
    pub(crate) fn new(binary: Binary, folder: &Path) -> Self {
        Self {
            binary,
            script: folder.join("wrk.lua"),
        }
    }

    pub(crate) fn version(&self) -> &str {
        &self.binary.version
    }

    /// # Errors
    /// When one request failed, or had another status than 2xx or 3xx.
    pub(crate) fn run(&self, load: &Load<'_>) -> Result<Counted> {
        fs::write(&self.script, script(load.body))
            .with_context(|| format!("cannot write {}", self.script.display()))?;
        let mut command = self.binary.command();
        command
            .arg("--threads=1")
            .arg(format!("--connections={}", load.connections))
            .arg(format!("--duration={}s", load.seconds))
            .arg(format!("--script={}", self.script.display()))
            .arg(load.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut spawn = || ChildGuard::spawn("wrk", &mut command);
        let mut child = match load.processor {
            Some(processor) => processors::on_processor(processor, spawn)?,
            None => spawn()?,
        };
        let mut text = String::new();
        let status = child.wait_reading(|line| {
            text.push_str(line);
            text.push('\n');
        })?;
        ensure!(status.success(), "wrk ended with {status}:\n{text}");
        counted(&text).with_context(|| format!("wrk on {} reported:\n{text}", load.url))
    }
}

fn script(body: Option<&str>) -> String {
    match body {
        None => DONE.to_owned(),
        // A long bracket takes JSON as it is.
        Some(body) => format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
             wrk.body = [==[{body}]==]\n{DONE}"
        ),
    }
}

fn counted(text: &str) -> Result<Counted> {
    let line = text.lines().find_map(|line| line.strip_prefix("counted "));
    let figures: Option<Vec<u64>> =
        line.and_then(|line| line.split(' ').map(|figure| figure.parse().ok()).collect());
    let (head, errors) = figures
        .as_ref()
        .and_then(|figures| figures.split_first_chunk::<2>())
        .context("no line with its counts")?;
    let &[requests, microseconds] = head;
    ensure!(
        errors.len() == 5 && errors.iter().all(|&count| count == 0),
        "errors (connect, read, write, status, timeout): {errors:?}; none is expected"
    );
    ensure!(requests > 0 && microseconds > 0, "no answer at all");
    Ok(Counted {
        requests,
        seconds: microseconds as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_counts() {
        let text = "Running 1s test\ncounted 1000 2000000 0 0 0 0 0\n";
        let read = counted(text).unwrap();
        let expected = Counted {
            requests: 1000,
            seconds: 2.0,
        };
        assert_eq!(read, expected);
        assert_eq!(read.per_second(), 500.0);
    }

    #[test]
    fn an_error_of_any_kind_is_one() {
        for line in [
            "counted 9 9 0 1 0 0 0",
            "counted 9 9 0 0 0 4 0",
            "counted 9 9 0 0 0 0",
            "counted 0 9 0 0 0 0 0",
            "counted 9",
            "counted x",
            "",
        ] {
            assert!(counted(line).is_err(), "{line}");
        }
    }
}
