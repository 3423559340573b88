//! What PromQL's functions make of their arguments' labels, and whether a value is still a quantile afterwards.

use promql_parser::label::MatchOp;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Call, Expr};

use super::promql;
use super::shape::{Shape, Values, highest_finite};

/// # Errors
/// What can never give anything.
pub(crate) fn shape(call: &Call, mut arguments: Vec<Shape>) -> Result<Shape, &'static str> {
    let is_series =
        |expr: &Expr| matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix);
    let series = call
        .args
        .args
        .iter()
        .position(|argument| is_series(argument));
    let mut shape = series
        .map(|index| arguments.swap_remove(index))
        .unwrap_or_default();
    Ok(match call.func.name {
        "vector" | "scalar" | "time" => Shape::default(),
        "absent" | "absent_over_time" => of_absence(&call.args.args[0]),
        "histogram_quantile" => {
            let bounds = shape.labels.remove("le");
            if bounds.is_none() && !shape.open {
                return Err("histogram_quantile gets series without the label `le`");
            }
            shape.ceiling = bounds.as_ref().and_then(highest_finite);
            shape
        }
        "label_replace" | "label_join" => {
            if let Some(Expr::StringLiteral(label)) = call.args.args.get(1).map(|a| &**a) {
                shape.labels.insert(label.val.clone(), Values::Any);
            }
            shape
        }
        // Others make something else of the value: a rate, a count, a logarithm.
        name => shape.through(KEEP_A_QUANTILE.contains(&name)),
    })
}

const KEEP_A_QUANTILE: [&str; 8] = [
    "avg_over_time",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "quantile_over_time",
    "round",
    "sort",
    "sort_desc",
];

/// What is absent has the labels that were asked for.
fn of_absence(expr: &Expr) -> Shape {
    let matchers = promql::selectors(expr)
        .into_iter()
        .flat_map(|s| &s.matchers.matchers);
    let equal = matchers.filter(|matcher| matcher.op == MatchOp::Equal);
    Shape {
        labels: equal.map(|m| (m.name.clone(), Values::Any)).collect(),
        ..Shape::default()
    }
}
