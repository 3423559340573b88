//! A copy of the workspace that mistakes are made in: below the target directory, so that the working tree stays as it
//! is whatever happens to us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::Patch;
use crate::cargo;
use crate::child::ChildGuard;
use crate::workspace::{self, Workspace};

pub(crate) struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// A fresh copy, in a folder of this name below the target directory. What was built for the last one stays.
    pub(crate) fn new(workspace: &Workspace, name: &str) -> Result<Self> {
        let folder = workspace.target.join(name);
        let root = folder.join("workspace");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot remove {}", root.display()))?;
        }
        for file in files(&workspace.root)? {
            let (from, to) = (workspace.root.join(&file), root.join(&file));
            // One that is deleted, and not yet in a commit, is listed all the same.
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap_or(&root))
                    .and_then(|()| fs::copy(&from, &to))
                    .with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
        Ok(Self {
            // Git compares it with where it looks for a repository.
            root: root
                .canonicalize()
                .with_context(|| format!("cannot find {}", root.display()))?,
            target: folder.join("target"),
        })
    }

    /// Where a package is.
    pub(crate) fn folder(&self, package: &str) -> PathBuf {
        self.root.join(package)
    }

    /// What cargo builds of a package with this patch; `None` where it does not compile, of which cargo has said why.
    ///
    /// The executable is where the next one will be.
    pub(crate) fn build(
        &self,
        patch: Option<&Patch>,
        package: &str,
        args: &[&str],
        flags: &[&str],
    ) -> Result<Option<PathBuf>> {
        if let Some(patch) = patch {
            patch.apply(&self.root)?;
        }
        let built = self.cargo(package, args, flags);
        if let Some(patch) = patch {
            patch.take_back(&self.root)?;
        }
        let built = built?;
        if patch.is_some() && built.as_ref().is_some_and(|built| built.fresh) {
            bail!("cargo built nothing new after a change; is the clock right?");
        }
        Ok(built.map(|built| built.executable))
    }

    /// With a target directory that all its mistakes share.
    fn cargo(&self, package: &str, args: &[&str], flags: &[&str]) -> Result<Option<cargo::Built>> {
        let mut command = workspace::cargo();
        command
            .current_dir(&self.root)
            .args(args)
            .args(["-p", package, "--release", "--quiet"])
            .arg("--message-format=json-render-diagnostics")
            .arg("--target-dir")
            .arg(&self.target);
        // A mistake may leave something unused; that is no reason not to build it.
        let flags = [flags, &["--cap-lints", "allow"]].concat();
        cargo::append_flags(&mut command, "RUSTFLAGS", &flags);
        let mut found = None;
        let status = ChildGuard::spawn("cargo", command.stdout(Stdio::piped()))?.wait_reading(
            |message| {
                found = cargo::built_in(message, package).or(found.take());
            },
        )?;
        match found {
            Some(built) if status.success() => Ok(Some(built)),
            None if !status.success() => Ok(None),
            _ => bail!("cargo built no executable of `{package}`, and ended with {status}"),
        }
    }
}

/// What git knows or could know, from the root.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git cannot list the sources: {}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let names = String::from_utf8(output.stdout).context("a file's name is no UTF-8")?;
    let names = names.split_terminator('\0').map(PathBuf::from);
    Ok(names.collect())
}
