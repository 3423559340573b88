//! Runs the models against one mutant and says whether one of them noticed.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::child::ChildGuard;

/// The kernel as it is takes some seconds; a mutant may open a space that no search comes to the end of.
const LIMIT: Duration = Duration::from_secs(300);

/// After the first failure the mutant is killed; the rest may still say so too, for so long.
const LIMIT_AFTER_FAILURE: Duration = Duration::from_secs(30);

#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// These tests failed.
    Killed(Vec<String>),
    /// So many tests passed, and none failed.
    Survived(u64),
    /// No test had failed by then. It counts as survived: a slow machine kills no mutant.
    TimedOut(Option<String>),
    DidNotCompile,
    /// It ended in a way that tells nothing of the models.
    Unclear(String),
}

impl Outcome {
    pub(super) fn is_kill(&self) -> bool {
        matches!(self, Self::Killed(_))
    }

    /// As it stands in the table.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Killed(tests) => tests.join(", "),
            Self::Survived(passed) => format!("SURVIVED {passed} models"),
            Self::TimedOut(running) => {
                let running = running.as_deref().unwrap_or("no model");
                format!("TIMED OUT after {LIMIT:?}, in {running}")
            }
            Self::DidNotCompile => "DID NOT COMPILE".to_owned(),
            Self::Unclear(how) => format!("UNCLEAR: {how}"),
        }
    }
}

/// Runs the models whose path contains `filter`, one after the other, so that what is running when one
/// aborts is known. What they print goes to `log`.
pub(super) fn run(executable: &Path, filter: &str, folder: &Path, log: &Path) -> Result<Outcome> {
    let parent = log.parent().unwrap_or(Path::new("."));
    let errors = fs::create_dir_all(parent)
        .and_then(|()| fs::File::create(log))
        .with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(executable);
    command
        .current_dir(folder)
        .args(["--test-threads=1", filter])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut models = Models::default();
    let mut printed = String::new();
    let limit = Instant::now() + LIMIT;
    let status = ChildGuard::spawn("the models", &mut command)?.wait_reading_until(
        limit,
        |line, deadline| {
            printed.push_str(line);
            printed.push('\n');
            if models.read(line) {
                *deadline = limit.min(Instant::now() + LIMIT_AFTER_FAILURE);
            }
        },
    )?;
    let earlier = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    fs::write(log, [printed.as_bytes(), &earlier].concat())
        .with_context(|| format!("cannot write {}", log.display()))?;
    Ok(models.outcome(status))
}

/// What libtest has printed so far.
#[derive(Default)]
struct Models {
    failed: Vec<String>,
    passed: u64,
    /// Begun, and not ended.
    running: Option<String>,
}

impl Models {
    /// Takes note of a line; whether it says that a test failed.
    fn read(&mut self, line: &str) -> bool {
        let Some((test, outcome)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        else {
            return false;
        };
        self.running = None;
        match outcome.trim() {
            "ok" => self.passed += 1,
            "FAILED" => {
                self.failed.push(test.to_owned());
                return true;
            }
            "" => self.running = Some(test.to_owned()),
            _ => {}
        }
        false
    }

    /// `None` for one that was stopped at its deadline.
    fn outcome(self, status: Option<ExitStatus>) -> Outcome {
        let Some(status) = status else {
            return match self.failed[..] {
                [] => Outcome::TimedOut(self.running),
                _ => Outcome::Killed(self.failed),
            };
        };
        let mut failed = self.failed;
        match (status.signal(), self.running) {
            // Somebody's, or the system's when memory ran out.
            (Some(signal @ (9 | 15)), _) if failed.is_empty() => {
                return Outcome::Unclear(format!("stopped from outside by signal {signal}"));
            }
            // A panic while another one unwinds, mostly.
            (Some(signal), Some(running)) => {
                failed.push(format!("{running} (aborted, signal {signal})"));
            }
            _ => {}
        }
        if !failed.is_empty() {
            Outcome::Killed(failed)
        } else if status.success() {
            Outcome::Survived(self.passed)
        } else {
            Outcome::Unclear(format!("{status}, {} models passed", self.passed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(lines: &[&str], status: Option<i32>) -> Outcome {
        let mut models = Models::default();
        for line in lines {
            models.read(line);
        }
        models.outcome(status.map(ExitStatus::from_raw))
    }

    const OK: &str = "test a::loom::m ... ok";
    const FAILED: &str = "test b::loom::m ... FAILED";
    const RUNNING: &str = "test c::loom::m ... ";

    #[test]
    fn a_failed_model_is_a_kill() {
        let killed = Outcome::Killed(vec!["b::loom::m".to_owned()]);
        assert_eq!(
            outcome(&["running 2 tests", OK, FAILED], Some(101 << 8)),
            killed
        );
        assert_eq!(outcome(&[FAILED, RUNNING], None), killed);
        assert!(killed.is_kill());
    }

    #[test]
    fn an_abort_is_a_kill_by_what_was_running() {
        let aborted = "c::loom::m (aborted, signal 6)".to_owned();
        assert_eq!(
            outcome(&[OK, RUNNING], Some(6)),
            Outcome::Killed(vec![aborted])
        );
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(outcome(&[OK, OK], Some(0)), Outcome::Survived(2));
        let running = Some("c::loom::m".to_owned());
        assert_eq!(outcome(&[OK, RUNNING], None), Outcome::TimedOut(running));
        for (lines, status) in [(&[OK, RUNNING][..], 9), (&[OK], 101 << 8)] {
            let outcome = outcome(lines, Some(status));
            assert!(matches!(outcome, Outcome::Unclear(_)), "{outcome:?}");
            assert!(!outcome.is_kill());
        }
    }
}
