//! A mistake, as a unified diff that `git apply` takes. What stands above the diff is a head of `key: value` lines and
//! comments.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

#[derive(Debug)]
pub(crate) struct Patch {
    /// What `--only` looks in.
    pub(crate) name: String,
    text: String,
}

/// The patches of a folder, by name, each of which fits the sources below `root`.
pub(crate) fn read_folder(root: &Path, folder: &str) -> Result<Vec<Patch>> {
    let listed = root.join(folder);
    let entries =
        fs::read_dir(&listed).with_context(|| format!("cannot list {}", listed.display()))?;
    let mut patches = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", listed.display()))?
            .path();
        if path.extension() != Some(OsStr::new("patch")) {
            continue;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let patch = Patch::new(&name, text);
        patch
            .git_apply(root, &["--check"])
            .with_context(|| format!("{folder}/{name}.patch is stale: correct it"))?;
        patches.push(patch);
    }
    patches.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(patches)
}

impl Patch {
    pub(crate) fn new(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            text,
        }
    }

    /// One line of a file, replaced.
    pub(crate) fn of_line(name: String, file: &str, number: usize, old: &str, new: &str) -> Self {
        let text =
            format!("--- a/{file}\n+++ b/{file}\n@@ -{number} +{number} @@\n-{old}\n+{new}\n");
        Self { name, text }
    }

    /// The values of a key in the head.
    pub(crate) fn head<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let head = self
            .text
            .lines()
            .take_while(|line| !line.starts_with("--- "));
        head.filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
    }

    /// The last file that it changes: the one that its other changes make possible.
    pub(crate) fn last_file(&self) -> Option<&str> {
        let mut files = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("+++ b/"));
        files.next_back()
    }

    pub(super) fn apply(&self, root: &Path) -> Result<()> {
        self.git_apply(root, &[])
    }

    pub(super) fn take_back(&self, root: &Path) -> Result<()> {
        self.git_apply(root, &["--reverse"])
    }

    fn git_apply(&self, root: &Path, options: &[&str]) -> Result<()> {
        let mut command = Command::new("git");
        // Or in a copy, git would find the repository around it, and change nothing.
        if let Some(parent) = root.parent() {
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        let mut git = command
            .args(["apply", "--unidiff-zero", "--whitespace=nowarn"])
            .args(options)
            .current_dir(root)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run git")?;
        let mut stdin = git.stdin.take().context("git has no stdin")?;
        stdin
            .write_all(self.text.as_bytes())
            .context("cannot write to git")?;
        drop(stdin);
        let output = git.wait_with_output().context("cannot wait for git")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_has_a_head_and_a_last_file() {
        let text =
            "# Why.\nload: smoke\nnames: a: b\nnames: c\n--- a/x\n+++ b/x\n--- a/y\n+++ b/y\n";
        let patch = Patch::new("n", text.to_owned());
        assert_eq!(patch.head("names").collect::<Vec<_>>(), ["a: b", "c"]);
        assert_eq!(patch.head("load").next(), Some("smoke"));
        assert_eq!(patch.last_file(), Some("y"));
    }

    #[test]
    fn a_patch_is_applied_and_taken_back_or_says_that_it_does_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = root.join("x");
        fs::write(&file, "a\nb\nc\n").unwrap();
        let patch = Patch::of_line("n".to_owned(), "x", 2, "b", "d");
        patch.apply(&root).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nd\nc\n");
        patch.take_back(&root).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\nc\n");
        let error = Patch::of_line("n".to_owned(), "x", 2, "no", "d")
            .apply(&root)
            .unwrap_err();
        assert!(error.to_string().contains("x:2"), "{error}");
    }
}
