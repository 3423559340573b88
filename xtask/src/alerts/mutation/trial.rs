//! Runs the tests that load a rule file against one mutant of it, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::mutant::Mutant;
use crate::alerts::Kit;
use crate::alerts::rules::RuleFile;
use crate::alerts::tool;

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// By this test file.
    Killed(String),
    Survived,
    /// promtool does not load it, which says nothing of the tests.
    Refused(String),
}

/// A copy of the rules and tests, with rules written as JSON, so that one rule can be another.
pub(super) struct Scratch<'a> {
    kit: &'a Kit,
    promtool: &'a Path,
    folder: TempDir,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(kit: &'a Kit, promtool: &'a Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tallied-mutants-")
            .tempdir()
            .context("cannot create a temporary folder")?;
        let scratch = Self {
            kit,
            promtool,
            folder,
        };
        for below in ["rules", "tests"] {
            fs::create_dir(scratch.path(below)).context("cannot create a folder")?;
        }
        for file in &kit.rules {
            scratch.write_rules(file)?;
        }
        for file in &kit.tests {
            let path = scratch.path("tests").join(&file.name);
            fs::write(path, &file.text).context("cannot copy a test file")?;
        }
        Ok(scratch)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write_rules(&self, file: &RuleFile) -> Result<()> {
        let path = self.path("rules").join(&file.name);
        fs::write(path, file.to_json().to_string()).context("cannot write a rule file")
    }

    /// The rules as they are, in the form that the mutants have.
    pub(super) fn test_as_it_is(&self, test: &str) -> Result<tool::Outcome> {
        let mut command = Command::new(self.promtool);
        command
            .current_dir(self.folder.path())
            .args(["test", "rules"])
            .arg(Path::new("tests").join(test));
        tool::run(&mut command)
    }

    /// Stops at the first test file that fails. `tests` has those that load its rule file, in the order in which they
    /// are run.
    pub(super) fn try_out(&self, mutant: &Mutant, tests: &[String]) -> Result<Verdict> {
        let (file, group, rule) = mutant.at;
        let original = &self.kit.rules[file];
        let mut changed = original.clone();
        changed.groups[group].rules[rule] = mutant.rule.clone();
        self.write_rules(&changed)?;
        let verdict = self.verdict(tests);
        self.write_rules(original)?;
        verdict
    }

    fn verdict(&self, tests: &[String]) -> Result<Verdict> {
        for test in tests {
            let outcome = self.test_as_it_is(test)?;
            if let Some(verdict) = of_output(test, &outcome) {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Survived)
    }
}

fn of_output(test: &str, outcome: &tool::Outcome) -> Option<Verdict> {
    let reasons = [
        "could not parse expression",
        "parse error",
        "error unmarshaling",
    ];
    let refused = |line: &&str| reasons.iter().any(|reason| line.contains(reason));
    match outcome.output.lines().find(refused) {
        _ if outcome.passed => None,
        Some(line) => Some(Verdict::Refused(line.trim().to_owned())),
        None => Some(Verdict::Killed(test.to_owned())),
    }
}

/// The test files that load this rule file: its own first, then the quick ones.
pub(super) fn order(kit: &Kit, rule_file: &str, times: &[Duration]) -> Vec<String> {
    let mut tests: Vec<(bool, Duration, &str)> = kit
        .tests
        .iter()
        .zip(times)
        .filter(|(test, _)| test.loads(rule_file))
        .map(|(test, time)| (test.name != rule_file, *time, test.name.as_str()))
        .collect();
    tests.sort();
    tests
        .into_iter()
        .map(|(_, _, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::rule_tests::TestFile;

    #[test]
    fn only_a_test_kills() {
        let verdict = |passed, output: &str| {
            let output = output.to_owned();
            of_output("t.yml", &tool::Outcome { passed, output })
        };
        assert_eq!(verdict(true, "SUCCESS"), None);
        assert_eq!(
            verdict(false, "FAILED:\n exp: 1\n got: nil"),
            Some(Verdict::Killed("t.yml".to_owned()))
        );
        let refused = verdict(
            false,
            "FAILED:\nx: could not parse expression: 1:60: parse error",
        );
        assert!(matches!(refused, Some(Verdict::Refused(_))));
    }

    #[test]
    fn its_own_test_comes_first_and_the_slow_one_last() {
        let test = |name, loads: &str| {
            TestFile::parse(name, name, &format!("rule_files: [{loads}]")).unwrap()
        };
        let kit = Kit {
            tests: vec![
                test("slow.yml", "../rules/r.yml"),
                test("other.yml", "../rules/o.yml"),
                test("quick.yml", "../rules/r.yml"),
                test("r.yml", "../rules/r.yml"),
            ],
            ..Kit::empty()
        };
        let times = [9, 1, 2, 5].map(Duration::from_secs);
        assert_eq!(
            order(&kit, "r.yml", &times),
            ["r.yml", "quick.yml", "slow.yml"]
        );
    }
}
