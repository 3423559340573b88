//! The nightly toolchain, which sanitizers and the fuzzer need; the rest builds with the stable one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::workspace::Workspace;

pub(crate) struct Nightly {
    cargo: PathBuf,
    /// What it compiles for when nobody says: `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
}

impl Nightly {
    /// Asks rustup. Nothing is installed on the way.
    pub(crate) fn find() -> Result<Self> {
        let tool = |name: &str| {
            asked(&["which", "--toolchain", "nightly", name]).map(|path| PathBuf::from(path.trim()))
        };
        let found = tool("cargo").and_then(|cargo| {
            let version = output(Command::new(tool("rustc")?).arg("-vV"))?;
            let host = host_in(&version).context("rustc does not say what it compiles for")?;
            Ok(Self {
                cargo,
                host: host.to_owned(),
            })
        });
        found.map_err(|error| {
            anyhow!(
                "this chore needs the nightly toolchain ({error:#}); install it: \
                 rustup toolchain install nightly --profile minimal"
            )
        })
    }

    pub(crate) fn in_workspace(&self, workspace: &Workspace, args: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        // The variable is for what cargo calls by name, and for who pastes the printed line.
        command
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .current_dir(&workspace.root)
            .args(args);
        command
    }

    /// Whether `cargo <name>` is there.
    pub(crate) fn has(&self, workspace: &Workspace, name: &str) -> bool {
        output(&mut self.in_workspace(workspace, &[name, "--version"])).is_ok()
    }

    /// Where cargo puts what it builds for the host by name, in release.
    pub(crate) fn release(&self, target: &Path) -> PathBuf {
        target.join(&self.host).join("release")
    }
}

fn asked(args: &[&str]) -> Result<String> {
    // Without the variable some versions of rustup install what they are asked about.
    output(
        Command::new("rustup")
            .env("RUSTUP_AUTO_INSTALL", "0")
            .args(args),
    )
}

pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        // The rest is advice and, under RUST_BACKTRACE, a backtrace.
        let errors = String::from_utf8_lossy(&output.stderr);
        let first = errors.lines().find(|line| !line.trim().is_empty());
        bail!("{program} says: {}", first.unwrap_or("nothing"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn host_in(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_compiles_for() {
        let version = "rustc 1.97.0-nightly\nhost: x86_64-unknown-linux-gnu\nrelease: 1.97.0\n";
        assert_eq!(host_in(version), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host_in("rustc 1.0.0"), None);
    }

    #[test]
    fn what_failed_says_why() {
        let mut command = Command::new("sh");
        let error = output(command.args(["-c", "echo no nightly >&2; echo advice >&2; exit 1"]))
            .unwrap_err();
        assert_eq!(error.to_string(), "sh says: no nightly");
    }
}
