//! Rule files: read with the place and the tree of each expression, and written as JSON, which is YAML to promtool.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use promql_parser::parser::Expr;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::finding::Place;
use super::{promql, yaml};

#[derive(Debug, Clone)]
pub(crate) struct RuleFile {
    /// `recording.yml`.
    pub(crate) name: String,
    /// As a person would name it, from the workspace's root.
    pub(crate) shown: String,
    pub(crate) text: String,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) interval: Option<String>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Alert,
    Record,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// The alert's, or that of the series that is recorded.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) expr: Expr,
    /// Where the file's text has the expression.
    pub(crate) bytes: std::ops::Range<usize>,
    /// `for`, as it is written.
    pub(crate) wait: Option<String>,
    pub(crate) keep_firing_for: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What a file may hold. A key that is not here is an error, and not dropped when the file is written again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    groups: Vec<GroupSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupSource {
    name: String,
    interval: Option<String>,
    rules: Vec<RuleSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSource {
    alert: Option<String>,
    record: Option<String>,
    expr: Spanned<String>,
    #[serde(rename = "for")]
    wait: Option<String>,
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl RuleFile {
    pub(crate) fn parse(name: &str, shown: &str, text: &str) -> Result<Self> {
        let source: FileSource = yaml::parse(shown, text)?;
        let mut groups = Vec::new();
        for group in source.groups {
            let rules = group.rules.into_iter().map(|rule| rule.read(shown));
            groups.push(Group {
                rules: rules.collect::<Result<_>>()?,
                name: group.name,
                interval: group.interval,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            shown: shown.to_owned(),
            text: text.to_owned(),
            groups,
        })
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }

    /// The same rules, in a form that promtool reads.
    pub(crate) fn to_json(&self) -> Value {
        let groups: Vec<Value> = self.groups.iter().map(Group::to_json).collect();
        json!({ "groups": groups })
    }
}

impl Group {
    fn to_json(&self) -> Value {
        let mut group = Map::new();
        group.insert("name".to_owned(), json!(self.name));
        if let Some(interval) = &self.interval {
            group.insert("interval".to_owned(), json!(interval));
        }
        let rules: Vec<Value> = self.rules.iter().map(Rule::to_json).collect();
        group.insert("rules".to_owned(), json!(rules));
        Value::Object(group)
    }
}

impl Rule {
    fn to_json(&self) -> Value {
        let key = match self.kind {
            Kind::Alert => "alert",
            Kind::Record => "record",
        };
        let mut rule = Map::new();
        rule.insert(key.to_owned(), json!(self.name));
        rule.insert("expr".to_owned(), json!(self.expr.to_string()));
        let durations = [
            ("for", &self.wait),
            ("keep_firing_for", &self.keep_firing_for),
        ];
        for (key, duration) in durations {
            if let Some(duration) = duration {
                rule.insert(key.to_owned(), json!(duration));
            }
        }
        for (key, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                rule.insert(key.to_owned(), json!(map));
            }
        }
        Value::Object(rule)
    }
}

impl RuleSource {
    fn read(self, shown: &str) -> Result<Rule> {
        let line = self.expr.defined.line();
        let (kind, name) = match (self.alert, self.record) {
            (Some(name), None) => (Kind::Alert, name),
            (None, Some(name)) => (Kind::Record, name),
            _ => bail!("{shown}:{line}: a rule is either an `alert` or a `record`"),
        };
        let place = Place::new(shown, line, &name);
        let expr = promql::parse(&self.expr.value);
        let expr =
            expr.map_err(|error| anyhow::anyhow!("{place}: its expr is no PromQL: {error}"))?;
        Ok(Rule {
            kind,
            name,
            place,
            expr,
            bytes: yaml::bytes(&self.expr)?,
            wait: self.wait,
            keep_firing_for: self.keep_firing_for,
            labels: self.labels,
            annotations: self.annotations,
        })
    }
}

/// All rule files of a folder, in the order of their names. A name that two alerts have is an error, for a test could not
/// say which it means.
pub(crate) fn read_all(folder: &Path, shown: &str) -> Result<Vec<RuleFile>> {
    let mut files = Vec::new();
    for name in yaml::names_below(folder, "yml")? {
        let text = yaml::read_text(&folder.join(&name))?;
        files.push(RuleFile::parse(&name, &format!("{shown}/{name}"), &text)?);
    }
    ensure!(
        !files.is_empty(),
        "there are no rule files (*.yml) in {shown}"
    );
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for rule in files.iter().flat_map(RuleFile::rules) {
        if let Some(other) = seen.insert(&rule.name, &rule.place) {
            bail!(
                "{}: the name is that of {other}, too: rename one",
                rule.place
            );
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
groups:
  - name: g
    interval: 30s
    rules:
      - record: job:x:rate5m
        expr: sum by (job) (rate(x_total[5m]))
      # Of all.
      - alert: High
        expr: >-
          job:x:rate5m
          > 1
        for: 2m
        labels:
          severity: page
        annotations:
          summary: "{{ $value }}"
"#;

    #[test]
    fn reads_rules_with_their_places() {
        let file = RuleFile::parse("a.yml", "rules/a.yml", TEXT).unwrap();
        let rules: Vec<&Rule> = file.rules().collect();
        assert_eq!(rules[0].kind, Kind::Record);
        assert_eq!(rules[1].place.to_string(), "rules/a.yml:11: High");
        assert_eq!(rules[1].expr.to_string(), "job:x:rate5m > 1");
        assert!(TEXT[rules[1].bytes.clone()].starts_with("job:x:rate5m\n"));
    }

    #[test]
    fn what_is_written_has_everything() {
        let file = RuleFile::parse("a.yml", "a.yml", TEXT).unwrap();
        let json = file.to_json().to_string();
        let again = RuleFile::parse("a.yml", "a.yml", &json).unwrap();
        assert_eq!(again.to_json().to_string(), json);
        for part in [
            "\"for\":\"2m\"",
            "\"interval\":\"30s\"",
            "severity",
            "summary",
        ] {
            assert!(json.contains(part), "{json}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read_and_says_where() {
        for (text, says) in [
            (
                "groups: [{name: g, rules: [{alert: A, expr: 'rate(x[5m'}]}]",
                "a.yml:1: A: its expr is no PromQL",
            ),
            (
                "groups: [{name: g, rules: [{expr: x}]}]",
                "a.yml:1: a rule is either",
            ),
            ("groups: [{name: g, limit: 3, rules: []}]", "limit"),
        ] {
            let error = RuleFile::parse("a.yml", "a.yml", text).unwrap_err();
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }
}
