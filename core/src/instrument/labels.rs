//! The label values of one series.

use std::borrow::Cow;
use std::fmt::Write;

use crate::escape::{escape_label_value, unescape};
use crate::sync::Arc;

/// The label values of one series, in the order of the family's label names. Cheap to clone.
///
/// They are kept as they stand in the text format, rendered once for every scrape to come.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels(
    /// One of the two marks, then `a="x",b="y"`; `None` without labels.
    Option<Arc<str>>,
);

/// No value holds a character that has to be escaped: the text of each is the value.
const PLAIN: u8 = b' ';
/// Some value does.
const ESCAPED: &str = "\\";

impl Labels {
    pub(crate) fn new(names: &[Box<str>], values: &[&str]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mut text = String::from(char::from(PLAIN));
        let names = names.iter().map(|name| &**name);
        render_pairs(&mut text, names.zip(values.iter().copied()));
        if text.contains('\\') {
            text.replace_range(..1, ESCAPED);
        }
        Self(Some(text.into()))
    }

    /// The values, unescaped.
    pub fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let text = self.text();
        let mut at = 0;
        std::iter::from_fn(move || {
            // A name holds no equals sign, and a quote within a value has a backslash before it.
            let start = at + text.get(at..)?.find('=')? + 2;
            let value = text.get(start..)?;
            let mut escaped = false;
            let end = value.bytes().position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })?;
            at = start + end + 1;
            Some(unescape(&value[..end]))
        })
    }

    /// Shows each value, unescaped, with its name's index. `names` are those that the labels were made with.
    #[inline]
    pub(crate) fn for_each_value(&self, names: &[Box<str>], mut each: impl FnMut(usize, &str)) {
        let Some(text) = self.0.as_ref().filter(|text| text.as_bytes()[0] == PLAIN) else {
            let values = self.values().enumerate();
            return values.for_each(|(index, value)| each(index, &value));
        };
        let mut at = 0;
        for (index, name) in names.iter().enumerate() {
            // The mark or a comma, the name, `="`, the value, and a quote.
            let start = at + 1 + name.len() + 2;
            let Some(rest) = text.get(start..) else {
                return;
            };
            let Some(end) = rest.bytes().position(|byte| byte == b'"') else {
                return;
            };
            each(index, &rest[..end]);
            at = start + end + 1;
        }
    }

    /// Whether these are the values. `names` are those that the labels were made with.
    #[inline]
    pub(crate) fn are<const N: usize>(&self, names: &[Box<str>; N], values: &[&str; N]) -> bool {
        let Some(text) = &self.0 else {
            return N == 0;
        };
        let text = text.as_bytes();
        if text[0] != PLAIN {
            return are_escaped(&text[1..], names, values);
        }
        // Where nothing is escaped, the text holds two quotes a label. Each label here has to find
        // its two, so none is left for a value to match: a value that holds a quote, and so might
        // reach over into the next label, does not match.
        let mut at = 0;
        for (name, value) in names.iter().zip(values) {
            // The mark or a comma, the name, `="`, the value, and a quote.
            let start = at + 1 + name.len() + 2;
            let end = start + value.len();
            let Some([b'"', found @ .., b'"']) = text.get(start - 1..=end) else {
                return false;
            };
            if found != value.as_bytes() {
                return false;
            }
            at = end + 1;
        }
        at == text.len()
    }

    /// As they stand in the text format: `a="x",b="y"`.
    pub fn text(&self) -> &str {
        self.0.as_ref().map_or("", |text| &text[1..])
    }
}

/// Whether a text in which something is escaped has these values.
#[cold]
fn are_escaped(mut text: &[u8], names: &[Box<str>], values: &[&str]) -> bool {
    for (i, (name, value)) in names.iter().zip(values).enumerate() {
        // A comma, the name, `="`, the value, and a quote.
        let before = usize::from(i > 0) + name.len() + 2;
        let after = text
            .get(before..)
            .and_then(|text| strip_escaped(text, value));
        match after {
            Some([b'"', rest @ ..]) => text = rest,
            _ => return false,
        }
    }
    text.is_empty()
}

/// What follows a value in a text that begins with it, escaped.
fn strip_escaped<'a>(mut text: &'a [u8], value: &str) -> Option<&'a [u8]> {
    for byte in value.bytes() {
        let plain = [byte];
        let escaped: &[u8] = match byte {
            b'\\' => br"\\",
            b'"' => br#"\""#,
            b'\n' => br"\n",
            _ => &plain,
        };
        text = text.strip_prefix(escaped)?;
    }
    Some(text)
}

/// Appends `a="x",b="y"` with the values escaped.
pub(crate) fn render_pairs<'a>(into: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    for (i, (name, value)) in pairs.enumerate() {
        if i > 0 {
            into.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(into, "{name}=\"");
        escape_label_value(into, value);
        into.push('"');
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{}}}", self.text())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::Labels;

    /// Made of the characters that could be taken for the end of a value.
    fn value() -> impl Strategy<Value = String> {
        "[ab\\\\\",=\nü]{0,6}"
    }

    proptest! {
        #[test]
        fn are_the_values_that_they_were_made_of_and_no_others(
            a in [value(), value()], b in [value(), value()], names in ["[a-c]{1,3}", "[a-c]{1,3}"]
        ) {
            let names = names.map(Box::from);
            let labels = Labels::new(&names, &[&a[0], &a[1]]);
            prop_assert!(labels.are(&names, &[&a[0], &a[1]]));
            prop_assert_eq!(labels.are(&names, &[&b[0], &b[1]]), a == b);
            prop_assert!(labels.values().eq(a.iter().map(|value| &**value)));
            let mut shown = Vec::new();
            labels.for_each_value(&names, |index, value| shown.push((index, value.to_owned())));
            prop_assert_eq!(shown, [(0, a[0].clone()), (1, a[1].clone())]);
        }
    }
    /// Every two pieces of the text, so also those that reach over from one label to the next.
    #[test]
    fn pieces_of_the_text_are_not_the_values() {
        let names = ["a", "b"].map(Box::from);
        for values in [["x", ",b=,b=y"], ["", "b=y"], ["x\"", "y\\,b"]] {
            let labels = Labels::new(&names, &values);
            let text = labels.text();
            let pieces: Vec<&str> = (0..=text.len())
                .flat_map(|start| (start..=text.len()).map(move |end| &text[start..end]))
                .collect();
            for a in &pieces {
                for b in &pieces {
                    assert_eq!(labels.are(&names, &[a, b]), [*a, *b] == values, "{a} {b}");
                }
            }
        }
    }
}
