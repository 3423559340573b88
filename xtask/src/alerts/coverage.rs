//! That every alert has a test in which it fires and one in which it does not, and that tests ask for alerts that exist.
//!
//! promtool says none of this: a test for an alert that no rule has, or whose file is not loaded, passes when it expects
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::MatchOp;

use super::finding::{Finding, Place, nearest};
use super::promql;
use super::rule_tests::{AlertTest, TestFile};
use super::rules::{Kind, Rule, RuleFile};

pub(crate) fn check(rules: &[RuleFile], tests: &[TestFile]) -> Vec<Finding> {
    let alerts: BTreeMap<&str, (&Rule, &RuleFile)> = rules
        .iter()
        .flat_map(|file| file.rules().map(move |rule| (rule, file)))
        .filter(|(rule, _)| rule.kind == Kind::Alert)
        .map(|(rule, file)| (rule.name.as_str(), (rule, file)))
        .collect();
    let mut findings = Vec::new();
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for file in tests {
        let asked = file
            .source
            .tests
            .iter()
            .flat_map(|test| &test.alert_rule_test);
        for test in asked {
            let place = Place::new(&file.shown, test.alertname.referenced.line(), "");
            let name = test.alertname.value.as_str();
            findings.extend(is_there(&place, name, file, &alerts));
            let set = if AlertTest::fires(test) {
                &mut fires
            } else {
                &mut rests
            };
            set.insert(name);
        }
        for (line, name) in named_in_queries(file) {
            let place = Place::new(&file.shown, line, "");
            findings.extend(is_there(&place, &name, file, &alerts));
        }
    }
    for (name, (rule, file)) in &alerts {
        let remedy = format!(
            "add an alert_rule_test with `alertname: {name}` to a test file that loads {}",
            file.name
        );
        if !fires.contains(name) {
            let what = "no test in which it fires (exp_alerts with an alert)";
            findings.push(rule.place.finding(what, &remedy));
        }
        // What always fires has no case in which it does not.
        if !rests.contains(name) && !rule.expr.to_string().starts_with("vector(") {
            let what = "no test in which it does not fire (exp_alerts: [])";
            findings.push(rule.place.finding(what, &remedy));
        }
    }
    findings
}

fn is_there(
    place: &Place,
    name: &str,
    file: &TestFile,
    alerts: &BTreeMap<&str, (&Rule, &RuleFile)>,
) -> Option<Finding> {
    let Some((_, rules)) = alerts.get(name) else {
        let remedy = match nearest(name, alerts.keys().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "a test that expects nothing of it always passes: correct the name".to_owned(),
        };
        return Some(place.finding(format!("no rule has the alert {name}"), remedy));
    };
    if file.loads(&rules.name) {
        return None;
    }
    let what = format!("{name} can never fire here: {} is not loaded", rules.name);
    Some(place.finding(what, "add it to rule_files"))
}

/// The alerts that queries select by name, each with its line.
fn named_in_queries(file: &TestFile) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    for text in file.queries() {
        let Ok(expr) = promql::parse(&text.value) else {
            continue;
        };
        for selector in promql::selectors(&expr) {
            for matcher in &selector.matchers.matchers {
                let by_name = matcher.op == MatchOp::Equal || matcher.op == MatchOp::NotEqual;
                if matcher.name == "alertname" && by_name {
                    found.push((text.referenced.line(), matcher.value.clone()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
  - name: g
    rules:
      - {alert: High, expr: x > 1}
      - {alert: Low, expr: x < 1}
      - {alert: Always, expr: vector(1)}
";

    fn findings(tests: &str) -> Vec<String> {
        let rules = [
            RuleFile::parse("a.yml", "rules/a.yml", RULES).unwrap(),
            RuleFile::parse(
                "b.yml",
                "rules/b.yml",
                "groups: [{name: h, rules: [{alert: Other, expr: y > 1}]}]",
            )
            .unwrap(),
        ];
        let tests = [
            TestFile::parse("a.yml", "tests/a.yml", tests).unwrap(),
            TestFile::parse(
                "b.yml",
                "tests/b.yml",
                "{rule_files: [../rules/b.yml], tests: [{alert_rule_test: [{alertname: Other}, {alertname: Other, exp_alerts: [{}]}]}]}",
            )
            .unwrap(),
        ];
        check(&rules, &tests)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    const ALL: &str = "
rule_files: [../rules/a.yml]
tests:
  - alert_rule_test:
      - {alertname: High, exp_alerts: [{}]}
      - {alertname: High, exp_alerts: []}
      - {alertname: Low, exp_alerts: [{}]}
      - {alertname: Low}
      - {alertname: Always, exp_alerts: [{}]}
    promql_expr_test:
      - {expr: 'ALERTS{alertname!=\"Always\"}'}
";

    #[test]
    fn what_always_fires_needs_no_test_in_which_it_does_not() {
        assert_eq!(findings(ALL), [""; 0]);
    }

    #[test]
    fn a_missing_test_is_named() {
        let without = ALL.replace("- {alertname: Low, exp_alerts: [{}]}", "");
        let found = findings(&without);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("rules/a.yml:6: Low: no test in which it fires"),
            "{found:?}"
        );
        let without = ALL.replace("- {alertname: High, exp_alerts: []}", "");
        assert!(findings(&without)[0].contains("High: no test in which it does not fire"));
    }

    #[test]
    fn a_name_that_no_rule_has_is_an_error() {
        let misspelt = ALL.replace("- {alertname: Low}", "- {alertname: Lowe}");
        let found = findings(&misspelt);
        assert_eq!(
            found[0],
            "tests/a.yml:8: no rule has the alert Lowe: did you mean Low?"
        );
        assert!(found[1].contains("Low: no test in which it does not fire"));
        let misspelt = ALL
            .replace("!=\\\"Always", "!=\\\"Alwys")
            .replace("!=\"Always", "!=\"Alwys");
        assert!(findings(&misspelt)[0].contains("no rule has the alert Alwys"));
    }

    #[test]
    fn rules_that_are_not_loaded_are_an_error() {
        let other = ALL.replace(
            "- {alertname: Low}",
            "- {alertname: Low}\n      - {alertname: Other}",
        );
        let found = findings(&other);
        assert_eq!(
            found,
            ["tests/a.yml:9: Other can never fire here: b.yml is not loaded: add it to rule_files"]
        );
    }
}
