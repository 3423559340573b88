//! One change to an expression: every number, window, operator, matcher and label in it, one at a time.
//!
//! An edit is made in the tree, so that what comes out is PromQL again.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{
    T_ADD, T_AVG, T_COUNT, T_DIV, T_EQL_REGEX, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE,
    T_LUNLESS, T_MAX, T_MIN, T_MUL, T_NEQ, T_NEQ_REGEX, T_SUB, T_SUM, TokenId, TokenType,
};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Expr, LabelModifier, NumberLiteral, Offset, VectorSelector,
};
use promql_parser::util::display_duration;

use super::mutant::Kind;
use crate::alerts::promql;

#[derive(Debug)]
pub(super) struct Edit {
    pub(super) kind: Kind,
    /// `14.4 → 28.8`.
    pub(super) what: String,
    pub(super) expr: Expr,
}

impl Edit {
    fn new(
        kind: Kind,
        from: impl std::fmt::Display,
        to: impl std::fmt::Display,
        expr: Expr,
    ) -> Self {
        Self {
            kind,
            what: format!("{from} → {to}"),
            expr,
        }
    }
}

/// All edits of an expression. `recorded` has the names of recording rules, of which some differ in their window alone.
pub(super) fn edits(expr: &Expr, recorded: &BTreeSet<&str>) -> Vec<Edit> {
    all(expr, recorded, false)
}

/// `counts`: whether the expression is compared with something that is a whole number, so that a part more or less says the
/// same.
fn all(expr: &Expr, recorded: &BTreeSet<&str>, counts: bool) -> Vec<Edit> {
    let mut edits = here(expr, recorded, counts);
    let children = promql::children(expr);
    for (index, child) in children.iter().enumerate() {
        let counts = match expr {
            Expr::Binary(binary) if promql::is_comparison(binary) => is_whole(children[1 - index]),
            _ => false,
        };
        for edit in all(child, recorded, counts) {
            edits.push(Edit {
                expr: promql::with_child(expr, index, edit.expr),
                ..edit
            });
        }
    }
    edits
}

fn is_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => is_whole(&paren.expr),
        Expr::Call(call) => matches!(call.func.name, "changes" | "resets" | "count_over_time"),
        Expr::Aggregate(aggregate) => aggregate.op.id() == T_COUNT,
        _ => false,
    }
}

