//! Whether the files are what the code gives, and writing them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::model::Dashboard;
use crate::alerts::finding::{Finding, Place};

const REMEDY: &str = "cargo xtask dashboards --write";

/// By the name of its file.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) fn made(dashboards: &[Dashboard]) -> Files {
    dashboards
        .iter()
        .map(|dashboard| (dashboard.file_name(), dashboard.text()))
        .collect()
}

/// The `*.json` of a folder.
pub(crate) fn there(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let cannot_list = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot_list)? {
        let path = entry.with_context(cannot_list)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(name.into_owned(), text);
        }
    }
    Ok(files)
}

/// Says how many were other than they are now.
pub(crate) fn write(folder: &Path, made: &Files) -> Result<usize> {
    let there = there(folder)?;
    let mut changed = 0;
    for (name, text) in made {
        if there.get(name) != Some(text) {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// What differs from what the code gives.
pub(crate) fn check(shown: &str, made: &Files, there: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |name: &str, line: u64| Place::new(&format!("{shown}/{name}"), line, "");
    for (name, text) in made {
        match there.get(name) {
            None => findings.push(place(name, 0).finding("it is not there", REMEDY)),
            Some(seen) if seen != text => {
                let line = first_difference(text, seen);
                let what = "it is not what the code gives, from this line on";
                findings.push(place(name, line).finding(what, REMEDY));
            }
            Some(_) => {}
        }
    }
    for name in there.keys().filter(|name| !made.contains_key(*name)) {
        let remedy = "write it in xtask/src/dashboards, or delete it";
        findings.push(place(name, 0).finding("no code gives this dashboard", remedy));
    }
    findings
}

/// From 1. Where one is the beginning of the other, the line after it.
fn first_difference(one: &str, other: &str) -> u64 {
    let same = one
        .split('\n')
        .zip(other.split('\n'))
        .take_while(|(one, other)| one == other);
    same.count() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_file_that_differs_is_missing_or_nobodys_is_found() {
        let made = files(&[("a.json", "{\n1\n}\n"), ("b.json", "{}\n")]);
        assert_eq!(check("d", &made, &made), []);
        let there = files(&[("a.json", "{\n2\n}\n"), ("c.json", "{}\n")]);
        let found: Vec<String> = check("d", &made, &there)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("d/a.json:2: it is not what the code gives"));
        assert!(found[1].starts_with("d/b.json: it is not there"));
        assert!(found[2].starts_with("d/c.json: no code gives"));
    }

    #[test]
    fn a_file_that_ends_too_early_differs_there() {
        assert_eq!(first_difference("a\nb\n", "a\n"), 2);
        assert_eq!(first_difference("a", "a\n"), 2);
    }

    #[test]
    fn what_was_written_is_what_the_code_gives() {
        let folder = tempfile::tempdir().unwrap();
        let made = files(&[("a.json", "{}\n")]);
        assert_eq!(write(folder.path(), &made).unwrap(), 1);
        assert_eq!(write(folder.path(), &made).unwrap(), 0);
        assert_eq!(there(folder.path()).unwrap(), made);
    }
}
