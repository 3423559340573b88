//! A server that is wrong on purpose.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::list::WRONG;
use super::load::Load;
use crate::scratch::{self, Edit, Replace, Source};

/// Where they are written down.
const LIST: &str = "xtask/src/wrong_servers/list.rs";

pub(super) struct Wrong {
    /// What `--only` looks in.
    pub(super) name: &'static str,
    pub(super) edits: &'static [Replace],
    pub(super) load: Load,
    /// One finding has to contain all of these.
    pub(super) named: &'static [&'static str],
}

/// All of them, with their edits of the files below `root`.
pub(super) fn all(root: &Path) -> Result<Vec<(&'static Wrong, Vec<Edit>)>> {
    let mut sources = BTreeMap::new();
    WRONG
        .iter()
        .map(|wrong| Ok((wrong, edits(wrong, root, &mut sources)?)))
        .collect()
}

/// An edit that does not fit is an error, and no mutant that survives: the list is to be corrected.
fn edits(wrong: &Wrong, root: &Path, sources: &mut BTreeMap<PathBuf, Source>) -> Result<Vec<Edit>> {
    let edits = wrong.edits.iter().map(|replace| {
        let source = match sources.entry(replace.file.into()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Source::new(scratch::read(&root.join(replace.file))?)),
        };
        replace.edit(source)
    });
    edits.collect::<Result<_>>().with_context(|| {
        format!(
            "the list is stale: `{}` is to be corrected in {LIST}",
            wrong.name,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrong_servers::load::SMOKE;

    /// So that a change of the server meets the list in the tests, and not in the chore that few run.
    #[test]
    fn the_list_fits_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut names: Vec<&str> = all(&root)
            .unwrap()
            .iter()
            .map(|(wrong, _)| wrong.name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn each_is_under_a_load_and_names_a_series() {
        for wrong in WRONG {
            assert!(!wrong.edits.is_empty(), "{}", wrong.name);
            assert!(!wrong.named.is_empty(), "{}", wrong.name);
        }
    }

    #[test]
    fn a_stale_list_says_which() {
        let wrong = Wrong {
            name: "n",
            edits: &[Replace {
                file: "core/src/lib.rs",
                find: "no such text",
                with: "",
            }],
            load: SMOKE,
            named: &["x"],
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let error = edits(&wrong, &root, &mut BTreeMap::new()).err().unwrap();
        let error = format!("{error:#}");
        assert!(
            error.starts_with("the list is stale: `n`") && error.contains("stands 0 times"),
            "{error}"
        );
    }
}