fn here(expr: &Expr, recorded: &BTreeSet<&str>, counts: bool) -> Vec<Edit> {
    match expr {
        Expr::NumberLiteral(number) => numbers(number.val, counts),
        Expr::Binary(binary) => operators(binary),
        Expr::Aggregate(aggregate) => aggregations(aggregate),
        Expr::Call(call) => {
            let Some(other) = other_function(call.func.name) else {
                return Vec::new();
            };
            let mut changed = call.clone();
            changed.func.name = other;
            let expr = Expr::Call(changed);
            vec![Edit::new(Kind::Function, call.func.name, other, expr)]
        }
        Expr::VectorSelector(selector) => {
            let of_selector = selectors(selector, recorded).into_iter();
            of_selector
                .map(|(kind, what, selector)| Edit {
                    kind,
                    what,
                    expr: Expr::VectorSelector(selector),
                })
                .collect()
        }
        Expr::MatrixSelector(matrix) => {
            let mut edits = Vec::new();
            for (kind, what, selector) in selectors(&matrix.vs, recorded) {
                let mut changed = matrix.clone();
                changed.vs = selector;
                let expr = Expr::MatrixSelector(changed);
                edits.push(Edit { kind, what, expr });
            }
            for range in other_durations(matrix.range) {
                let mut changed = matrix.clone();
                changed.range = range;
                edits.push(Edit::new(
                    Kind::Window,
                    format_args!("[{}]", display_duration(&matrix.range)),
                    format_args!("[{}]", display_duration(&range)),
                    Expr::MatrixSelector(changed),
                ));
            }
            edits
        }
        Expr::Subquery(subquery) => {
            let mut edits = Vec::new();
            let written = |range: &Duration, step: &Option<Duration>| {
                let step = step.as_ref().map(display_duration).unwrap_or_default();
                format!("[{}:{step}]", display_duration(range))
            };
            let ranges = other_durations(subquery.range).map(|range| (range, subquery.step));
            let steps = subquery.step.into_iter().flat_map(other_durations);
            let steps = steps.map(|step| (subquery.range, Some(step)));
            for (range, step) in ranges.into_iter().chain(steps) {
                let mut changed = subquery.clone();
                (changed.range, changed.step) = (range, step);
                edits.push(Edit::new(
                    Kind::Window,
                    written(&subquery.range, &subquery.step),
                    written(&range, &step),
                    Expr::Subquery(changed),
                ));
            }
            edits
        }
        Expr::Paren(_) | Expr::Unary(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

fn numbers(value: f64, counts: bool) -> Vec<Edit> {
    let others = match value {
        0.0 => vec![1.0, -1.0],
        value if counts => vec![value * 2.0, value / 2.0, value + 1.0, value - 1.0],
        value => vec![value * 2.0, value / 2.0, value * 1.1, value * 0.9],
    };
    let mut edits: Vec<Edit> = Vec::new();
    for other in others {
        let expr = Expr::NumberLiteral(NumberLiteral::new(other));
        let edit = Edit::new(Kind::Number, value, other, expr);
        // Twice one is one more.
        if edits.iter().all(|known| known.what != edit.what) {
            edits.push(edit);
        }
    }
    edits
}

fn other_durations(duration: Duration) -> [Duration; 2] {
    [duration * 2, duration / 2]
}

fn operators(binary: &BinaryExpr) -> Vec<Edit> {
    let with = |op: TokenId| {
        let mut changed = binary.clone();
        changed.op = TokenType::new(op);
        Expr::Binary(changed)
    };
    let op = binary.op.id();
    let others: &[TokenId] = match op {
        T_GTR => &[T_GTE, T_LSS, T_LTE],
        T_GTE => &[T_GTR, T_LSS, T_LTE],
        T_LSS => &[T_LTE, T_GTR, T_GTE],
        T_LTE => &[T_LSS, T_GTR, T_GTE],
        T_EQLC => &[T_NEQ],
        T_NEQ => &[T_EQLC],
        T_MUL => &[T_DIV],
        T_DIV => &[T_MUL],
        T_ADD => &[T_SUB],
        T_SUB => &[T_ADD],
        T_LAND => &[T_LUNLESS, T_LOR],
        T_LUNLESS => &[T_LAND],
        T_LOR => &[T_LAND],
        _ => &[],
    };
    let kind = match op {
        T_LAND | T_LOR | T_LUNLESS => Kind::Condition,
        _ if promql::is_comparison(binary) => Kind::Comparison,
        _ => Kind::Arithmetic,
    };
    let mut edits: Vec<Edit> = others
        .iter()
        .map(|&other| Edit::new(kind, binary.op, promql::operator(other), with(other)))
        .collect();
    if kind == Kind::Condition {
        for (side, kept) in [("left", &binary.rhs), ("right", &binary.lhs)] {
            edits.push(Edit {
                kind,
                what: format!("without the {side} of {}", binary.op),
                expr: (**kept).clone(),
            });
        }
    }
    edits
}

fn aggregations(aggregate: &AggregateExpr) -> Vec<Edit> {
    let mut edits = Vec::new();
    let others: &[TokenId] = match aggregate.op.id() {
        T_SUM => &[T_MAX, T_AVG],
        T_MAX => &[T_MIN],
        T_MIN => &[T_MAX],
        T_AVG => &[T_MAX],
        _ => &[],
    };
    for &other in others {
        let mut changed = aggregate.clone();
        changed.op = TokenType::new(other);
        let other = promql::operator(other);
        edits.push(Edit::new(
            Kind::Function,
            aggregate.op,
            other,
            Expr::Aggregate(changed),
        ));
    }
    let (word, labels) = match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => ("by", labels),
        Some(LabelModifier::Exclude(labels)) => ("without", labels),
        None => return edits,
    };
    for index in 0..labels.labels.len() {
        let mut fewer = labels.clone();
        let label = fewer.labels.remove(index);
        let mut changed = aggregate.clone();
        changed.modifier = Some(match word {
            "by" => LabelModifier::Include(fewer),
            _ => LabelModifier::Exclude(fewer),
        });
        edits.push(Edit {
            kind: Kind::Label,
            what: format!("{word} ({labels}) without {label}"),
            expr: Expr::Aggregate(changed),
        });
    }
    edits
}

fn other_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "rate" => "increase",
        "increase" => "rate",
        "avg_over_time" | "min_over_time" => "max_over_time",
        "max_over_time" => "min_over_time",
        "sum_over_time" => "avg_over_time",
        "changes" => "count_over_time",
        _ => return None,
    })
}

fn selectors(
    selector: &VectorSelector,
    recorded: &BTreeSet<&str>,
) -> Vec<(Kind, String, VectorSelector)> {
    let mut edits = Vec::new();
    let matchers = &selector.matchers.matchers;
    for (index, matcher) in matchers.iter().enumerate() {
        let mut fewer = selector.clone();
        fewer.matchers.matchers.remove(index);
        edits.push((Kind::Matcher, format!("without {matcher}"), fewer));
        for other in other_matchers(matcher) {
            let what = format!("{matcher} → {other}");
            let mut changed = selector.clone();
            changed.matchers.matchers[index] = other;
            edits.push((Kind::Matcher, what, changed));
        }
    }
    if let Some(offset) = &selector.offset {
        let (Offset::Pos(duration) | Offset::Neg(duration)) = offset;
        let others = other_durations(*duration).map(|duration| Some(Offset::Pos(duration)));
        for other in others.into_iter().chain([None]) {
            let what = match &other {
                Some(other) => format!("offset {offset} → {other}"),
                None => format!("without offset {offset}"),
            };
            let mut changed = selector.clone();
            changed.offset = other;
            edits.push((Kind::Window, what, changed));
        }
    }
    if let Some(name) = &selector.name {
        for other in other_windows(name, recorded) {
            let mut changed = selector.clone();
            changed.name = Some(other.to_owned());
            edits.push((Kind::Window, format!("{name} → {other}"), changed));
        }
    }
    edits
}

