//! Changes to a copy of the sources.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::source::Source;

/// Bytes of a file, replaced.
pub(crate) struct Edit {
    /// From the root of the workspace.
    pub(crate) file: PathBuf,
    pub(crate) range: Range<usize>,
    pub(crate) with: String,
}

/// A text that stands exactly once in what ships of a file, and what takes its place.
#[derive(Clone, Copy)]
pub(crate) struct Replace {
    /// From the root of the workspace.
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) with: &'static str,
}

impl Replace {
    /// Where that is.
    ///
    /// # Errors
    /// When the file has changed, so that the text stands there no longer, or more than once.
    pub(crate) fn edit(&self, source: &Source) -> Result<Edit> {
        // Comments may be part of the text; tests are not.
        let shipped = &source.text[..source.code.len()];
        let places: Vec<usize> = shipped.match_indices(self.find).map(|(at, _)| at).collect();
        ensure!(
            places.len() == 1,
            "it wants to replace {:?}, which stands {} times in {}",
            self.find,
            places.len(),
            self.file
        );
        Ok(Edit {
            file: self.file.into(),
            range: places[0]..places[0] + self.find.len(),
            with: self.with.to_owned(),
        })
    }
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

    fn place(find: &'static str, text: &str) -> Result<Range<usize>> {
        let replace = Replace {
            file: "x.rs",
            find,
            with: "",
        };
        let edit = replace.edit(&Source::new(text.to_owned()))?;
        Ok(edit.range)
    }

    #[test]
    fn a_text_is_found_where_it_ships() {
        let text = "fn f() {\n    step();\n}\n#[cfg(test)]\nmod tests {\n    step();\n}\n";
        assert_eq!(place("    step();\n", text).unwrap(), 9..21);
    }

    #[test]
    fn what_is_not_there_once_has_no_place() {
        let error = |find, text| place(find, text).unwrap_err().to_string();
        assert!(error("a", "b").contains("replace \"a\", which stands 0 times in x.rs"));
        assert!(error("a", "a a").contains("stands 2 times"));
    }
}
