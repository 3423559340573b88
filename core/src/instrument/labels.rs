//! The label values of one series.

use std::fmt::Write;

use crate::escape::escape_label_value;
use crate::sync::Arc;

/// The label values of one series, in the order of the family's label names. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Option<Arc<Inner>>);

#[derive(PartialEq, Eq)]
struct Inner {
    /// The values, one after the other, then the rendered text: `a="x",b="y"`.
    buffer: Box<str>,
    /// Where each value ends in `buffer`.
    ends: Box<[usize]>,
}

impl Labels {
    /// Renders the text once, for every scrape to come.
    pub(crate) fn new(names: &[Box<str>], values: &[&str]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mut buffer: String = values.concat();
        let ends = values.iter().scan(0, |end, value| {
            *end += value.len();
            Some(*end)
        });
        let ends = ends.collect();
        render_pairs(
            &mut buffer,
            names.iter().map(|name| &**name).zip(values.iter().copied()),
        );
        Self(Some(Arc::new(Inner {
            buffer: buffer.into(),
            ends,
        })))
    }

    /// The values, unescaped.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|inner| {
            inner.ends.iter().scan(0, |start, end| {
                let value = &inner.buffer[*start..*end];
                *start = *end;
                Some(value)
            })
        })
    }

    /// Whether these are the values.
    #[inline]
    pub(crate) fn are(&self, values: &[&str]) -> bool {
        let Some(inner) = &self.0 else {
            return values.is_empty();
        };
        let bytes = inner.buffer.as_bytes();
        let mut start = 0;
        inner.ends.len() == values.len()
            && inner.ends.iter().zip(values).all(|(end, value)| {
                let same = &bytes[start..*end] == value.as_bytes();
                start = *end;
                same
            })
    }

    /// As they stand in the text format: `a="x",b="y"`.
    pub(crate) fn text(&self) -> &str {
        self.0.as_ref().map_or("", |inner| {
            &inner.buffer[inner.ends.last().copied().unwrap_or_default()..]
        })
    }
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
