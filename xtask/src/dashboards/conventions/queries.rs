//! Windows: a rate has Grafana's, so that it fits the time range; what a rule has recorded over another says so.

use promql_parser::parser::{Expr, VectorSelector};

use super::super::parsed::{Parsed, list, text};
use crate::alerts::exposed::{Origin, origin};
use crate::alerts::finding::{Finding, Place};
use crate::alerts::grafana::interpolated;
use crate::alerts::matching::CHOSEN;
use crate::alerts::promql;

/// Stands for `$__rate_interval`: a duration that nobody would write.
const RATE_INTERVAL: &str = "777s";
/// … and for `$__range`.
const RANGE: &str = "888s";

pub(super) fn check(dashboard: &Parsed) -> Vec<Finding> {
    let mut findings = Vec::new();
    for panel in dashboard.panels() {
        let said = format!(
            "{} {}",
            text(&panel.json["title"]),
            text(&panel.json["description"])
        );
        for target in list(&panel.json["targets"]) {
            let legend = text(&target["legendFormat"]);
            let said = format!("{said} {legend}");
            of_query(&panel.place, text(&target["expr"]), &said, &mut findings);
        }
    }
    for annotation in dashboard.annotations() {
        if annotation["builtIn"].is_null() {
            let name = text(&annotation["name"]);
            let place = dashboard.place(name);
            of_query(&place, text(&annotation["expr"]), name, &mut findings);
        }
    }
    findings
}

fn of_query(place: &Place, written: &str, said: &str, findings: &mut Vec<Finding>) {
    let promql = interpolated(written, |name| {
        match name {
            "__rate_interval" => RATE_INTERVAL,
            "__range" => RANGE,
            _ => CHOSEN,
        }
        .to_owned()
    });
    let expr = match promql::parse(&promql) {
        Ok(expr) => expr,
        Err(error) => {
            let what = format!("`{written}` is no PromQL ({error})");
            findings.push(place.finding(what, "write it as Prometheus takes it"));
            return;
        }
    };
    for selector in promql::selectors(&expr) {
        recorded(place, selector, said, findings);
    }
    windows(place, &expr, said, findings);
}

/// The window that is in the name of what was recorded is one that a person reads, too.
fn recorded(place: &Place, selector: &VectorSelector, said: &str, findings: &mut Vec<Finding>) {
    let name = selector.name.as_deref().unwrap_or_default();
    let window = name.rsplit_once("rate").map(|(_, window)| window);
    let Some(window) = window.filter(|_| origin(name) == Origin::Recorded) else {
        return;
    };
    if !words(said).any(|word| word == window) {
        let what = format!("`{name}` is of {window}, and nobody says so");
        let remedy = format!("write {window} into its title, its description or its legend");
        findings.push(place.finding(what, remedy));
    }
}

fn windows(place: &Place, expr: &Expr, said: &str, findings: &mut Vec<Finding>) {
    if let Expr::Call(call) = expr {
        let function = call.func.name;
        let range = call
            .args
            .args
            .iter()
            .find_map(|argument| match &**argument {
                Expr::MatrixSelector(matrix) => Some(matrix.range),
                _ => None,
            });
        if let Some(range) = range {
            let seconds = format!("{}s", range.as_secs());
            let allowed: &[&str] = match function {
                "rate" | "irate" => &[RATE_INTERVAL],
                _ => &[RATE_INTERVAL, RANGE],
            };
            let window = promql_parser::util::display_duration(&range);
            let named = words(said).any(|word| word == window);
            let is_rate = matches!(function, "rate" | "irate" | "increase");
            if !allowed.contains(&seconds.as_str()) && (is_rate || !named) {
                let what = match is_rate {
                    true => format!("{function} over another window than $__rate_interval"),
                    false => format!("{function} over {window}, and nobody says so"),
                };
                let remedy = match is_rate {
                    true => "[$__rate_interval], or a recorded series".to_owned(),
                    false => {
                        format!("write {window} into its title, its description or its legend")
                    }
                };
                findings.push(place.finding(what, remedy));
            }
        }
    }
    for child in promql::children(expr) {
        windows(place, child, said, findings);
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{finds, found};

    fn set(d: &mut Value, expr: &str) {
        // The other query goes on using the variable.
        d["panels"][1]["targets"][1]["expr"] = json!(expr);
    }

    #[test]
    fn each_mistake_is_found() {
        finds("rate over another window than $__rate_interval", |d| {
            set(d, "sum(rate(x[5m]))");
        });
        finds("rate over another window", |d| set(d, "rate(x[$__range])"));
        finds("increase over another window", |d| {
            set(d, "increase(x[1h])");
        });
        finds("changes over 1h, and nobody says so", |d| {
            set(d, "changes(x[1h])");
        });
        finds(
            "`job:http_requests:rate6h` is of 6h, and nobody says so",
            |d| {
                set(d, "job:http_requests:rate6h");
            },
        );
        finds("is no PromQL", |d| set(d, "rate(x[$__rate_interval]"));
        finds("a.json: n: rate over another window", |d| {
            d["annotations"]["list"] = json!([{ "name": "n", "expr": "rate(x[1m])", "datasource": { "uid": "prometheus" } }]);
        });
    }

    #[test]
    fn a_window_that_is_named_is_right() {
        for expr in [
            "increase(x[$__range])",
            "max_over_time(x[$__range])",
            "changes(x[5m])",
            "job:http_requests:rate5m offset 1d",
            "instance:http_requests_in_flight:sum",
        ] {
            assert_eq!(found(|d| set(d, expr)), [""; 0], "{expr}");
        }
    }
}
