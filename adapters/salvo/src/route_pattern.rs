//! What a route is called: the text of its path filters, without constraints.
//!
//! Salvo reports the same text of a request (`matched_path`), but for a segment that mixes text and a wildcard
//! (`dl-{**rest}`): there it reports what the client sent. A [`Pattern`] tells such a report from the others, so
//! that the route keeps its name.

use salvo_core::routing::PathFilter;
use tallied_http::adapter::{Segment, segments};

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
        for segment in segments(filter)? {
            self.end(segment);
        }
        Some(())
    }

    fn end(&mut self, segment: Segment) {
        let Segment { text, wildcard } = segment;
        self.text.extend(["/", &text]);
        let last = self.reported.last_mut().expect("one at least");
        match wildcard {
            None => last.extend(["/", &text]),
            Some((before, name)) => {
                last.extend(["/", &text[..before]]);
                self.reported.push(format!("/{{{}}}", wildcard_name(&name)));
            }
        }
    }
}

/// A wildcard's name as Salvo reports it behind text: without `*`, `**`, `*+` or `*?`.
fn wildcard_name(name: &str) -> &str {
    let marks = ["*+", "*?", "**", "*"];
    let mut stripped = marks.iter().filter_map(|mark| name.strip_prefix(mark));
    stripped.next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

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
