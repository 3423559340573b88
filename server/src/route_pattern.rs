//! What a route is called: the text of its path filters, without constraints.
//!
//! Salvo reports the same text of a request (`matched_path`), but for a segment that mixes text and a wildcard
//! (`dl-{**rest}`): there it reports what the client sent. A [`Pattern`] tells such a report from the others, so
//! that the route keeps its name.

use salvo::routing::PathFilter;

/// What stands in the `endpoint` label for no route, and for the routes beyond the cap.
pub(crate) const UNMATCHED: &str = "unmatched";
pub(crate) const OVERFLOW: &str = "overflow";

/// The name of a route, or of what is above it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    /// With a leading slash, `/users/{id}`; nothing yet for the root.
    text: String,
    /// What Salvo reports, in pieces: between two of them the client's text stands.
    reported: Vec<String>,
}

impl Default for Pattern {
    fn default() -> Self {
        Self {
            text: String::new(),
            reported: vec![String::new()],
        }
    }
}

impl Pattern {
    /// The value of the `endpoint` label.
    pub(crate) fn text(&self) -> &str {
        match &*self.text {
            "" => "/",
            text => text,
        }
    }

    /// Whether what Salvo reports of it has text of the client's.
    pub(crate) fn is_mixed(&self) -> bool {
        self.reported.len() > 1
    }

    /// Whether a report, with its leading slash, may be one of this route.
    pub(crate) fn reports(&self, report: &str) -> bool {
        let (last, others) = self.reported.split_last().expect("one at least");
        let mut rest = report;
        for (i, piece) in others.iter().enumerate() {
            let at = match i {
                0 => rest.starts_with(&**piece).then_some(0),
                _ => rest.find(&**piece),
            };
            let Some(at) = at else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
        if others.is_empty() {
            rest == last
        } else {
            rest.ends_with(&**last)
        }
    }

    /// Goes on with the text of a path filter. `false` for one that does not parse, and so matches nothing.
    #[must_use]
    pub(crate) fn extend(&mut self, filter: &str) -> bool {
        PathFilter::try_new(filter).is_ok() && self.push(filter).is_some()
    }

    fn push(&mut self, filter: &str) -> Option<()> {
        let mut segment = Segment::default();
        let mut rest = filter;
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            match next {
                '/' => self.end(std::mem::take(&mut segment)),
                // Doubled, a brace stands for itself.
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
                        segment.wildcard =
                            Some((segment.text.len(), wildcard_name(name).to_owned()));
                    }
                    segment.text.extend(["{", name, "}"]);
                    rest = after;
                }
                '}' => return None,
                // Salvo skips blanks where a segment begins, and nowhere else.
                _ if segment.text.is_empty() && BLANKS.contains(&next) => {}
                _ => segment.text.push(next),
            }
        }
        self.end(segment);
        Some(())
    }

    fn end(&mut self, segment: Segment) {
        let Segment { text, wildcard } = segment;
        if text.is_empty() {
            return;
        }
        self.text.extend(["/", &text]);
        let last = self.reported.last_mut().expect("one at least");
        match wildcard {
            None => last.extend(["/", &text]),
            Some((before, name)) => {
                last.extend(["/", &text[..before]]);
                self.reported.push(format!("/{{{name}}}"));
            }
        }
    }
}

/// What stands between two slashes.
#[derive(Default)]
struct Segment {
    text: String,
    /// A wildcard behind text: how long that is, and the wildcard's name.
    wildcard: Option<(usize, String)>,
}

/// Normalizes an endpoint from the options: drops constraints, and corrects slashes. Text that does not parse is
/// returned unchanged.
pub(crate) fn endpoint(written: &str) -> String {
    if [UNMATCHED, OVERFLOW].contains(&written) {
        return written.to_owned();
    }
    let mut pattern = Pattern::default();
    match pattern.push(written) {
        Some(()) => pattern.text().to_owned(),
        None => written.to_owned(),
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// A wildcard's name as Salvo reports it behind text: without `*`, `**`, `*+` or `*?`.
fn wildcard_name(name: &str) -> &str {
    let marks = ["*+", "*?", "**", "*"];
    let mut stripped = marks.iter().filter_map(|mark| name.strip_prefix(mark));
    stripped.next().unwrap_or(name)
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
    use super::{Pattern, endpoint};

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
            assert_eq!(endpoint(written), meant, "{written:?}");
            assert_eq!(endpoint(meant), meant, "{written:?}, a second time");
        }
    }

    #[test]
    fn a_report_with_the_clients_text_is_told() {
        let mut pattern = Pattern::default();
        assert!(pattern.extend("a/dl-{id|[0-9]+}-{**rest}"));
        assert_eq!(pattern.text(), "/a/dl-{id}-{**rest}");
        assert!(pattern.is_mixed());
        for (report, of_it) in [
            ("/a/dl-{id}-x/{rest}", true),
            ("/a/dl-{id}-/{rest}", true),
            ("/a/dl-{id}-x/y/{rest}", true),
            ("/a/dl-{id}-{rest}", false),
            ("/a/dl-{id}-x/{other}", false),
            ("/b/dl-{id}-x/{rest}", false),
            ("/a/dl-{id}-", false),
        ] {
            assert_eq!(pattern.reports(report), of_it, "{report}");
        }
    }
}
