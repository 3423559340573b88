//! The load test: a program of its own (`tools/loadtest`), in a release build, as the server that it tests.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::child::ChildGuard;
use crate::server_process::ServerProcess;
use crate::workspace::Workspace;
use crate::{cargo, work_folder};

pub(crate) const PACKAGE: &str = "tallied-loadtest";
const GENERATOR_WAS_LATE: i32 = 4;

/// The binary with this name, or a new one.
pub(crate) fn binary(workspace: &Workspace, named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("there is no load test at {}", path.display())),
        None => cargo::program(workspace, PACKAGE),
    }
}

/// Becomes the load test, which reads these arguments itself: Ctrl-C and the exit status are its own.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    let mut command = command(workspace, args)?;
    let error = command.exec();
    Err(error).context("cannot run the load test")
}

fn command(workspace: &Workspace, args: &[OsString]) -> Result<Command> {
    let mut command = Command::new(cargo::program(workspace, PACKAGE)?);
    command.args(args);
    command.env("LOADTEST_REPORT", workspace.target.join("loadtest"));
    if needs_server(args) {
        command.env("LOADTEST_SERVER", cargo::build_server(workspace)?);
    }
    Ok(command)
}

/// Short ones, for the gate, of the server and of a service on axum: every figure must agree, and no request may fail. How long
/// anything took fails nothing.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    short(workspace, "smoke", &["--scenario", "smoke"])?;
    let mut command = Command::new(cargo::example(workspace, "axum")?);
    command.arg("127.0.0.1:0");
    let scenario = workspace.root.join("adapters/tower/examples/axum.toml");
    let scenario = scenario.to_string_lossy();
    work_folder::within("tallied-axum-", false, |folder| {
        let server = ServerProcess::start_command(command, folder)?;
        let target = ["--target", server.url(), "--scenario", &scenario];
        short(
            workspace,
            "axum",
            &[&target[..], &["--duration", "3s"]].concat(),
        )
    })
}

fn short(workspace: &Workspace, name: &str, args: &[&str]) -> Result<()> {
    let more = [
        "--scrapes-per-second",
        "10",
        "--no-calibration",
        "--slo",
        "errors<0%",
    ];
    let args = args.iter().chain(&more).map(OsString::from).collect();
    checked(workspace, name, args)
}

/// Every figure must agree, and all objectives be met. That the generator was late fails nothing.
pub(crate) fn checked(workspace: &Workspace, name: &str, args: Vec<OsString>) -> Result<()> {
    let report = reported(workspace, name, args)?;
    let verdict = &report["verdict"];
    let slos = verdict["slos"].as_array().map_or(&[][..], Vec::as_slice);
    let missed: Vec<_> = slos.iter().filter(|slo| slo["met"] != true).collect();
    ensure!(
        verdict["reconciled"] == true && missed.is_empty(),
        "the load test {name}: reconciled: {}; missed: {missed:?}; errors: {}",
        verdict["reconciled"],
        report["total"]["errors"]
    );
    Ok(())
}

/// The report of a run that was right, or said that the generator was late: a busy machine makes it say that, whatever else was wrong.
fn reported(
    workspace: &Workspace,
    name: &str,
    mut args: Vec<OsString>,
) -> Result<serde_json::Value> {
    let report = workspace.target.join("loadtest").join(name);
    args.extend(["--report".into(), report.clone().into_os_string()]);
    let mut command = command(workspace, &args)?;
    let status = ChildGuard::spawn("the load test", &mut command)?.wait()?;
    let code = status.code();
    ensure!(
        code == Some(0) || code == Some(GENERATOR_WAS_LATE),
        "the load test ended with {status}; what it printed says why"
    );
    let report = report.join("report.json");
    let text = fs::read_to_string(&report).with_context(|| format!("no {}", report.display()))?;
    serde_json::from_str(&text).context("its report is no JSON")
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
