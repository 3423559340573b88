//! PromQL as a tree: reading it, walking it, and the few questions that the checks and the mutants both ask.

use anyhow::{Result, anyhow};
use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MUL, T_NEQ, T_SUB, TokenId, TokenType,
};
use promql_parser::parser::{self, BinaryExpr, Expr, VectorSelector};

pub(crate) fn parse(text: &str) -> Result<Expr> {
    parser::parse(text).map_err(|error| anyhow!("{}", error.trim_end()))
}

/// `name{label="value"}`, as series are written in tests and in an exposition.
pub(crate) fn selector(text: &str) -> Result<VectorSelector> {
    match parse(text)? {
        Expr::VectorSelector(selector) => Ok(selector),
        _ => Err(anyhow!("it is no series")),
    }
}

/// What stands directly below, but for the selector inside of a range.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => {
            let param = aggregate.param.as_deref();
            [&*aggregate.expr].into_iter().chain(param).collect()
        }
        Expr::Unary(unary) => vec![&*unary.expr],
        Expr::Binary(binary) => vec![&*binary.lhs, &*binary.rhs],
        Expr::Paren(paren) => vec![&*paren.expr],
        Expr::Subquery(subquery) => vec![&*subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(|argument| &**argument).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

/// The same with another child at this place of [`children`].
pub(crate) fn with_child(expr: &Expr, index: usize, child: Expr) -> Expr {
    let mut expr = expr.clone();
    match &mut expr {
        Expr::Aggregate(aggregate) if index == 0 => *aggregate.expr = child,
        Expr::Aggregate(aggregate) => aggregate.param = Some(Box::new(child)),
        Expr::Unary(unary) => *unary.expr = child,
        Expr::Binary(binary) if index == 0 => *binary.lhs = child,
        Expr::Binary(binary) => *binary.rhs = child,
        Expr::Paren(paren) => *paren.expr = child,
        Expr::Subquery(subquery) => *subquery.expr = child,
        Expr::Call(call) => *call.args.args[index] = child,
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
    expr
}

pub(crate) fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    match expr {
        Expr::VectorSelector(selector) => vec![selector],
        Expr::MatrixSelector(matrix) => vec![&matrix.vs],
        expr => children(expr).into_iter().flat_map(selectors).collect(),
    }
}

/// The value of what is numbers alone: `14.4 * 0.001`.
pub(crate) fn constant(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Paren(paren) => constant(&paren.expr),
        Expr::Unary(unary) => Some(-constant(&unary.expr)?),
        Expr::Binary(binary) => {
            let (left, right) = (constant(&binary.lhs)?, constant(&binary.rhs)?);
            match binary.op.id() {
                T_ADD => Some(left + right),
                T_SUB => Some(left - right),
                T_MUL => Some(left * right),
                T_DIV => Some(left / right),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(crate) fn is_comparison(binary: &BinaryExpr) -> bool {
    matches!(
        binary.op.id(),
        T_GTR | T_GTE | T_LSS | T_LTE | T_EQLC | T_NEQ
    )
}

/// Operator and constant of each comparison with one, with the constant on the right.
pub(crate) fn thresholds(expr: &Expr) -> Vec<(TokenId, f64)> {
    let mut found: Vec<_> = children(expr).into_iter().flat_map(thresholds).collect();
    if let Expr::Binary(binary) = expr
        && is_comparison(binary)
    {
        if let Some(right) = constant(&binary.rhs) {
            found.push((binary.op.id(), right));
        } else if let Some(left) = constant(&binary.lhs) {
            found.push((mirrored(binary.op.id()), left));
        }
    }
    found
}

/// The comparison that says the same with its sides exchanged.
pub(crate) fn mirrored(op: TokenId) -> TokenId {
    match op {
        T_GTR => T_LSS,
        T_GTE => T_LTE,
        T_LSS => T_GTR,
        T_LTE => T_GTE,
        same => same,
    }
}

pub(crate) fn operator(op: TokenId) -> String {
    TokenType::new(op).to_string()
}

/// What a regular expression tells apart at its top level: `a|b(c|d)` is `a` and `b(c|d)`.
pub(crate) fn alternatives(regex: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut depth, mut escaped, mut in_class) = (0, 0_u32, false, false);
    for (index, c) in regex.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if !in_class && depth == 0 => {
                found.push(&regex[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push(&regex[start..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_can_be_replaced_anywhere() {
        for text in [
            "sum by (job) (a)",
            "topk(3, a)",
            "-a",
            "a + b",
            "(a)",
            "rate(a[5m:1m])",
            "clamp(a, 1, 2)",
            "a{x=\"1\"}[5m]",
        ] {
            let expr = parse(text).unwrap();
            for (index, child) in children(&expr).into_iter().enumerate() {
                assert_eq!(with_child(&expr, index, child.clone()), expr, "{text}");
                let changed = with_child(&expr, index, parse("zzz").unwrap());
                assert!(changed.to_string().contains("zzz"), "{changed}");
            }
        }
    }

    #[test]
    fn finds_selectors_in_ranges_too() {
        let expr = parse("a > 2 * rate(b[5m]) or absent(c) unless d offset 1d").unwrap();
        let names: Vec<_> = selectors(&expr)
            .iter()
            .map(|s| s.name.clone().unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn numbers_are_calculated() {
        let value = |text| constant(&parse(text).unwrap());
        assert_eq!(value("0.8 * 512 * 1024 * 1024"), Some(0.8 * 536_870_912.0));
        assert_eq!(value("-(6 - 2) / 8"), Some(-0.5));
        assert_eq!(value("2 * a"), None);
    }

    #[test]
    fn thresholds_have_their_constant_on_the_right() {
        let expr = parse("a > 14.4 * 0.5 and 3 >= b and c > d").unwrap();
        assert_eq!(thresholds(&expr), [(T_GTR, 7.2), (T_LTE, 3.0)]);
    }

    #[test]
    fn alternatives_are_those_of_the_top_level() {
        assert_eq!(alternatives("a|/b(/.*|c)?|5.."), ["a", "/b(/.*|c)?", "5.."]);
        assert_eq!(alternatives(r"a\|b|[(|]x"), [r"a\|b", "[(|]x"]);
        assert_eq!(alternatives(""), [""]);
    }

    /// The mutants are written by the parser's crate: what it writes must mean the same.
    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            r#"sum by (job) (a{le="+Inf",e!~"u|/h(/.*)?"} - ignoring (le) b{le="0.5"})"#,
            "avg_over_time(a[3d:5m] offset 1h) * 300 == bool 0.1",
            "a / on (x) group_left (y) (b > 0)",
            r#"rate(a{q="\"\\n"}[1h30m])"#,
            "histogram_quantile(0.95, sum(rate(a_bucket[5m])) by (le, endpoint))",
        ] {
            let once = parse(text).unwrap().to_string();
            let twice = parse(&once).unwrap().to_string();
            assert_eq!(once, twice);
        }
    }
}
