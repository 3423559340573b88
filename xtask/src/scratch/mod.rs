//! A copy of some of the workspace's packages that mutants are made in: below the target directory, so that
//! the working tree stays as it is whatever happens to us.

mod edit;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::edit::edited;
pub(crate) use self::edit::{Edit, Replace};
pub(crate) use self::source::{Source, test_modules};
use crate::cargo;
use crate::workspace::{self, Workspace};

pub(crate) struct Scratch {
    root: PathBuf,
    target: PathBuf,
    original: PathBuf,
}

impl Scratch {
    /// A fresh copy of these members, in a folder of this name below the target directory. What was built for
    /// the last one stays.
    pub(crate) fn new(workspace: &Workspace, name: &str, members: &[&str]) -> Result<Self> {
        let folder = workspace.target.join(name);
        let root = folder.join("workspace");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot remove {}", root.display()))?;
        }
        for name in members.iter().chain(&["Cargo.lock", "README.md"]) {
            copy(&workspace.root.join(name), &root.join(name))?;
        }
        let manifest = read(&workspace.root.join("Cargo.toml"))?;
        write(&root.join("Cargo.toml"), &with_members(&manifest, members)?)?;
        Ok(Self {
            root,
            target: folder.join("target"),
            original: workspace.root.clone(),
        })
    }

    /// Where a member is.
    pub(crate) fn folder(&self, member: &str) -> PathBuf {
        self.root.join(member)
    }

    /// Changes the copy, has it built, and changes it back.
    pub(crate) fn with<T>(&self, edits: &[Edit], build: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut files: Vec<&Path> = edits.iter().map(|edit| edit.file.as_path()).collect();
        files.sort_unstable();
        files.dedup();
        for file in &files {
            let here: Vec<&Edit> = edits.iter().filter(|edit| edit.file == *file).collect();
            let text = read(&self.original.join(file))?;
            write(&self.root.join(file), &edited(&text, &here))?;
        }
        let built = build();
        // Written anew, for cargo goes by the time: a file that got its old time back would not be built.
        for file in &files {
            write(&self.root.join(file), &read(&self.original.join(file))?)?;
        }
        built
    }

    /// Cargo in the copy, with a target directory that all its mutants share.
    pub(crate) fn cargo(&self, args: &[&str], flags: &[&str]) -> Command {
        let mut command = workspace::cargo();
        command
            .current_dir(&self.root)
            .args(args)
            .arg("--target-dir")
            .arg(&self.target);
        // A mutant may leave something unused; that is no reason not to build it.
        let flags = [flags, &["--cap-lints", "allow"]].concat();
        cargo::append_flags(&mut command, "RUSTFLAGS", &flags);
        command
    }
}

/// The workspace's manifest with these as its only members, and all else as it is.
fn with_members(manifest: &str, members: &[&str]) -> Result<String> {
    let mut text = String::new();
    let mut lists = 0;
    let mut in_list = false;
    for line in manifest.lines() {
        let is_members = line.starts_with("members =");
        if is_members {
            lists += 1;
            text.push_str(&format!("members = {members:?}\n"));
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
        lists == 1,
        "the workspace's Cargo.toml has {lists} lines that begin with `members =`"
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

pub(crate) fn read(path: &Path) -> Result<String> {
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
    fn the_copy_has_the_members_that_it_is_told() {
        let manifest = "[workspace]\nmembers = [\"a\", \"core\"]\n# Why.\nexclude = [\n  \"b\",\n]\n\n\
                        [workspace.package]\nversion = \"1\"\n";
        assert_eq!(
            with_members(manifest, &["core", "server"]).unwrap(),
            "[workspace]\nmembers = [\"core\", \"server\"]\n# Why.\n\n[workspace.package]\nversion = \"1\"\n"
        );
        assert!(with_members("[workspace]\n", &["core"]).is_err());
    }
}
