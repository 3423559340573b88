//! One change to a rule that a test has to notice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, anyhow};
use promql_parser::util::{display_duration, parse_duration};

use super::edits;
use crate::alerts::rules::{self, Rule, RuleFile};

/// In the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Number,
    Window,
    Wait,
    Comparison,
    Condition,
    Arithmetic,
    Matcher,
    Label,
    Function,
    Severity,
    Annotation,
}

impl Kind {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Number => "number (threshold, factor, quantile)",
            Self::Window => "window, step, offset",
            Self::Wait => "for",
            Self::Comparison => "comparison",
            Self::Condition => "and, or, unless",
            Self::Arithmetic => "arithmetic",
            Self::Matcher => "matcher",
            Self::Label => "label of an aggregation",
            Self::Function => "function, aggregation",
            Self::Severity => "label of an alert",
            Self::Annotation => "annotation",
        }
    }
}

pub(super) struct Mutant {
    /// What `--only` looks in: `TalliedHighCpu: 0.8 → 1.6`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where it takes the place of another: file, group, rule.
    pub(super) at: (usize, usize, usize),
    pub(super) rule: Rule,
}

/// Every mutant of every rule, in the order of the files.
pub(super) fn all(files: &[RuleFile]) -> Result<Vec<Mutant>> {
    let recorded = files.iter().flat_map(RuleFile::rules);
    let recorded = recorded.filter(|rule| rule.kind == rules::Kind::Record);
    let recorded: BTreeSet<&str> = recorded.map(|rule| rule.name.as_str()).collect();
    let mut mutants = Vec::new();
    for (f, file) in files.iter().enumerate() {
        for (g, group) in file.groups.iter().enumerate() {
            for (r, rule) in group.rules.iter().enumerate() {
                let mut seen: BTreeMap<String, u32> = BTreeMap::new();
                for (kind, what, rule) in of_rule(rule, &recorded)? {
                    // The same number may stand there twice.
                    let count = seen.entry(what.clone()).or_default();
                    *count += 1;
                    let name = match *count {
                        1 => format!("{}: {what}", rule.name),
                        nth => format!("{}: {what} ({nth})", rule.name),
                    };
                    mutants.push(Mutant {
                        name,
                        kind,
                        at: (f, g, r),
                        rule,
                    });
                }
            }
        }
    }
    Ok(mutants)
}

fn of_rule(rule: &Rule, recorded: &BTreeSet<&str>) -> Result<Vec<(Kind, String, Rule)>> {
    let mut mutants = Vec::new();
    for edit in edits::edits(&rule.expr, recorded) {
        let mut changed = rule.clone();
        changed.expr = edit.expr;
        mutants.push((edit.kind, edit.what, changed));
    }
    for (key, wait) in [
        ("for", &rule.wait),
        ("keep_firing_for", &rule.keep_firing_for),
    ] {
        let Some(wait) = wait else { continue };
        let duration = parse_duration(wait)
            .map_err(|error| anyhow!("{}: {key}: {wait}: {error}", rule.place))?;
        for other in [duration * 2, duration / 2, Duration::ZERO] {
            let other = display_duration(&other);
            let what = format!("{key} {wait} → {other}");
            let mut changed = rule.clone();
            match key {
                "for" => changed.wait = Some(other),
                _ => changed.keep_firing_for = Some(other),
            }
            mutants.push((Kind::Wait, what, changed));
        }
    }
    for label in rule.labels.keys() {
        let mut changed = rule.clone();
        changed.labels.insert(label.clone(), "another".to_owned());
        mutants.push((Kind::Severity, format!("another {label}"), changed));
    }
    for annotation in rule.annotations.keys() {
        let mut changed = rule.clone();
        let text = format!("{} And more.", rule.annotations[annotation]);
        changed.annotations.insert(annotation.clone(), text);
        mutants.push((Kind::Annotation, format!("another {annotation}"), changed));
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: A
        expr: x > 2 * 2
        for: 90s
        labels: {severity: page}
        annotations: {summary: s}
";

    #[test]
    fn every_part_of_a_rule_is_changed_once_and_has_a_name_of_its_own() {
        let files = [RuleFile::parse("a.yml", "a.yml", RULES).unwrap()];
        let mutants = all(&files).unwrap();
        let names: Vec<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len());
        for name in [
            "A: 2 → 4",
            "A: 2 → 4 (2)",
            "A: > → >=",
            "A: * → /",
            "A: for 90s → 3m",
            "A: for 90s → 45s",
            "A: for 90s → 0s",
            "A: another severity",
            "A: another summary",
        ] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
        assert_eq!(names.len(), 4 + 4 + 3 + 1 + 3 + 2);
    }
}
