//! The parser of Accept and Accept-Encoding: lists of elements with weights. Shared with tallied-http; not
//! for others.
//!
//! Source: RFC 9110, sections 5.6.1 (lists), 5.6.6 (parameters) and 12.4.2 (quality).

use std::borrow::Cow;

/// An element of `Accept` or `Accept-Encoding`.
#[derive(Debug)]
pub struct Element<'a> {
    /// What is accepted: a media range or a content coding.
    pub name: &'a str,
    /// The weight, from 0 (not acceptable) to 1, which is the default.
    pub quality: f32,
    rest: &'a str,
}

impl<'a> Element<'a> {
    /// `None` for one without a name, or with an invalid weight.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let name = split(text, ';').next()?;
        let rest = text.get(name.len() + 1..).unwrap_or_default();
        let mut element = Self {
            name: name.trim(),
            quality: 1.0,
            rest,
        };
        if let Some(weight) = element.parameter("q") {
            element.quality = quality(&weight)?;
        }
        (!element.name.is_empty()).then_some(element)
    }

    /// The names and values of the parameters, the values without their quotes.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        split(self.rest, ';').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            Some((name.trim(), unquoted(value.trim())))
        })
    }

    /// The value of a parameter, without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut parameters = self.parameters();
        let found = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// A weight: 0 or 1, with up to three decimals, and not above 1.
fn quality(text: &str) -> Option<f32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    if !digits || !matches!(whole, "0" | "1") {
        return None;
    }
    text.parse().ok().filter(|quality| *quality <= 1.0)
}

/// The text of a quoted string; of anything else, itself.
fn unquoted(value: &str) -> Cow<'_, str> {
    let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let Some(inside) = inside else {
        return value.into();
    };
    if !inside.contains('\\') {
        return inside.into();
    }
    let mut escaped = false;
    let text = inside.chars().filter(|c| {
        escaped = *c == '\\' && !escaped;
        !escaped
    });
    text.collect::<String>().into()
}

/// The elements of a list, in their order. An element with an invalid weight is skipped; the others still
/// count. Costs one pass over the text; nothing is copied.
pub fn elements(list: &str) -> impl Iterator<Item = Element<'_>> {
    split(list, ',').filter_map(Element::of)
}

/// Splits, but not inside of a quoted string.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::elements;

    #[test]
    fn elements_with_their_qualities() {
        let list = [
            "a/b",
            " C/d ; Q=0.5;x=1 , ,e/f;v=\"1,;\\\"2\";q=0.25",
            "g/h;q=0",
            "i/j;q=NaN, i/j;q=inf, i/j;q=1.01, i/j;q=-1, i/j;q=, i/j;q=much, k/l;q=1.000",
            "m/n;q=0.1234, m/n;q=1.0000, m/n;q=2, m/n;q=1e-1, m/n;q=+0.5, m/n;q=.5, m/n;q=00.5, o/p;q=0.",
        ]
        .join(", ");
        let found: Vec<_> = elements(&list)
            .map(|element| (element.name, element.quality, element.parameter("v")))
            .collect();
        assert_eq!(
            found,
            [
                ("a/b", 1.0, None),
                ("C/d", 0.5, None),
                ("e/f", 0.25, Some("1,;\"2".into())),
                ("g/h", 0.0, None),
                ("k/l", 1.0, None),
                ("o/p", 0.0, None),
            ]
        );
    }
}
