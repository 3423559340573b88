//! That everything that is asked of the server is there: by rules, tests, dashboards and the runbook.

use super::Kit;
use super::exposed::Exposed;
use super::finding::{Finding, Place};
use super::inference::Shapes;
use super::matching::Strictness;
use super::promql;
use super::rules::RuleFile;

/// How many expressions were looked at, and what is wrong with them.
pub(crate) fn check(kit: &Kit, exposed: &Exposed) -> (usize, Vec<Finding>) {
    let mut shapes = Shapes::new(exposed, &kit.rules);
    let mut findings = Vec::new();
    let mut count = 0;
    for rule in kit.rules.iter().flat_map(RuleFile::rules) {
        count += 1;
        findings.extend(shapes.check(&rule.place, &rule.expr, Strictness::Values));
    }
    let dashboards = kit
        .dashboards
        .iter()
        .flat_map(|dashboard| &dashboard.queries);
    let dashboards = dashboards.map(|query| (&query.place, query.expr.as_str()));
    let runbook = kit
        .runbook
        .queries
        .iter()
        .map(|(place, query)| (place, query.as_str()));
    for (place, query) in dashboards.chain(runbook) {
        count += 1;
        findings.extend(of_query(&mut shapes, place, query, Strictness::Values));
    }
    for file in &kit.tests {
        for text in file.queries() {
            // The labels of an answer may be empty, or a number's; promtool holds them against what it got.
            if promql::parse(&text.value).is_err() {
                continue;
            }
            count += 1;
            let place = Place::new(&file.shown, text.defined.line(), "");
            findings.extend(of_query(
                &mut shapes,
                &place,
                &text.value,
                Strictness::Names,
            ));
        }
    }
    findings.dedup();
    (count, findings)
}

fn of_query(
    shapes: &mut Shapes<'_>,
    place: &Place,
    query: &str,
    strictness: Strictness,
) -> Vec<Finding> {
    match promql::parse(query) {
        Ok(expr) => shapes.check(place, &expr, strictness),
        Err(error) => {
            let what = format!("`{query}` is no PromQL ({error})");
            vec![place.finding(what, "a line must be a query of its own")]
        }
    }
}
