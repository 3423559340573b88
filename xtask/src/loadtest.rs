//! The load test: a program of its own (`xtask/loadtest`), in a release build, as the server that it tests.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::child::ChildGuard;
use crate::workspace::Workspace;

const PACKAGE: &str = "tallied-loadtest";
const NOT_RECONCILED: i32 = 5;

/// Becomes the load test, which reads these arguments itself: Ctrl-C and the exit status are its own.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    let mut command = command(workspace, args)?;
    let error = command.exec();
    Err(error).context("cannot run the load test")
}

fn command(workspace: &Workspace, args: &[OsString]) -> Result<Command> {
    let mut command = Command::new(build(workspace)?);
    command.args(args);
    command.env("XTASK_LOADTEST_REPORT", workspace.target.join("loadtest"));
    if needs_server(args) {
        command.env("XTASK_LOADTEST_SERVER", cargo::build_server(workspace)?);
    }
    Ok(command)
}

/// A short one, for the gate: every figure must agree. How long anything took fails nothing here.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let args = [
        "--scenario",
        "smoke",
        "--scrapes-per-second",
        "10",
        "--no-calibration",
    ];
    let mut command = command(workspace, &args.map(OsString::from))?;
    let status = ChildGuard::spawn("the load test", &mut command)?.wait()?;
    ensure!(
        matches!(status.code(), Some(0 | 3 | 4)),
        "the load test ended with {status}{}",
        match status.code() {
            Some(NOT_RECONCILED) => ": the server's metrics do not agree with the clients",
            _ => "",
        }
    );
    Ok(())
}

/// Whether it will start one.
fn needs_server(args: &[OsString]) -> bool {
    let is = |arg: &OsStr, name: &str| {
        let arg = arg.to_string_lossy();
        arg == name
            || arg
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
    };
    let without = ["--target", "--server", "--help", "-h", "--version", "-V"];
    !args
        .iter()
        .any(|arg| without.iter().any(|name| is(arg, name)))
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo::in_workspace(workspace, &["build", "--release", "-p", PACKAGE]);
    let (status, executable) = cargo::build_binary(&mut command, PACKAGE)?;
    ensure!(status.success(), "the load test does not build ({status})");
    executable.context("cargo built no `tallied-loadtest` binary")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_built_where_one_is_started() {
        let needs =
            |args: &[&str]| needs_server(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(needs(&["--scenario", "smoke"]));
        assert!(needs(&["--targets"]));
        for args in [
            &["--target", "x"] as &[&str],
            &["--target=x"],
            &["--rate", "5", "-h"],
        ] {
            assert!(!needs(args), "{args:?}");
        }
    }
}
