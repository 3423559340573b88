//! Builds a server that was changed.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::cargo;
use crate::child::ChildGuard;
use crate::scratch::{Edit, Scratch};

const PACKAGE: &str = "tallied-server";

/// The server with these edits, as it is shipped; `None` where it does not compile, of which cargo has said why.
///
/// The binary is where the next one will be.
pub(super) fn build(scratch: &Scratch, edits: &[Edit]) -> Result<Option<PathBuf>> {
    let Some(built) = scratch.with(edits, || server(scratch))? else {
        return Ok(None);
    };
    if built.fresh && !edits.is_empty() {
        bail!("cargo built nothing new after a change; is the clock right?");
    }
    Ok(Some(built.executable))
}

fn server(scratch: &Scratch) -> Result<Option<cargo::Built>> {
    let args = [
        "build",
        "-p",
        PACKAGE,
        "--release",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ];
    let mut command = scratch.cargo(&args, &[]);
    let mut found = None;
    let status =
        ChildGuard::spawn("cargo", command.stdout(Stdio::piped()))?.wait_reading(|message| {
            found = cargo::built_in(message, PACKAGE).or(found.take());
        })?;
    match found {
        Some(built) if status.success() => Ok(Some(built)),
        None if !status.success() => Ok(None),
        _ => bail!("cargo built no `{PACKAGE}`, and ended with {status}"),
    }
}