/// The opposite, and for a regular expression each without one of its alternatives.
fn other_matchers(matcher: &Matcher) -> Vec<Matcher> {
    let new = |op: TokenId, value: String| Matcher::new_matcher(op, matcher.name.clone(), value);
    let value = || matcher.value.clone();
    let (opposite, same) = match &matcher.op {
        MatchOp::Equal => (
            Ok(Matcher::new(
                MatchOp::NotEqual,
                &matcher.name,
                &matcher.value,
            )),
            None,
        ),
        MatchOp::NotEqual => (
            Ok(Matcher::new(MatchOp::Equal, &matcher.name, &matcher.value)),
            None,
        ),
        MatchOp::Re(_) => (new(T_NEQ_REGEX, value()), Some(T_EQL_REGEX)),
        MatchOp::NotRe(_) => (new(T_EQL_REGEX, value()), Some(T_NEQ_REGEX)),
    };
    let mut others: Vec<Matcher> = opposite.into_iter().collect();
    let alternatives = promql::alternatives(&matcher.value);
    if let Some(op) = same
        && alternatives.len() > 1
    {
        for index in 0..alternatives.len() {
            let mut fewer = alternatives.clone();
            fewer.remove(index);
            others.extend(new(op, fewer.join("|")));
        }
    }
    others
}

/// Recorded series that differ from this one in the window at the end of their names.
fn other_windows<'a>(name: &str, recorded: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let Some((stem, _)) = stem_and_window(name) else {
        return Vec::new();
    };
    let mut others: Vec<&str> = recorded.iter().copied().collect();
    others.retain(|other| {
        *other != name && stem_and_window(other).is_some_and(|(theirs, _)| theirs == stem)
    });
    others
}

/// `job:x:rate5m` is `job:x:rate` and `5m`.
fn stem_and_window(name: &str) -> Option<(&str, &str)> {
    let unit = name.strip_suffix(['s', 'm', 'h', 'd', 'w'])?;
    let stem = unit.trim_end_matches(|c: char| c.is_ascii_digit());
    (name.contains(':') && stem.len() < unit.len()).then(|| name.split_at(stem.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expr: &str) -> Vec<String> {
        let recorded = BTreeSet::from(["job:x:rate5m", "job:x:rate1h", "job:y:rate1h"]);
        let expr = promql::parse(expr).unwrap();
        let edits = edits(&expr, &recorded);
        edits.iter().map(|edit| edit.expr.to_string()).collect()
    }

    #[test]
    fn a_threshold_doubled_halved_and_moved_by_a_tenth() {
        assert_eq!(
            of("x > 10"),
            [
                "x >= 10", "x < 10", "x <= 10", "x > 20", "x > 5", "x > 11", "x > 9"
            ]
        );
        assert_eq!(of("0 == x"), ["0 != x", "1 == x", "-1 == x"]);
    }

    #[test]
    fn a_whole_number_is_moved_by_one() {
        let numbers = of("changes(x[1h]) > 2");
        for expected in ["> 4", "> 1", "> 3"] {
            assert!(
                numbers.iter().any(|edit| edit.ends_with(expected)),
                "{numbers:?}"
            );
        }
        assert!(
            !numbers.iter().any(|edit| edit.ends_with("2.2")),
            "{numbers:?}"
        );
    }

    #[test]
    fn windows_wherever_they_are() {
        assert_eq!(
            of("rate(x[5m])"),
            ["increase(x[5m])", "rate(x[10m])", "rate(x[2m30s])"]
        );
        assert_eq!(
            of("last_over_time(x[1h:2m])"),
            ["x[2h:2m]", "x[30m:2m]", "x[1h:4m]", "x[1h:1m]"]
                .map(|e| format!("last_over_time({e})"))
        );
        assert_eq!(of("x offset 1d"), ["x offset 2d", "x offset 12h", "x"]);
        assert_eq!(of("job:x:rate5m"), ["job:x:rate1h"]);
    }

    #[test]
    fn matchers_dropped_turned_round_and_thinned_out() {
        assert_eq!(
            of(r#"x{a="1",b!~"c|d"}"#),
            [
                r#"x{b!~"c|d"}"#,
                r#"x{a!="1",b!~"c|d"}"#,
                r#"x{a="1"}"#,
                r#"x{a="1",b=~"c|d"}"#,
                r#"x{a="1",b!~"d"}"#,
                r#"x{a="1",b!~"c"}"#,
            ]
        );
    }

    #[test]
    fn labels_conditions_and_operators() {
        assert_eq!(
            of("sum by (a, b) (x)"),
            [
                "max by (a, b) (x)",
                "avg by (a, b) (x)",
                "sum by (b) (x)",
                "sum by (a) (x)"
            ]
        );
        assert_eq!(of("x and y"), ["x unless y", "x or y", "y", "x"]);
        assert_eq!(of("x / (y)"), ["x * (y)"]);
    }
}
