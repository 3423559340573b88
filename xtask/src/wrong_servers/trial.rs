//! Puts one server under its load, and says whether the load test noticed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::load::Load;
use super::report::{self, Finding};
use crate::child::ChildGuard;

/// What the load test says of metrics that are wrong.
const NOT_RECONCILED: i32 = 5;

/// All held; an objective was missed; the generator fell behind. The metrics are right each time.
const RECONCILED: [i32; 3] = [0, 3, 4];

/// Beyond the load itself: answers that do not come, and a server that does not come to rest.
const PATIENCE: Duration = Duration::from_secs(120);

/// Told once to stop, the load test reconciles; told again, it kills its server and ends.
const SECOND_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a run leaves what it prints, and its report.
pub(super) struct Paths {
    pub(super) log: PathBuf,
    pub(super) report: PathBuf,
}

impl Paths {
    /// Below `folder`, under this name.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            log: folder.join("logs").join(format!("{name}.log")),
            report: folder.join("reports").join(name),
        }
    }
}

/// How the load test ended.
#[derive(Debug, PartialEq)]
pub(super) struct Ended {
    /// `None` where it did not come to an end, or a signal ended it.
    pub(super) exit: Option<i32>,
    /// Of a reconciliation that failed.
    pub(super) findings: Vec<Finding>,
}

impl Ended {
    /// The metrics are right, as far as the load test sees.
    pub(super) fn is_reconciled(&self) -> bool {
        self.exit.is_some_and(|exit| RECONCILED.contains(&exit))
    }

    /// As it stands in the table.
    pub(super) fn exit_text(&self) -> String {
        self.exit.map_or("none".to_owned(), |exit| exit.to_string())
    }

    /// What names all of these texts at once, if the metrics were found wrong.
    pub(super) fn named(&self, texts: &[&str]) -> Option<&Finding> {
        let names = |finding: &&Finding| texts.iter().all(|text| finding.what.contains(text));
        self.findings
            .iter()
            .find(names)
            .filter(|_| self.exit == Some(NOT_RECONCILED))
    }
}

/// Runs it to its end; what it prints goes to the log.
pub(super) fn run(load_test: &Path, server: &Path, load: Load, paths: &Paths) -> Result<Ended> {
    // An older one would be taken for this run's.
    if paths.report.exists() {
        fs::remove_dir_all(&paths.report)
            .with_context(|| format!("cannot remove {}", paths.report.display()))?;
    }
    let folder = paths.log.parent().unwrap_or(Path::new("."));
    let errors = fs::create_dir_all(folder)
        .and_then(|()| fs::File::create(&paths.log))
        .with_context(|| format!("cannot write {}", paths.log.display()))?;
    let mut command = load.command(load_test, server, &paths.report);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    let deadline = Instant::now() + Duration::from_secs(load.seconds.into()) + PATIENCE;
    let mut child = ChildGuard::spawn("the load test", &mut command)?;
    let mut printed = String::new();
    let status = child.wait_reading_until(deadline, |line, _| {
        printed.push_str(line);
        printed.push('\n');
    });
    // Where it was told to stop, the guard's SIGKILL would leave its server behind.
    if !matches!(status, Ok(Some(_))) {
        child.terminate(SECOND_TIMEOUT)?;
    }
    let status = status?;
    let progress =
        fs::read(&paths.log).with_context(|| format!("cannot read {}", paths.log.display()))?;
    fs::write(
        &paths.log,
        [progress.as_slice(), printed.as_bytes()].concat(),
    )
    .with_context(|| format!("cannot write {}", paths.log.display()))?;
    let exit = status.and_then(|status| status.code());
    let findings = match exit {
        Some(NOT_RECONCILED) => report::findings(&paths.report)?,
        _ => Vec::new(),
    };
    if exit == Some(NOT_RECONCILED) && findings.is_empty() {
        bail!(
            "the load test ended with {NOT_RECONCILED}, and its report in {} names nothing",
            paths.report.display()
        );
    }
    Ok(Ended { exit, findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: i32, whats: &[&str]) -> Ended {
        let finding = |what: &&str| Finding {
            what: (*what).to_owned(),
            figures: None,
        };
        Ended {
            exit: Some(exit),
            findings: whats.iter().map(finding).collect(),
        }
    }

    #[test]
    fn one_finding_has_to_name_all() {
        let ended = ended(5, &["a{b} c", "a{d}", "a{d} e"]);
        let named = |texts: &[&str]| ended.named(texts).map(|finding| finding.what.as_str());
        assert_eq!(named(&["a{"]), Some("a{b} c"));
        assert_eq!(named(&["a{d}"]), Some("a{d}"));
        assert_eq!(named(&["a{d}", "e"]), Some("a{d} e"));
        assert_eq!(named(&["b", "d"]), None);
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
