//! Where the workspace and its target directory are.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The cargo that runs us; a bare `cargo` may be another toolchain's.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Which build of our programs the chores look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Programs {
    /// Release builds.
    Shipped,
    /// What the tests have built for themselves: it costs the gate nothing more.
    OfTheTests,
}

pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml; every command runs there.
    pub(crate) root: PathBuf,
    /// Asked of cargo, not guessed, so that CARGO_TARGET_DIR and `build.target-dir` are honoured.
    pub(crate) target: PathBuf,
    /// Of all packages.
    pub(crate) version: String,
    pub(crate) rust_version: String,
    pub(crate) programs: Programs,
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
        let text = |of: &serde_json::Value, key: &str| {
            of[key]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("`cargo metadata` names no {key}"))
        };
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let mut packages = packages.filter(|package| package["name"] == env!("CARGO_PKG_NAME"));
        let package = packages.next();
        let package = package.context("`cargo metadata` does not know this package")?;
        Ok(Self {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            version: text(package, "version")?,
            rust_version: text(package, "rust_version")?,
            programs: Programs::Shipped,
        })
    }
}
