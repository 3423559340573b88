//! The texts of the files in which such numbers stand.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::alerts::yaml;
use crate::workspace::Workspace;

/// Where the workspace's own versions stand: `version` and `rust-version`.
pub(super) const CARGO: &str = "Cargo.toml";
/// What a server says of its defaults.
pub(super) const SERVER: &str = "tallied-server --print-config";

#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// By the path from the root. Of [`CARGO`] and [`SERVER`], lines `key = value`.
    texts: BTreeMap<&'static str, String>,
}

impl Sources {
    /// Of deploy/, what is in `folder`; of all else, what is in the workspace.
    pub(crate) fn read(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let mut sources = Self::of_files(&workspace.root, folder)?;
        sources
            .texts
            .insert(CARGO, versions(&workspace.version, &workspace.rust_version));
        Ok(sources)
    }

    pub(super) fn of_files(root: &Path, folder: &Path) -> Result<Self> {
        let files = super::ties::files().chain(super::stops::files());
        let mut texts = BTreeMap::new();
        for file in files.filter(|&file| file != CARGO && file != SERVER) {
            let path = match file.strip_prefix("deploy/") {
                Some(below) => folder.join(below),
                None => root.join(file),
            };
            texts.insert(file, yaml::read_text(&path)?);
        }
        Ok(Self { texts })
    }

    pub(crate) fn set_server(&mut self, printed: String) {
        self.texts.insert(SERVER, printed);
    }

    pub(crate) fn text(&self, file: &str) -> Result<&str> {
        let text = self.texts.get(file);
        Ok(text.with_context(|| format!("{file} was not read"))?)
    }

    /// The documents of a YAML file, a list; the only one is not in a list.
    pub(super) fn tree(&self, file: &str) -> Result<Value> {
        let text = self.text(file)?;
        let documents = text.split("\n---\n");
        let mut documents: Vec<Value> = documents
            .map(|document| yaml::parse(file, document))
            .collect::<Result<_>>()?;
        Ok(match documents.len() {
            1 => documents.remove(0),
            _ => Value::Array(documents),
        })
    }

    #[cfg(test)]
    pub(super) fn replace(&mut self, file: &str, from: &str, to: &str) {
        let text = self.texts.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        *text = text.replacen(from, to, 1);
    }
}

fn versions(version: &str, rust_version: &str) -> String {
    format!("version = {version}\nrust-version = {rust_version}\n")
}

/// The files as they are, with a workspace's versions and a server's defaults of their time.
#[cfg(test)]
pub(super) fn tests_sources() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Sources::of_files(&root, &root.join("deploy")).unwrap();
    let versions = versions(env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_RUST_VERSION"));
    sources.texts.insert(CARGO, versions);
    sources.set_server(
        "listen = \"127.0.0.1:8000\" # default\ndrain_seconds = 10 # default\nlast_scrape_seconds = 5 # default\n".to_owned(),
    );
    sources
}
