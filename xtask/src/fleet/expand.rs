//! A rule's expression with the recorded series in it replaced by what records them, so that it can be asked at any time
//! and depends on nothing that a rule has written.

use std::collections::BTreeMap;

use promql_parser::label::Matcher;
use promql_parser::parser::{Expr, ParenExpr};

use crate::alerts::promql::{children, with_child};

/// The expressions of recording rules, by name.
pub(super) type Recorded<'a> = BTreeMap<&'a str, &'a Expr>;

/// A matcher on a recorded series moves to all that it is made of. That means the same where its label survives the
/// aggregations, which holds for `job`, `endpoint` and `le`. What is recorded over a time (`x[30m]`) stays.
pub(super) fn expand(expr: &Expr, recorded: &Recorded<'_>) -> Expr {
    if let Expr::VectorSelector(selector) = expr
        && let Some(name) = &selector.name
        && let Some(rule) = recorded.get(name.as_str())
    {
        let inner = expand(rule, recorded);
        return Expr::Paren(ParenExpr {
            expr: Box::new(narrowed(&inner, &selector.matchers.matchers)),
        });
    }
    let each = children(expr).into_iter().enumerate();
    each.fold(expr.clone(), |whole, (index, child)| {
        with_child(&whole, index, expand(child, recorded))
    })
}

fn narrowed(expr: &Expr, by: &[Matcher]) -> Expr {
    let mut whole = expr.clone();
    match &mut whole {
        Expr::VectorSelector(selector) => selector.matchers.matchers.extend_from_slice(by),
        Expr::MatrixSelector(matrix) => matrix.vs.matchers.matchers.extend_from_slice(by),
        _ => {}
    }
    let each = children(expr).into_iter().enumerate();
    each.fold(whole, |whole, (index, child)| {
        with_child(&whole, index, narrowed(child, by))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::promql::parse;

    fn expanded(text: &str) -> String {
        let a = parse("sum by (job, endpoint) (rate(x{y=\"1\"}[5m]))").unwrap();
        let b = parse("a / (c > 0)").unwrap();
        let recorded = Recorded::from([("a", &a), ("b", &b)]);
        expand(&parse(text).unwrap(), &recorded).to_string()
    }

    #[test]
    fn recorded_series_become_what_records_them() {
        let a = "(sum by (job, endpoint) (rate(x{y=\"1\"}[5m])))";
        assert_eq!(expanded("a"), a);
        assert_eq!(expanded("b * 2"), format!("({a} / (c > 0)) * 2"));
        assert_eq!(expanded("a[5m]"), "a[5m]");
    }

    #[test]
    fn matchers_move_along() {
        let a = "(sum by (job, endpoint) (rate(x{endpoint!~\"u|v\",y=\"1\"}[5m])))";
        assert_eq!(
            expanded("sum by (job) (b{endpoint!~\"u|v\"})"),
            format!("sum by (job) (({a} / (c{{endpoint!~\"u|v\"}} > 0)))")
        );
    }
}
