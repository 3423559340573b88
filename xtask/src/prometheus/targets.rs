//! A file that Prometheus finds targets in, which may be read at any moment.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, json};

/// Written aside and renamed, so that nobody reads half of it. The labels are put on every series.
pub(crate) fn write(path: &Path, targets: &[&str], labels: &[(&str, &str)]) -> Result<()> {
    let labels: Map<_, _> = labels
        .iter()
        .map(|&(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let text = json!([{ "targets": targets, "labels": labels }]).to_string();
    // An ending that no pattern takes.
    let aside = path.with_extension("new");
    fs::write(&aside, text)
        .and_then(|()| fs::rename(&aside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_replaces_what_was_there_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, &["127.0.0.1:1"], &[]).unwrap();
        write(&path, &["127.0.0.1:2"], &[("zone", "c")]).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"[{"labels":{"zone":"c"},"targets":["127.0.0.1:2"]}]"#
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
