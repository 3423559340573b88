//! Whether a matcher can match: the label is there, and each value that it tells apart is one that was seen.
//!
//! A bound of a histogram must be one that both text formats write alike, or the rule works with one and not with the
//! other: Prometheus 2 keeps `1` and `1.0` apart.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::T_EQL_REGEX;

use super::exposed::Known;
use super::finding::nearest;
use super::promql;
use super::shape::{Shape, Values};

/// Stands for a dashboard's variable: a value that a person chooses.
pub(crate) const CHOSEN: &str = "chosen_by_a_person";

/// How much of an expression is held against the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Names and labels: a test may make up endpoints.
    Names,
    /// The values of labels, too.
    Values,
}

/// What is wrong, and the remedy, for each value.
pub(crate) fn check(
    name: &str,
    shape: &Shape,
    matcher: &Matcher,
    strictness: Strictness,
) -> Vec<(String, String)> {
    let Some(values) = shape.labels.get(&matcher.name) else {
        if shape.open {
            return Vec::new();
        }
        let what = format!("`{name}` has no label `{}`", matcher.name);
        return vec![(what, shape.meant(&matcher.name))];
    };
    let Values::Of(known) = values else {
        return Vec::new();
    };
    // With an empty value it asks for the label's absence.
    if strictness == Strictness::Names || matcher.value.is_empty() {
        return Vec::new();
    }
    let parts = match matcher.op {
        MatchOp::Re(_) | MatchOp::NotRe(_) => promql::alternatives(&matcher.value),
        MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.as_str()],
    };
    let parts = parts.into_iter().filter(|part| !part.contains(CHOSEN));
    parts
        .filter_map(|part| unseen(name, known, matcher, part))
        .collect()
}

fn unseen(name: &str, known: &Known, matcher: &Matcher, part: &str) -> Option<(String, String)> {
    let label = &matcher.name;
    let one = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => Matcher::new(MatchOp::Equal, label, part),
        // The whole was read as a regular expression, so its parts can be.
        _ => Matcher::new_matcher(T_EQL_REGEX, label.clone(), part.to_owned()).ok()?,
    };
    let text = known.text.iter().any(|value| one.is_match(value));
    let openmetrics = known.openmetrics.iter().any(|value| one.is_match(value));
    let what = match (text, openmetrics) {
        (true, true) => return None,
        (false, false) => format!("no `{name}` has {label}=\"{part}\""),
        _ => format!(
            "the bound {label}=\"{part}\" of `{name}` is written in another way in {}",
            if text { "OpenMetrics" } else { "text 0.0.4" }
        ),
    };
    let alike = known.text.intersection(&known.openmetrics);
    let alike: Vec<&str> = alike.map(String::as_str).collect();
    let remedy = match nearest(part, alike.iter().copied()) {
        Some(meant) if label != "le" => format!("did you mean \"{meant}\"?"),
        _ => format!("there are, alike in both formats: {}", alike.join(", ")),
    };
    Some((what, remedy))
}
