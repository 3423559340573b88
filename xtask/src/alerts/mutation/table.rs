//! How many mutants of each kind there were, and what became of them.

use std::collections::BTreeMap;

use super::mutant::{Kind, Mutant};
use super::trial::Verdict;

#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<Kind, Row>,
    /// By test file.
    kills: BTreeMap<String, usize>,
    survivors: Vec<String>,
}

#[derive(Default, Clone, Copy)]
struct Row {
    tried: usize,
    killed: usize,
    equivalent: usize,
}

impl Table {
    pub(super) fn add(&mut self, mutant: &Mutant, verdict: Verdict) {
        let row = self.rows.entry(mutant.kind).or_default();
        row.tried += 1;
        let how = match verdict {
            Verdict::Killed(test) => {
                row.killed += 1;
                *self.kills.entry(test).or_default() += 1;
                return;
            }
            Verdict::Survived => "no test fails with".to_owned(),
            Verdict::Refused(why) => format!("promtool refuses ({why})"),
        };
        let (place, name) = (&mutant.rule.place, &mutant.name);
        let edit = name
            .strip_prefix(&mutant.rule.name)
            .unwrap_or(name)
            .trim_start_matches(": ");
        self.survivors
            .push(format!("{place}: {how} {edit}: {}", mutant.rule.expr));
    }

    pub(super) fn add_equivalent(&mut self, kind: Kind) {
        self.rows.entry(kind).or_default().equivalent += 1;
    }

    /// File, rule and edit of each mutant that no test killed.
    pub(super) fn survivors(&self) -> &[String] {
        &self.survivors
    }

    pub(super) fn text(&self) -> String {
        let mut text = "| changed | mutants | killed | survived | equivalent |\n\
                        | --- | ---: | ---: | ---: | ---: |\n"
            .to_owned();
        let mut all = Row::default();
        for (kind, row) in &self.rows {
            text.push_str(&row.text(kind.text()));
            all.tried += row.tried;
            all.killed += row.killed;
            all.equivalent += row.equivalent;
        }
        text.push_str(&all.text("all"));
        let kills = self
            .kills
            .iter()
            .map(|(test, count)| format!("{test} {count}"));
        let kills: Vec<String> = kills.collect();
        text.push_str(&format!("\nkilled by: {}\n", kills.join(", ")));
        text
    }
}

impl Row {
    fn text(self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} |\n",
            self.tried,
            self.killed,
            self.tried - self.killed,
            self.equivalent
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::mutant;
    use super::*;
    use crate::alerts::rules::RuleFile;

    #[test]
    fn counts_and_names_survivors() {
        let rules = "groups: [{name: g, rules: [{alert: A, expr: x > 1}]}]";
        let files = [RuleFile::parse("a.yml", "rules/a.yml", rules).unwrap()];
        let mutants = mutant::all(&files).unwrap();
        let mut table = Table::default();
        table.add(&mutants[0], Verdict::Survived);
        table.add(&mutants[1], Verdict::Killed("a.yml".to_owned()));
        table.add_equivalent(Kind::Number);
        let text = table.text();
        assert!(text.contains("| comparison | 2 | 1 | 1 | 0 |"), "{text}");
        assert!(text.contains("| all | 2 | 1 | 1 | 1 |"), "{text}");
        assert!(text.contains("killed by: a.yml 1"), "{text}");
        assert_eq!(
            table.survivors(),
            ["rules/a.yml:1: A: no test fails with > → >=: x >= 1"]
        );
    }
}
