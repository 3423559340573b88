//! One change to the kernel that a model has to notice.

use std::ops::Range;
use std::path::PathBuf;

pub(super) struct Mutant {
    /// What `--only` looks in: `cell.rs:54 Release → Relaxed`.
    pub(super) name: String,
    /// Where: `core/src/shard/cell.rs:54 (put)`.
    pub(super) site: String,
    /// What was done there.
    pub(super) mutation: String,
    pub(super) edits: Vec<Edit>,
}

/// Bytes of a file, replaced.
pub(super) struct Edit {
    /// From the root of the workspace.
    pub(super) file: PathBuf,
    pub(super) range: Range<usize>,
    pub(super) with: String,
}

/// A file's text after all the edits that concern it, which do not overlap.
pub(super) fn edited(text: &str, edits: &[&Edit]) -> String {
    let mut last_first: Vec<&Edit> = edits.to_vec();
    last_first.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    let mut text = text.to_owned();
    for edit in last_first {
        text.replace_range(edit.range.clone(), &edit.with);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_each_others_places() {
        let edit = |range, with: &str| Edit {
            file: PathBuf::new(),
            range,
            with: with.to_owned(),
        };
        let (first, second) = (edit(0..1, "long"), edit(2..3, ""));
        assert_eq!(edited("abc", &[&first, &second]), "longb");
        assert_eq!(edited("abc", &[&second, &first]), "longb");
    }
}
