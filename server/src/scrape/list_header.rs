//! Headers that list what a client accepts, each with how much it likes it.
//!
//! Source: RFC 9110, sections 5.6.1 (lists), 5.6.6 (parameters) and 12.4.2 (quality).

use salvo::http::HeaderMap;
use salvo::http::header::HeaderName;

/// An element of such a list.
pub(super) struct Element<'a> {
    /// What is accepted: a media range, a content coding.
    pub(super) name: &'a str,
    /// From 0, not acceptable, to 1.
    pub(super) quality: f32,
    rest: &'a str,
}

impl<'a> Element<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = split(text, ';');
        let name = parts.next()?.trim();
        let rest = text.get(name.len()..).unwrap_or_default();
        let mut element = Self {
            name,
            quality: 1.0,
            rest,
        };
        if let Some(quality) = element.parameter("q") {
            element.quality = quality.parse().ok()?;
        }
        // Neither NaN nor an infinity is in it.
        (0.0..=1.0).contains(&element.quality).then_some(element)
    }

    /// The value of a parameter, without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        split(self.rest, ';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            let found = key.trim().eq_ignore_ascii_case(name);
            found.then(|| value.trim().trim_matches('"'))
        })
    }
}

/// The elements of all headers of a name. One whose quality is no number from 0 to 1 is left out:
/// what its sender meant is anybody's guess, and the other elements are not.
pub(super) fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Element<'_>> {
    let headers = headers.get_all(name).into_iter();
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| split(value, ','))
        .filter_map(|element| Element::of(element.trim()))
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

#[cfg(test)]
mod tests {
    use salvo::http::HeaderMap;
    use salvo::http::header::ACCEPT;

    use super::elements;

    #[test]
    fn elements_of_all_headers_with_their_qualities() {
        let mut headers = HeaderMap::new();
        for value in [
            "a/b",
            " C/d ; Q=0.5;x=1 , ,e/f;v=\"1,;\\\"2\";q=0.25",
            "g/h;q=0",
            "i/j;q=NaN, i/j;q=inf, i/j;q=1.01, i/j;q=-1, i/j;q=, i/j;q=much, k/l;q=1.000",
        ] {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        let found: Vec<_> = elements(&headers, ACCEPT)
            .map(|element| (element.name, element.quality, element.parameter("v")))
            .collect();
        assert_eq!(
            found,
            [
                ("a/b", 1.0, None),
                ("C/d", 0.5, None),
                ("", 1.0, None),
                ("e/f", 0.25, Some("1,;\\\"2")),
                ("g/h", 0.0, None),
                ("k/l", 1.0, None),
            ]
        );
    }
}
