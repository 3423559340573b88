//! Which rules a failed test is about. promtool says which alert or query gave something else, not where its rule is.

use std::collections::BTreeSet;

use super::finding::{Finding, Place};
use super::promql;
use super::rules::RuleFile;

/// One for each rule that the output of `promtool test rules` names.
pub(crate) fn findings(output: &str, test: &str, rules: &[RuleFile]) -> Vec<Finding> {
    let names: BTreeSet<String> = output.lines().flat_map(named_in).collect();
    let named = rules
        .iter()
        .flat_map(RuleFile::rules)
        .filter(|rule| names.contains(&rule.name));
    let place_of = |place: &Place| {
        let what = format!("it does not do what {test} expects");
        place.finding(what, "correct the one or the other")
    };
    named.map(|rule| place_of(&rule.place)).collect()
}

/// `alertname: High, time: 2m,` and `expr: "job:x:rate5m", time: 1m,`.
fn named_in(line: &str) -> Vec<String> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("alertname: ") {
        let name = rest.split(',').next().unwrap_or_default();
        return vec![name.to_owned()];
    }
    let Some(rest) = line.strip_prefix("expr: ") else {
        return Vec::new();
    };
    // It is quoted as in Go, which is as in JSON for what queries are made of.
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let Some(Ok(query)) = values.next() else {
        return Vec::new();
    };
    let Ok(expr) = promql::parse(&query) else {
        return Vec::new();
    };
    let selectors = promql::selectors(&expr).into_iter();
    let names = selectors.flat_map(|selector| {
        let matchers = selector.matchers.matchers.iter();
        let alerts = matchers.filter(|matcher| matcher.name == "alertname");
        // `=` and `=~` alike: a name has no `|`.
        let alerts = alerts.flat_map(|matcher| promql::alternatives(&matcher.value));
        let alerts: Vec<String> = alerts.map(str::to_owned).collect();
        selector.name.clone().into_iter().chain(alerts)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_threshold_is_refused_by_name() {
        let rules = "groups: [{name: g, rules: [{alert: High, expr: x > 9}, {record: 'job:x:sum', expr: sum(x)}]}]";
        let rules = [RuleFile::parse("a.yml", "rules/a.yml", rules).unwrap()];
        let found = |output: &str| -> Vec<String> {
            let found = findings(output, "tests/a.yml", &rules);
            found.iter().map(ToString::to_string).collect()
        };
        let output = "  FAILED:\n    alertname: High, time: 2m, \n        exp:[\n        got:[]\n";
        assert_eq!(
            found(output),
            [
                "rules/a.yml:1: High: it does not do what tests/a.yml expects: correct the one or the other"
            ]
        );
        let output = "    expr: \"ALERTS{alertname=\\\"High\\\"} or job:x:sum\", time: 1m,\n        got: nil\n";
        assert_eq!(found(output).len(), 2);
        let output =
            "    expr: \"ALERTS{alertname=~\\\"Low|High\\\"}\", time: 1m,\n        got: nil\n";
        assert_eq!(found(output).len(), 1);
        assert_eq!(found("Unit Testing: tests/a.yml\n  expr: x"), [""; 0]);
    }
}
