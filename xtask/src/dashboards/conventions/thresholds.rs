//! A colour changes where an alert fires: each step of a panel's thresholds is a number of an alert that its description names.

use promql_parser::parser::Expr;
use serde_json::Value;

use super::super::parsed::{Parsed, list, text};
use crate::alerts::finding::{Finding, nearest};
use crate::alerts::promql;
use crate::alerts::rules::{Kind, Rule, RuleFile};

/// What the names of all alerts begin with.
const PREFIX: &str = "Tallied";

pub(super) fn check(dashboard: &Parsed, rules: &[RuleFile]) -> Vec<Finding> {
    let alerts: Vec<&Rule> = rules
        .iter()
        .flat_map(RuleFile::rules)
        .filter(|rule| rule.kind == Kind::Alert)
        .collect();
    let mut findings = Vec::new();
    for panel in dashboard.panels() {
        let mut numbers = Vec::new();
        for name in alerts_in(text(&panel.json["description"])) {
            match alerts.iter().find(|rule| rule.name == name) {
                Some(rule) => collect(&rule.expr, &mut numbers),
                None => {
                    let known = alerts.iter().map(|rule| rule.name.as_str());
                    let remedy = match nearest(name, known) {
                        Some(meant) => format!("did you mean {meant}?"),
                        None => "name one of deploy/prometheus/rules".to_owned(),
                    };
                    let what =
                        format!("its description names the alert {name}, which is not there");
                    findings.push(panel.place.finding(what, remedy));
                }
            }
        }
        for step in steps(&panel.json["fieldConfig"]) {
            let is_it = |number: &f64| (number - step).abs() <= step.abs() * 1e-9;
            if !numbers.iter().any(is_it) {
                let what =
                    format!("its colour changes at {step}, where no alert of its description does");
                let remedy = "name the alert there, or take the alert's number";
                findings.push(panel.place.finding(what, remedy));
            }
        }
    }
    findings
}

fn alerts_in(description: &str) -> impl Iterator<Item = &str> {
    description
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > PREFIX.len() && word.starts_with(PREFIX))
}

/// All but the lowest, which has no number. Wherever they are: an override has thresholds, too.
fn steps(json: &Value) -> Vec<f64> {
    match json {
        Value::Array(all) => all.iter().flat_map(steps).collect(),
        Value::Object(object) => {
            let own = object.get("steps").map_or(&[][..], list);
            own.iter()
                .filter_map(|step| step["value"].as_f64())
                .chain(object.values().flat_map(steps))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What is compared with. Of a share also the factors: in `ratio > 14.4 * 0.001` they are the multiple of the budget and the share
/// that may fail, and panels show either.
fn collect(expr: &Expr, numbers: &mut Vec<f64>) {
    if let Expr::Binary(binary) = expr
        && promql::is_comparison(binary)
    {
        numbers.extend(promql::constant(&binary.rhs));
        let selectors = promql::selectors(&binary.lhs);
        let mut names = selectors
            .iter()
            .filter_map(|selector| selector.name.as_ref());
        if names.any(|name| name.contains(":ratio_")) {
            literals(&binary.rhs, numbers);
        }
    }
    for child in promql::children(expr) {
        collect(child, numbers);
    }
}

fn literals(expr: &Expr, numbers: &mut Vec<f64>) {
    if let Expr::NumberLiteral(number) = expr {
        numbers.push(number.val);
    }
    for child in promql::children(expr) {
        literals(child, numbers);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::finds;
    use super::*;

    #[test]
    fn each_mistake_is_found() {
        finds("its colour changes at 0.7", |d| {
            d["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] =
                json!(0.7);
        });
        finds("its colour changes at 0.9", |d| {
            let step = json!({ "id": "thresholds", "value": { "steps": [{ "value": 0.9 }] } });
            d["panels"][1]["fieldConfig"]["overrides"] = json!([{ "properties": [step] }]);
        });
        finds(
            "names the alert TalliedHighCpus, which is not there: did you mean TalliedHighCpu?",
            |d| {
                d["panels"][1]["description"] = json!("TalliedHighCpu or TalliedHighCpus, 5m");
            },
        );
        finds("its colour changes at 0.8", |d| {
            d["panels"][1]["description"] = json!("Tallied, 5m");
        });
    }

    #[test]
    fn the_factors_of_a_share_count_and_no_others() {
        let numbers = |text: &str| {
            let mut numbers = Vec::new();
            collect(&promql::parse(text).unwrap(), &mut numbers);
            numbers
        };
        assert_eq!(
            numbers("job:x:ratio_rate1h > 14.4 * 0.5 and b > 10"),
            [7.2, 14.4, 0.5, 10.0]
        );
        assert_eq!(numbers("memory > 0.8 * 512"), [0.8 * 512.0]);
        assert_eq!(numbers("quantile(0.9, x) + 7 == 0"), [0.0]);
    }
}
