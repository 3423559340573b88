//! Puts one server under its load, and says whether the load test noticed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::report;
use crate::child::ChildGuard;
use crate::mistakes;

/// What the load test says of metrics that are wrong.
const NOT_RECONCILED: i32 = 5;

/// All held; an objective was missed; the generator fell behind. The metrics are right each time.
const RECONCILED: [i32; 3] = [0, 3, 4];

/// A load takes up to 12 s; beyond that, answers that do not come, and a server that does not come to rest.
const PATIENCE: Duration = Duration::from_secs(132);

/// Told once to stop, the load test reconciles; told again, it kills its server and ends.
const SECOND_TIMEOUT: Duration = Duration::from_secs(5);

/// Sent again in every run, so that what a server got wrong it gets wrong again.
const SEED: &str = "1";

/// Where a run leaves what it prints, and its report.
pub(super) struct Paths {
    pub(super) log: PathBuf,
    report: PathBuf,
}

impl Paths {
    /// Below `folder`, under this name.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            log: mistakes::log(folder, name),
            report: folder.join("reports").join(name),
        }
    }
}

/// How the load test ended.
#[derive(Debug, PartialEq)]
pub(super) struct Ended {
    /// `None` where it did not come to an end, or a signal ended it.
    exit: Option<i32>,
    /// Of a reconciliation that failed.
    findings: Vec<String>,
}

impl Ended {
    /// The metrics are right, as far as the load test sees.
    pub(super) fn is_reconciled(&self) -> bool {
        self.exit.is_some_and(|exit| RECONCILED.contains(&exit))
    }

    /// Its exit status, and its first finding.
    pub(super) fn text(&self) -> String {
        let exit = self.exit.map_or("none".to_owned(), |exit| exit.to_string());
        let first = self.findings.first();
        first.map_or(exit.clone(), |finding| format!("{exit}: {finding}"))
    }

    /// What names all of these texts at once, if the metrics were found wrong.
    pub(super) fn named(&self, texts: &[&str]) -> Option<&String> {
        let names = |finding: &&String| texts.iter().all(|text| finding.contains(text));
        self.findings
            .iter()
            .find(names)
            .filter(|_| self.exit == Some(NOT_RECONCILED))
    }
}

/// Runs it to its end; what it prints goes to the log.
pub(super) fn run(load_test: &Path, server: &Path, load: &str, paths: &Paths) -> Result<Ended> {
    // An older one would be taken for this run's.
    if paths.report.exists() {
        fs::remove_dir_all(&paths.report)
            .with_context(|| format!("cannot remove {}", paths.report.display()))?;
    }
    let folder = paths.log.parent().unwrap_or(Path::new("."));
    let mut log = fs::create_dir_all(folder)
        .and_then(|()| fs::File::create(&paths.log))
        .with_context(|| format!("cannot write {}", paths.log.display()))?;
    let mut command = Command::new(load_test);
    command
        .args(load.split_whitespace())
        .args(["--seed", SEED, "--warm-up", "0", "--no-calibration"])
        .arg("--server")
        .arg(server)
        .arg("--report")
        .arg(&paths.report)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().context("cannot write the log twice")?);
    let mut child = ChildGuard::spawn("the load test", &mut command)?;
    let status = child.wait_reading_until(Instant::now() + PATIENCE, |line, _| {
        // The log is for people; the report counts.
        let _ = writeln!(log, "{line}");
    });
    // Where it was told to stop, the guard's SIGKILL would leave its server behind.
    if !matches!(status, Ok(Some(_))) {
        child.terminate(SECOND_TIMEOUT)?;
    }
    let exit = status?.and_then(|status| status.code());
    let findings = match exit {
        Some(NOT_RECONCILED) => report::findings(&paths.report)?,
        _ => Vec::new(),
    };
    ensure!(
        exit != Some(NOT_RECONCILED) || !findings.is_empty(),
        "the load test ended with {NOT_RECONCILED}, and its report in {} names nothing",
        paths.report.display()
    );
    Ok(Ended { exit, findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: i32, findings: &[&str]) -> Ended {
        Ended {
            exit: Some(exit),
            findings: findings.iter().map(|&finding| finding.to_owned()).collect(),
        }
    }

    #[test]
    fn one_finding_has_to_name_all() {
        let ended = ended(5, &["a{b} c", "a{d}", "a{d} e"]);
        let named = |texts: &[&str]| ended.named(texts).map(String::as_str);
        assert_eq!(named(&["a{"]), Some("a{b} c"));
        assert_eq!(named(&["a{d}"]), Some("a{d}"));
        assert_eq!(named(&["a{d}", "e"]), Some("a{d} e"));
        assert_eq!(named(&["b", "d"]), None);
        assert_eq!(ended.text(), "5: a{b} c");
    }

    #[test]
    fn only_a_failed_reconciliation_catches() {
        for exit in [0, 1, 2, 3, 4, 130] {
            assert_eq!(ended(exit, &["a"]).named(&["a"]), None, "{exit}");
        }
        assert!(ended(4, &[]).is_reconciled());
        assert!(!ended(5, &["a"]).is_reconciled());
        assert!(!ended(2, &[]).is_reconciled());
    }
}
