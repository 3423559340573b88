//! The `endpoint` label: the pattern of a route, without constraints.
//!
//! Routers write patterns alike: segments between slashes, `{name}` for a part that the client chooses, and in some a
//! constraint behind it (`{id:num}`, `{id|[0-9]+}`), which is no part of the label.

use http::Method;

/// What stands in the label for no route, and for the routes beyond the cap.
pub(crate) const UNMATCHED: &str = "unmatched";
pub(crate) const OVERFLOW: &str = "overflow";

/// A route that is known before its first request; see [`HttpMetrics::add_routes`](crate::HttpMetrics::add_routes).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownRoute {
    /// Its pattern, as the label has it: `/users/{id}`.
    pub endpoint: String,
    /// The one method that it takes; `None` where it takes any.
    pub method: Option<String>,
    /// Whether its requests are recorded under exactly this endpoint: false where filters may hide a part of the
    /// pattern. Such a route has a place below the cap, and no series before its first request.
    pub exact: bool,
}

impl KnownRoute {
    pub(crate) fn method(&self) -> Method {
        let method = self.method.as_deref().unwrap_or("GET");
        Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET)
    }
}

/// What stands between two slashes of a pattern.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its text, without constraints.
    pub text: String,
    /// A wildcard behind other text, as in `dl-{**rest}`: the length of that text in bytes (3), and the wildcard's name with
    /// its asterisks (`**rest`).
    pub wildcard: Option<(usize, String)>,
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The segments of a pattern, empty ones left out; `None` for one whose braces do not match. `{{` and `}}` are braces of
/// the text.
pub fn segments(pattern: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut segment = Segment::default();
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '/' => segments.push(std::mem::take(&mut segment)),
            '{' | '}' if rest.starts_with(next) => {
                segment.text.push(next);
                rest = &rest[1..];
            }
            '{' => {
                let after = after_braces(rest)?;
                let inner = &rest[..rest.len() - after.len() - 1];
                let name = inner.split([':', '|']).next().unwrap_or_default();
                let name = name.trim_start_matches(BLANKS);
                if name.starts_with('*') && !segment.text.is_empty() {
                    segment.wildcard = Some((segment.text.len(), name.to_owned()));
                }
                segment.text.extend(["{", name, "}"]);
                rest = after;
            }
            '}' => return None,
            // Blanks are skipped where a segment begins, and nowhere else.
            _ if segment.text.is_empty() && BLANKS.contains(&next) => {}
            _ => segment.text.push(next),
        }
    }
    segments.push(segment);
    segments.retain(|segment| !segment.text.is_empty());
    Some(segments)
}

/// Normalizes an endpoint from the options: drops constraints, and corrects slashes. Text that does not parse is
/// returned unchanged.
pub(crate) fn normalized(written: &str) -> String {
    if [UNMATCHED, OVERFLOW].contains(&written) {
        return written.to_owned();
    }
    match segments(written) {
        None => written.to_owned(),
        Some(segments) if segments.is_empty() => "/".to_owned(),
        Some(segments) => segments
            .iter()
            .fold(String::new(), |mut endpoint, segment| {
                endpoint.extend(["/", &segment.text]);
                endpoint
            }),
    }
}

/// What follows the brace that closes one that stands before this text. An expression may have pairs of its own,
/// and escaped ones.
fn after_braces(text: &str) -> Option<&str> {
    let (mut open, mut escaped) = (1, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if !escaped => open += 1,
            b'}' if !escaped => open -= 1,
            _ => {}
        }
        escaped = !escaped && byte == b'\\';
        if open == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn an_endpoint_is_found_however_it_is_written() {
        for (written, meant) in [
            ("metrics", "/metrics"),
            ("/metrics/", "/metrics"),
            ("//metrics", "/metrics"),
            ("/users/{id:num}", "/users/{id}"),
            (r"users/{id|[0-9]{1,4}}/", "/users/{id}"),
            ("/users//{ id }", "/users/{id }"),
            ("files/{**rest}", "/files/{**rest}"),
            ("/dl-{**rest|.*}", "/dl-{**rest}"),
            ("/", "/"),
            ("", "/"),
            ("unmatched", "unmatched"),
            ("overflow", "overflow"),
            ("/unmatched", "/unmatched"),
            ("/a{{b}}", "/a{b}"),
            ("/a{b", "/a{b"),
        ] {
            assert_eq!(normalized(written), meant, "{written:?}");
            assert_eq!(normalized(meant), meant, "{written:?}, a second time");
        }
    }
}
