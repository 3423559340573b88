//! The rules once more, as the PrometheusRule that the Prometheus operator takes: generated from the rule files, and held
//! against them.
//!
//! It is made line by line, so that the comments stay. Its head, down to the line `  groups:`, is its own: labels are set
//! there. Then for each rule file, in the order of the names' bytes, an empty line and a comment with its name; the
//! comments above its line `groups:`, after four spaces and without the empty lines; and what is below that line, each line
//! after two spaces.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::finding::{Finding, Place};
use super::kit::Kit;
use super::rules::RuleFile;
use super::yaml;

const FILE: &str = "kubernetes/prometheusrule.yaml";
const REMEDY: &str = "cargo xtask alerts --write-kubernetes generates it from the rules";
/// The last line of the head.
const GROUPS: &str = "  groups:\n";

fn path(kit: &Kit) -> PathBuf {
    kit.folder.join(FILE)
}

fn shown(kit: &Kit) -> String {
    format!("{}/{FILE}", kit.shown)
}

/// Generates it anew, with the head that it has. Says whether that changed it.
pub(super) fn write(kit: &Kit) -> Result<bool> {
    let path = path(kit);
    let before = yaml::read_text(&path)?;
    let after = generate(&shown(kit), &before, &kit.rules)?;
    if after == before {
        return Ok(false);
    }
    fs::write(&path, after).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// That its rules are those of the rule files, and its text what is generated from them.
pub(super) fn check(kit: &Kit) -> Result<Vec<Finding>> {
    let text = yaml::read_text(&path(kit))?;
    differences(&shown(kit), &text, &kit.rules)
}

fn differences(shown: &str, text: &str, rules: &[RuleFile]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let manifest: Value = yaml::parse(shown, text)?;
    let groups = json!({"groups": manifest["spec"]["groups"]}).to_string();
    let groups = RuleFile::parse(FILE, shown, &groups)
        .context("spec.groups is not what a rule file has below groups")?;
    let (has, expected) = (flat([&groups]), flat(rules));
    let differing = (0..has.len().max(expected.len())).find(|&i| has.get(i) != expected.get(i));
    if let Some(index) = differing {
        let name = |of: Option<&(String, Value)>| match of {
            Some((name, _)) => name.clone(),
            None => "no rule".to_owned(),
        };
        let (has, expected) = (name(has.get(index)), name(expected.get(index)));
        let what = if has == expected {
            format!("{has} is another rule here than in the rule files")
        } else {
            format!("{has} is where the rule files have {expected}")
        };
        findings.push(Place::new(shown, 0, "spec.groups").finding(what, REMEDY));
    }
    let generated = generate(shown, text, rules)?;
    if generated != text {
        let same = text.lines().zip(generated.lines());
        let line = same.take_while(|(has, expected)| has == expected).count() as u64 + 1;
        let what = "from here on it is not what is generated from the rule files";
        findings.push(Place::new(shown, line, "").finding(what, REMEDY));
    }
    Ok(findings)
}

/// Each rule, after the name of its group and its own; a group by itself as well, for one without rules.
fn flat<'a>(files: impl IntoIterator<Item = &'a RuleFile>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for file in files {
        let json = file.to_json();
        let groups = json["groups"].as_array().into_iter().flatten();
        for (group, json) in file.groups.iter().zip(groups) {
            let mut json = json.clone();
            let rules = json["rules"].take();
            all.push((format!("the group {}", group.name), json));
            let rules = rules.as_array().into_iter().flatten().cloned();
            let named = group.rules.iter().zip(rules);
            all.extend(named.map(|(rule, json)| (rule.name.clone(), json)));
        }
    }
    all
}

/// `before` has the head.
fn generate(shown: &str, before: &str, rules: &[RuleFile]) -> Result<String> {
    let end = before.find(&format!("\n{GROUPS}")).with_context(|| {
        format!(
            "{shown} has no line `{}`, at which its head ends: restore its head",
            GROUPS.trim_end()
        )
    })?;
    let mut text = before[..end + 1 + GROUPS.len()].to_owned();
    for file in rules {
        let start = file.text.strip_prefix("groups:\n").map(|below| ("", below));
        let (above, below) = start
            .or_else(|| file.text.split_once("\ngroups:\n"))
            .with_context(|| format!("{} has no line `groups:`", file.shown))?;
        text.push_str(&format!("\n    # {}\n", file.name));
        for line in above.lines().filter(|line| !line.is_empty()) {
            text.push_str(&format!("    {line}\n"));
        }
        for line in below.lines() {
            text.push_str(if line.is_empty() { "" } else { "  " });
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [(&str, &str); 2] = [
        (
            "a.yml",
            "# About a.\n\n# More groups:\ngroups:\n  - name: a\n    rules:\n      # One.\n      - record: job:x:sum\n        expr: sum by (job) (x)\n",
        ),
        (
            "b.yml",
            "groups:\n  - name: b\n    rules:\n\n      - alert: High\n        expr: >-\n          job:x:sum\n          > 1\n",
        ),
    ];

    const HEAD: &str = "# Ours.\nkind: PrometheusRule\nspec:\n  groups:\n";

    const BODY: &str = "
    # a.yml
    # About a.
    # More groups:
    - name: a
      rules:
        # One.
        - record: job:x:sum
          expr: sum by (job) (x)

    # b.yml
    - name: b
      rules:

        - alert: High
          expr: >-
            job:x:sum
            > 1
";

    fn rules() -> Vec<RuleFile> {
        let file = |(name, text): &(&str, &str)| RuleFile::parse(name, name, text).unwrap();
        RULES.iter().map(file).collect()
    }

    fn found(text: &str) -> Vec<String> {
        let found = differences("k.yaml", text, &rules()).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn is_made_line_by_line_under_its_own_head() {
        let expected = format!("{HEAD}{BODY}");
        let old = format!("{HEAD}    - name: old\n");
        assert_eq!(generate("k.yaml", &old, &rules()).unwrap(), expected);
        assert_eq!(found(&expected), [""; 0]);
        let error = generate("k.yaml", "spec: {}\n", &rules()).unwrap_err();
        assert!(error.to_string().contains("restore its head"), "{error}");
    }

    #[test]
    fn another_rule_and_another_text_are_told_apart() {
        let whole = format!("{HEAD}{BODY}");
        let found_in = |from: &str, to: &str| {
            let changed = whole.replacen(from, to, 1);
            assert_ne!(changed, whole);
            found(&changed)
        };
        let comment = found_in("# One.", "# Two.");
        assert_eq!(comment.len(), 1, "{comment:?}");
        assert!(
            comment[0].starts_with("k.yaml:11: from here on"),
            "{comment:?}"
        );
        let threshold = found_in("> 1", "> 2");
        assert_eq!(threshold.len(), 2, "{threshold:?}");
        assert!(
            threshold[0].contains("High is another rule"),
            "{threshold:?}"
        );
        let renamed = found_in("job:x:sum\n          expr", "job:y:sum\n          expr");
        assert!(
            renamed[0].contains("job:y:sum is where the rule files have job:x:sum"),
            "{renamed:?}"
        );
        let group = found_in("name: b", "name: c");
        assert!(
            group[0].contains("the group c is where the rule files have the group b"),
            "{group:?}"
        );
        let end = whole.find("\n    # b.yml").unwrap();
        let cut = found(&whole[..end]);
        assert!(
            cut[0].contains("no rule is where the rule files have the group b"),
            "{cut:?}"
        );
        assert!(
            cut.iter().all(|finding| finding.ends_with(REMEDY)),
            "{cut:?}"
        );
    }
}
