//! Where Alertmanager sends each alert, asked of amtool with the labels that the rule sets.
//!
//! Inhibition cannot be asked for in this way; it takes a running Alertmanager.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::finding::{Finding, Place};
use super::rules::{Kind, RuleFile};
use super::tool;

/// The severities, each with the receiver that gets it.
pub(crate) const SEVERITIES: [(&str, &str); 3] =
    [("page", "page"), ("ticket", "ticket"), ("none", "watchdog")];

/// Who gets what no rule here sends.
const DEFAULT_RECEIVER: &str = "default";

pub(crate) fn check_config(amtool: &Path, config: &Path) -> Result<()> {
    tool::must_pass(Command::new(amtool).arg("check-config").arg(config))
}

/// How many ways were tried, and those that lead elsewhere.
pub(crate) fn check(
    amtool: &Path,
    config: &Path,
    shown: &str,
    rules: &[RuleFile],
) -> Result<(usize, Vec<Finding>)> {
    let mut findings = Vec::new();
    let mut count = 0;
    let alerts = rules.iter().flat_map(RuleFile::rules);
    for rule in alerts.filter(|rule| rule.kind == Kind::Alert) {
        let severity = rule.labels.get("severity").map_or("", String::as_str);
        let Some((_, receiver)) = SEVERITIES.iter().find(|(known, _)| *known == severity) else {
            continue;
        };
        let mut labels = vec![format!("alertname={}", rule.name), "job=tallied".to_owned()];
        labels.extend(
            rule.labels
                .iter()
                .map(|(label, value)| format!("{label}={value}")),
        );
        count += 1;
        if let Some(seen) = misrouted(amtool, config, receiver, &labels)? {
            let what = format!("severity: {severity} must go to {receiver}, and goes to {seen}");
            findings.push(
                rule.place
                    .finding(what, format!("correct the routes in {shown}")),
            );
        }
    }
    let labels = ["alertname=Unknown".to_owned()];
    count += 1;
    if let Some(seen) = misrouted(amtool, config, DEFAULT_RECEIVER, &labels)? {
        let place = Place::new(shown, 0, "");
        let what = format!(
            "an alert without a severity must go to {DEFAULT_RECEIVER}, and goes to {seen}"
        );
        findings.push(place.finding(what, "correct the root route"));
    }
    Ok((count, findings))
}

/// Who gets it instead.
fn misrouted(
    amtool: &Path,
    config: &Path,
    receiver: &str,
    labels: &[String],
) -> Result<Option<String>> {
    let mut command = Command::new(amtool);
    command
        .args(["config", "routes", "test"])
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--verify.receivers={receiver}"))
        .args(labels);
    let outcome = tool::run(&mut command)?;
    let first = outcome
        .output
        .lines()
        .find(|line| !line.starts_with("Warning:"));
    Ok((!outcome.passed).then(|| first.unwrap_or("nobody").to_owned()))
}
