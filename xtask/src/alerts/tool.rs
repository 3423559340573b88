//! Runs promtool and amtool with a limit, and keeps what they say for when it matters.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::child::ChildGuard;
use crate::interrupt;

/// The longest test takes ten seconds on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) struct Outcome {
    pub(crate) passed: bool,
    /// What it wrote, stdout and stderr together.
    pub(crate) output: String,
}

pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    let program = command.get_program().to_owned();
    let program = program.display();
    let log = NamedTempFile::new().context("cannot create a temporary file")?;
    let handle = || log.reopen().context("cannot open a temporary file");
    // One file for both, so that no pipe fills up, and the order is that of writing. `reopen` starts at its beginning
    // each time, so it is opened once.
    let stdout = handle()?;
    let stderr = stdout
        .try_clone()
        .context("cannot share a temporary file")?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = ChildGuard::spawn(&program.to_string(), command)?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.exited()? {
            break status;
        }
        interrupt::check()?;
        if Instant::now() >= deadline {
            bail!("{program} has not ended within {LIMIT:?}");
        }
        thread::sleep(PAUSE);
    };
    let output = fs::read(log.path()).context("cannot read a temporary file")?;
    Ok(Outcome {
        passed: status.success(),
        output: String::from_utf8_lossy(&output).into_owned(),
    })
}

pub(crate) fn must_pass(command: &mut Command) -> Result<()> {
    let outcome = run(command)?;
    ensure!(
        outcome.passed,
        "`{}` failed:\n{}",
        line(command),
        outcome.output.trim_end()
    );
    Ok(())
}

/// The command line, with the program's name alone.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = [name].into_iter().chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_both_outputs_in_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let outcome = run(&mut command).unwrap();
        assert!(!outcome.passed);
        assert_eq!(outcome.output, "one\ntwo\nthree\n");
        let error = must_pass(&mut command).unwrap_err().to_string();
        assert!(error.starts_with("`sh -c echo one"), "{error}");
    }
}
