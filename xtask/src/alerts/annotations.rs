//! What every alert must carry: a severity that is routed, a summary, a description, and a way to the runbook.

use super::finding::Finding;
use super::routes::SEVERITIES;
use super::rules::{Kind, Rule, RuleFile};
use super::runbook::Runbook;

/// The path from the root of the repository, where every clone has it.
const RUNBOOK: &str = "deploy/RUNBOOK.md";

pub(crate) fn check(rules: &[RuleFile], runbook: &Runbook) -> Vec<Finding> {
    let alerts = rules.iter().flat_map(RuleFile::rules);
    alerts
        .filter(|rule| rule.kind == Kind::Alert)
        .flat_map(|rule| of_alert(rule, runbook))
        .collect()
}

fn of_alert(rule: &Rule, runbook: &Runbook) -> Vec<Finding> {
    let mut findings = Vec::new();
    let severities = SEVERITIES.map(|(severity, _)| severity).join(", ");
    match rule.labels.get("severity") {
        None => findings.push(rule.place.finding(
            "no label severity",
            format!("set it to one of {severities}"),
        )),
        Some(severity) if !SEVERITIES.iter().any(|(known, _)| known == severity) => {
            findings.push(rule.place.finding(
                format!("severity: {severity} is sent nowhere of its own"),
                format!("it is one of {severities}"),
            ));
        }
        Some(_) => {}
    }
    for name in ["summary", "description", "runbook_url"] {
        if rule
            .annotations
            .get(name)
            .is_none_or(|text| text.trim().is_empty())
        {
            let what = format!("no annotation {name}");
            findings.push(
                rule.place
                    .finding(what, "whoever is woken up needs it: write it"),
            );
        }
    }
    if let Some(url) = rule.annotations.get("runbook_url") {
        findings.extend(dead_link(rule, url, runbook));
    }
    findings
}

fn dead_link(rule: &Rule, url: &str, runbook: &Runbook) -> Option<Finding> {
    let (file, anchor) = url.split_once('#').unwrap_or((url, ""));
    if file != RUNBOOK {
        let what = format!("runbook_url: {url} is not in {RUNBOOK}");
        let remedy = format!("write {RUNBOOK}#{}", rule.name.to_lowercase());
        return Some(rule.place.finding(what, remedy));
    }
    if runbook.anchors().contains(anchor) {
        return None;
    }
    Some(rule.place.finding(
        format!("runbook_url: {RUNBOOK} has no heading for #{anchor}"),
        format!("write the section `## {}`, or correct the link", rule.name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "
groups:
  - name: g
    rules:
      - alert: TalliedX
        expr: x > 1
        labels: {severity: page}
        annotations: {summary: s, description: d, runbook_url: deploy/RUNBOOK.md#talliedx}
";

    fn findings(rule: &str) -> Vec<String> {
        let rules = [RuleFile::parse("a.yml", "a.yml", rule).unwrap()];
        let runbook = Runbook::parse("deploy/RUNBOOK.md", "## TalliedX\n");
        check(&rules, &runbook)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_dead_runbook_link_is_refused() {
        assert_eq!(findings(RULE), [""; 0]);
        let found = findings(&RULE.replace("#talliedx", "#talliedz"));
        assert_eq!(
            found,
            [
                "a.yml:6: TalliedX: runbook_url: deploy/RUNBOOK.md has no heading for #talliedz: write the section \
              `## TalliedX`, or correct the link"
            ]
        );
        let found = findings(&RULE.replace("deploy/RUNBOOK.md#", "https://example.org/#"));
        assert!(
            found[0].contains("is not in deploy/RUNBOOK.md"),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = findings(&RULE.replace("severity: page", "severity: pager"));
        assert!(
            found[0].contains("severity: pager is sent nowhere"),
            "{found:?}"
        );
        let found = findings(
            &RULE
                .replace("severity", "sverity")
                .replace("summary: s, ", ""),
        );
        assert!(
            found[0].contains("no label severity: set it to one of page"),
            "{found:?}"
        );
        assert!(found[1].contains("no annotation summary"), "{found:?}");
    }
}
