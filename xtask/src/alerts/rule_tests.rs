//! promtool's test files: which rules they load, what they feed them, and which alerts they ask for.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::yaml;

#[derive(Debug)]
pub(crate) struct TestFile {
    /// `alerts-errors.yml`.
    pub(crate) name: String,
    /// As a person would name it, from the workspace's root.
    pub(crate) shown: String,
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// The part of a test file that is looked at; promtool checks the rest.
#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    #[serde(default)]
    pub(crate) rule_files: Vec<String>,
    #[serde(default)]
    pub(crate) tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Test {
    #[serde(default)]
    pub(crate) input_series: Vec<Series>,
    #[serde(default)]
    pub(crate) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(crate) promql_expr_test: Vec<ExprTest>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Series {
    pub(crate) series: Spanned<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AlertTest {
    pub(crate) alertname: Spanned<String>,
    #[serde(default)]
    pub(crate) exp_alerts: Option<Vec<IgnoredAny>>,
}

impl AlertTest {
    /// Whether it asks for the alert to fire.
    pub(crate) fn fires(&self) -> bool {
        self.exp_alerts
            .as_ref()
            .is_some_and(|alerts| !alerts.is_empty())
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExprTest {
    pub(crate) expr: Spanned<String>,
    #[serde(default)]
    pub(crate) exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExpectedSample {
    pub(crate) labels: Option<Spanned<String>>,
}

impl TestFile {
    pub(crate) fn parse(name: &str, shown: &str, text: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            shown: shown.to_owned(),
            text: text.to_owned(),
            source: yaml::parse(shown, text)?,
        })
    }

    /// Whether the rules of the file of this name are there when it runs.
    pub(crate) fn loads(&self, rule_file: &str) -> bool {
        let name = |path: &str| path.rsplit('/').next() == Some(rule_file);
        self.source.rule_files.iter().any(|path| name(path))
    }

    /// Every text in it that names series: of the input, of queries, of what they are to answer.
    pub(crate) fn queries(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.source.tests.iter().flat_map(|test| {
            let inputs = test.input_series.iter().map(|series| &series.series);
            let queries = test.promql_expr_test.iter().map(|query| &query.expr);
            let answers = test.promql_expr_test.iter().flat_map(|query| {
                let samples = query.exp_samples.iter().flatten();
                samples.filter_map(|sample| sample.labels.as_ref())
            });
            inputs.chain(queries).chain(answers)
        })
    }
}

/// All test files of a folder, in the order of their names.
pub(crate) fn read_all(folder: &Path, shown: &str) -> Result<Vec<TestFile>> {
    let mut files = Vec::new();
    for name in yaml::names_below(folder, "yml")? {
        let text = yaml::read_text(&folder.join(&name))?;
        files.push(TestFile::parse(&name, &format!("{shown}/{name}"), &text)?);
    }
    ensure!(
        !files.is_empty(),
        "there are no test files (*.yml) in {shown}"
    );
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_through_anchors() {
        let text = "
rule_files: [../rules/a.yml]
tests:
  - input_series:
      - &up
        series: up{job=\"x\"}
        values: 1x5
    alert_rule_test:
      - {alertname: Down, eval_time: 1m}
      - {alertname: Down, eval_time: 2m, exp_alerts: [{exp_labels: {}}]}
    promql_expr_test: &none
      - {expr: ALERTS, eval_time: 1m, exp_samples: [{labels: 'ALERTS{a=\"b\"}', value: 1}]}
  - input_series: [*up]
    promql_expr_test: *none
";
        let file = TestFile::parse("a.yml", "tests/a.yml", text).unwrap();
        assert!(file.loads("a.yml") && !file.loads("aa.yml"));
        let first = &file.source.tests[0];
        let fires: Vec<bool> = first.alert_rule_test.iter().map(AlertTest::fires).collect();
        assert_eq!(fires, [false, true]);
        let of = |text: &&Spanned<String>| yaml::bytes(text).unwrap();
        let all: Vec<_> = file.queries().collect();
        assert_eq!(all.len(), 6);
        // An alias stands where it was defined.
        assert_eq!(of(&all[0]), of(&all[3]));
    }
}
