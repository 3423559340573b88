//! Whether the libraries compile with the oldest compiler that they promise, and for other targets.
//! Dev-dependencies are not compiled: they may ask for a newer compiler.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::cargo;
use crate::child::ChildGuard;
use crate::workspace::Workspace;

/// What `rust-version` of [`PACKAGES`] says.
const COMPILER: &str = "1.85.0";

const PACKAGES: [&str; 4] = ["tallied", "tallied-http", "tallied-live", "tallied-tower"];

/// What is checked beside the default features.
const FEATURES: &str = "tallied-tower/axum,tallied-tower/live";

/// With 64-bit atomics, which the core needs: of 64 and of 32 bits, and of each family of systems.
const TARGETS: [&str; 5] = [
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "i686-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
];

/// Checks each package with that compiler, with its default features and without; the tower layer also with axum's. The compiler has a
/// target directory of its own, because it can use nothing that another one has built.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let found = Command::new("rustup")
        .args(["run", COMPILER, "rustc", "--version"])
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output();
    if !found.is_ok_and(|found| found.status.success()) {
        rustup(&["toolchain", "install", COMPILER, "--profile", "minimal"])?;
    }
    let target = workspace.target.join("msrv");
    for features in [&["--features", FEATURES][..], &["--no-default-features"]] {
        let mut command = Command::new("rustup");
        command.args(["run", COMPILER, "cargo", "check", "--lib"]);
        command.args(PACKAGES.into_iter().flat_map(|package| ["-p", package]));
        command.args(features).arg("--target-dir").arg(&target);
        run_rustup(command.current_dir(&workspace.root))?;
    }
    Ok(())
}

/// Compiles each package, and the collectors, for each target whose standard library can be installed. It uses the current
/// compiler, not the oldest one.
pub(crate) fn targets(workspace: &Workspace) -> Result<()> {
    let (there, missing): (Vec<&str>, Vec<&str>) = TARGETS
        .into_iter()
        .partition(|target| rustup(&["target", "add", target]).is_ok());
    ensure!(!there.is_empty(), "rustup adds no target");
    println!("left out, because rustup does not add them: {missing:?}");
    let mut args = vec!["check"];
    let packages = PACKAGES.into_iter().chain(["tallied-collectors"]);
    args.extend(packages.flat_map(|package| ["-p", package]));
    args.extend(there.into_iter().flat_map(|target| ["--target", target]));
    cargo::run(workspace, &args)
}

fn rustup(args: &[&str]) -> Result<()> {
    run_rustup(Command::new("rustup").args(args))
}

fn run_rustup(command: &mut Command) -> Result<()> {
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_string_lossy())
        .collect();
    let line = format!("rustup {}", args.join(" "));
    println!("$ {line}");
    let status = ChildGuard::spawn("rustup", command)?.wait()?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}
