//! ThreadSanitizer over the test of the core whose threads meet in atomics alone.
//!
//! The standard library comes compiled without it, so ThreadSanitizer sees nothing of what a mutex that
//! somebody waits for, a channel, or the last `Arc` orders, and reports races that are none. So
//! `core/tests/atomics.rs` does without them. A race on purpose says whether a report would come at all.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::child::ChildGuard;
use crate::nightly::Nightly;
use crate::workspace::Workspace;
use crate::{cargo, report};

/// Made for this. The other tests let threads wait for a mutex or a channel, or measure memory, of which
/// ThreadSanitizer needs its own.
const TEST: &str = "atomics";

/// A race shows when threads meet in the wrong moment, so there is more than one try.
const ROUNDS: u32 = 10;

/// The second is needed because the standard library was compiled without.
const FLAGS: [&str; 2] = [
    "-Zsanitizer=thread",
    "-Cunsafe-allow-abi-mismatch=sanitizer",
];

/// The test harness hands each result over by a channel of the standard library.
const SUPPRESSIONS: &str = "race:test::event::CompletedTest\n";

/// What a program ends with that had a report: one that no test ends with.
const REPORTED: i32 = 66;

const REPORT: &str = "WARNING: ThreadSanitizer: data race";

const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let nightly = Nightly::find()?;
    // A target is named so that the flags do not reach build scripts and macros.
    let target = workspace.target.join("tsan");
    let build = |args: &[&str]| {
        let mut command = nightly.in_workspace(workspace, args);
        command
            .args(["--release", "--target", &nightly.host, "--target-dir"])
            .arg(&target);
        cargo::append_flags(&mut command, "RUSTFLAGS", &FLAGS);
        command
    };
    let suppressions = target.join("suppressions.txt");
    let mut control = build(&["build", "-p", "tallied-probes", "--bin", "race"]);
    let (status, race) = cargo::build_binary(&mut control, "race")?;
    ensure!(
        status.success(),
        "the control does not build with {} ({status}); ThreadSanitizer is for 64-bit Linux and macOS",
        FLAGS[0]
    );
    let race = race.context("cargo built no binary of the control")?;
    fs::write(&suppressions, SUPPRESSIONS)
        .with_context(|| format!("cannot write {}", suppressions.display()))?;
    let options = format!(
        "suppressions={} exitcode={REPORTED}",
        suppressions.display()
    );
    check_controls(&race, &options)?;

    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        let mut command = build(&["test", "-p", "tallied", "--quiet"]);
        command.args(["--test", TEST]);
        // One thread: the harness then starts no other, which would be one more to hand results to.
        command.args(["--", "--test-threads=1"]);
        command.env("TSAN_OPTIONS", &options);
        cargo::run_command(&mut command).context(
            "a test failed, or ThreadSanitizer reported a race: see above. Both stacks in the standard \
             library mean that it was not seen what orders them",
        )?;
    }
    report::ok(format!("{TEST}: no data race in {ROUNDS} rounds"));
    Ok(())
}

/// The control in order has to pass, and the one without has to be reported.
fn check_controls(race: &Path, options: &str) -> Result<()> {
    let (status, text) = run_control(race, "ordered", options)?;
    ensure!(
        status.success(),
        "the control that is right ended with {status}: ThreadSanitizer does not run here\n{text}"
    );
    let (status, text) = run_control(race, "relaxed", options)?;
    if !is_report(status, &text) {
        bail!(
            "the control with a race ended with {status} and no report: none would come from the tests \
             either\n{text}"
        );
    }
    report::ok("the control with a race is reported, and the one without is not");
    Ok(())
}

fn is_report(status: ExitStatus, text: &str) -> bool {
    status.code() == Some(REPORTED) && text.contains(REPORT)
}

/// Runs the control, and returns what it wrote to stderr, where the reports go.
fn run_control(race: &Path, which: &str, options: &str) -> Result<(ExitStatus, String)> {
    let mut command = Command::new(race);
    command
        .arg(which)
        .env("TSAN_OPTIONS", options)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let mut text = String::new();
    let status = ChildGuard::spawn("the control", &mut command)?.wait_reading_errors_until(
        Instant::now() + LIMIT,
        |line, _| {
            text.push_str(line);
            text.push('\n');
        },
    )?;
    let status = status.with_context(|| format!("the control did not end in {LIMIT:?}"))?;
    ensure!(
        status.signal().is_none(),
        "the control ended with {status}\n{text}"
    );
    Ok((status, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_an_exit_code_and_a_text() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert!(is_report(
            exit(REPORTED),
            "====\nWARNING: ThreadSanitizer: data race (pid=1)\n"
        ));
        assert!(!is_report(exit(0), REPORT));
        assert!(!is_report(
            exit(REPORTED),
            "FATAL: ThreadSanitizer: unexpected memory mapping"
        ));
    }
}
