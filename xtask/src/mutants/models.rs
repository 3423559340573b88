//! Builds the models of a kernel that was changed.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::child::ChildGuard;
use crate::scratch::{Edit, Scratch};

/// The models, built.
pub(super) enum Build {
    Executable(PathBuf),
    /// It does not compile; cargo has said why.
    Refused,
}

/// The models with these edits.
pub(super) fn build(scratch: &Scratch, edits: &[Edit]) -> Result<Build> {
    let (build, fresh) = scratch.with(edits, || models(scratch))?;
    if fresh && !edits.is_empty() {
        bail!("cargo built nothing new after a change; is the clock right?");
    }
    Ok(build)
}

/// What `cargo xtask loom` builds, and whether it was there already.
fn models(scratch: &Scratch) -> Result<(Build, bool)> {
    let args = [
        "test",
        "-p",
        "tallied",
        "--release",
        "--lib",
        "--no-run",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ];
    let mut command = scratch.cargo(&args, &["--cfg", "loom"]);
    let mut found = None;
    let status =
        ChildGuard::spawn("cargo", command.stdout(Stdio::piped()))?.wait_reading(|message| {
            found = test_executable(message).or(found.take());
        })?;
    match found {
        Some((executable, fresh)) if status.success() => Ok((Build::Executable(executable), fresh)),
        None if !status.success() => Ok((Build::Refused, false)),
        _ => bail!("cargo built no test of `tallied`, and ended with {status}"),
    }
}

/// The unit tests' executable in one of cargo's messages, and whether it was there already.
fn test_executable(message: &str) -> Option<(PathBuf, bool)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_it = message["reason"] == "compiler-artifact"
        && message["target"]["name"] == "tallied"
        && message["profile"]["test"] == true;
    let executable = message["executable"].as_str().filter(|_| is_it)?;
    Some((executable.into(), message["fresh"] == true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_tests_executable_is_found() {
        let message = |name: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"profile":{{"test":{test}}},"executable":"/t","fresh":false}}"#
            )
        };
        assert_eq!(
            test_executable(&message("tallied", true)),
            Some(("/t".into(), false))
        );
        assert_eq!(test_executable(&message("tallied", false)), None);
        assert_eq!(test_executable(&message("loom", true)), None);
        assert_eq!(test_executable("error"), None);
    }
}
