//! The copy of the core that is changed: below the target directory, so that the working tree stays as
//! it is whatever happens to us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::mutant::{Edit, edited};
use crate::cargo;
use crate::child::ChildGuard;
use crate::workspace::{self, Workspace};

pub(super) struct Scratch {
    root: PathBuf,
    target: PathBuf,
    original: PathBuf,
}

/// The models, built.
pub(super) enum Build {
    Executable(PathBuf),
    /// It does not compile; cargo has said why.
    Refused,
}

impl Scratch {
    /// A fresh copy. What was built for the last one stays.
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target.join("mutants");
        let root = folder.join("workspace");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot remove {}", root.display()))?;
        }
        copy(&workspace.root.join("core"), &root.join("core"))?;
        for name in ["Cargo.lock", "README.md"] {
            copy(&workspace.root.join(name), &root.join(name))?;
        }
        let manifest = read(&workspace.root.join("Cargo.toml"))?;
        write(&root.join("Cargo.toml"), &with_core_alone(&manifest)?)?;
        Ok(Self {
            root,
            target: folder.join("target"),
            original: workspace.root.clone(),
        })
    }

    /// Where the models run.
    pub(super) fn core(&self) -> PathBuf {
        self.root.join("core")
    }

    /// Changes the copy, builds its models, and changes it back.
    pub(super) fn build(&self, edits: &[Edit]) -> Result<Build> {
        let mut files: Vec<&Path> = edits.iter().map(|edit| edit.file.as_path()).collect();
        files.sort_unstable();
        files.dedup();
        for file in &files {
            let here: Vec<&Edit> = edits.iter().filter(|edit| edit.file == *file).collect();
            let text = read(&self.original.join(file))?;
            write(&self.root.join(file), &edited(&text, &here))?;
        }
        let built = self.models();
        // Written anew, for cargo goes by the time: a file that got its old time back would not be built.
        for file in &files {
            write(&self.root.join(file), &read(&self.original.join(file))?)?;
        }
        let (build, fresh) = built?;
        if fresh && !edits.is_empty() {
            bail!("cargo built nothing new after a change; is the clock right?");
        }
        Ok(build)
    }

    /// What `cargo xtask loom` builds, and whether it was there already.
    fn models(&self) -> Result<(Build, bool)> {
        let mut command = workspace::cargo();
        command
            .current_dir(&self.root)
            .args(["test", "-p", "tallied", "--release", "--lib", "--no-run"])
            .args(["--quiet", "--message-format=json-render-diagnostics"])
            .arg("--target-dir")
            .arg(&self.target)
            .stdout(Stdio::piped());
        // A mutant may leave something unused; that is no reason not to build it.
        let flags = ["--cfg", "loom", "--cap-lints", "allow"];
        cargo::append_flags(&mut command, "RUSTFLAGS", &flags);
        let mut found = None;
        let status = ChildGuard::spawn("cargo", &mut command)?.wait_reading(|message| {
            found = test_executable(message).or(found.take());
        })?;
        match found {
            Some((executable, fresh)) if status.success() => {
                Ok((Build::Executable(executable), fresh))
            }
            None if !status.success() => Ok((Build::Refused, false)),
            _ => bail!("cargo built no test of `tallied`, and ended with {status}"),
        }
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

/// The workspace's manifest with `core` as its only member, and all else as it is.
fn with_core_alone(manifest: &str) -> Result<String> {
    let mut text = String::new();
    let mut members = 0;
    let mut in_list = false;
    for line in manifest.lines() {
        let is_members = line.starts_with("members =");
        if is_members {
            members += 1;
            text.push_str("members = [\"core\"]\n");
        }
        if is_members || line.starts_with("exclude =") {
            in_list = true;
        }
        if in_list {
            // A list may go over several lines.
            in_list = !line.contains(']');
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    ensure!(
        members == 1,
        "the workspace's Cargo.toml has {members} lines that begin with `members =`"
    );
    Ok(text)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return write_bytes(to, &read_bytes(from)?);
    }
    let entries = fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))?;
    for entry in entries {
        let name = entry
            .with_context(|| format!("cannot list {}", from.display()))?
            .file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

pub(super) fn read(path: &Path) -> Result<String> {
    String::from_utf8(read_bytes(path)?).with_context(|| format!("in {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_bytes(path, text.as_bytes())
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_the_only_member() {
        let manifest = "[workspace]\nmembers = [\"a\", \"core\"]\n# Why.\nexclude = [\n  \"b\",\n]\n\n\
                        [workspace.package]\nversion = \"1\"\n";
        assert_eq!(
            with_core_alone(manifest).unwrap(),
            "[workspace]\nmembers = [\"core\"]\n# Why.\n\n[workspace.package]\nversion = \"1\"\n"
        );
        assert!(with_core_alone("[workspace]\n").is_err());
    }

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
