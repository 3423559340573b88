//! Where the workspace and its target directory are.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The cargo that runs us; a bare `cargo` may be another toolchain's.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml; every command runs there.
    pub(crate) root: PathBuf,
    /// Asked of cargo, not guessed, so that CARGO_TARGET_DIR and `build.target-dir` are honoured.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot run `cargo metadata`; run the chores as `cargo xtask …`")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` failed; run the chores inside the repository:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
            .context("`cargo metadata` did not answer in JSON")?;
        let folder = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` names no {key}"))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
        })
    }
}
