//! YAML into a type of ours, with an error that says which file and what is to be done.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

pub(crate) fn parse<T: DeserializeOwned>(shown: &str, text: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|error| anyhow!("{shown}: {error}"))
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The paths of the files with this ending in a folder and in those below it, in order. A folder that is not there has none.
pub(crate) fn names_below(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        collect(folder, "", extension, &mut names)?;
    }
    names.sort();
    Ok(names)
}

fn collect(folder: &Path, below: &str, extension: &str, names: &mut Vec<String>) -> Result<()> {
    let cannot_list = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot_list)? {
        let path = entry.with_context(cannot_list)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{below}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), extension, names)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            names.push(name);
        }
    }
    Ok(())
}

/// The bytes that a value was written as, the quotes or the indentation of a block among them. Of one that stands
/// for an alias, those of its definition.
pub(crate) fn bytes<T>(value: &Spanned<T>) -> Result<std::ops::Range<usize>> {
    let span = value.defined.span();
    let start = span.byte_offset().zip(span.byte_len());
    let (start, length) = start.context("the YAML reader gave no place for a value")?;
    let start = usize::try_from(start)?;
    Ok(start..start + usize::try_from(length)?)
}
