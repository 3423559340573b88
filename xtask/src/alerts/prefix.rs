//! The rules, tests and dashboards for a server that puts a prefix before its metrics (`metric_prefix`).
//!
//! The files are edited, not written anew, so that comments and layout stay. What recording rules name, what Prometheus
//! makes of a scrape, and what other programs expose keep their names; so does the job. Each edit is read back as a
//! tree and compared with the renamed one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use promql_parser::parser::Expr;

use super::Kit;
use super::exposed::{Origin, origin};
use super::grafana::Dashboard;
use super::rule_tests::TestFile;
use super::rules::RuleFile;
use super::{promql, yaml};

/// A file to be written, by its path below the folder that takes the place of `deploy`.
pub(crate) struct Rendered {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// What the server would refuse as `metric_prefix`, too.
pub(crate) fn check_prefix(prefix: &str) -> Result<()> {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    ensure!(
        prefix.starts_with(is_first) && prefix.chars().all(|c| is_first(c) || c.is_ascii_digit()),
        "--prefix {prefix}: a prefix is of letters, digits and `_`, and begins with no digit; the server puts the `_` \
         after it"
    );
    Ok(())
}

pub(crate) fn render(kit: &Kit, prefix: &str) -> Result<Vec<Rendered>> {
    let renaming = Renaming {
        names: server_names(kit),
        prefix,
    };
    let mut rendered = Vec::new();
    for file in &kit.rules {
        rendered.push(Rendered {
            path: PathBuf::from("prometheus/rules").join(&file.name),
            text: renaming.rules(file)?,
        });
    }
    for file in &kit.tests {
        rendered.push(Rendered {
            path: PathBuf::from("prometheus/tests").join(&file.name),
            text: renaming.tests(file)?,
        });
    }
    for dashboard in &kit.dashboards {
        rendered.push(Rendered {
            path: PathBuf::from("grafana").join(&dashboard.name),
            text: renaming.dashboard(dashboard)?,
        });
    }
    Ok(rendered)
}

/// Every metric of the server that is named anywhere.
fn server_names(kit: &Kit) -> BTreeSet<String> {
    let mut exprs: Vec<Expr> = Vec::new();
    for rule in kit.rules.iter().flat_map(RuleFile::rules) {
        exprs.push(rule.expr.clone());
    }
    let of_tests = kit
        .tests
        .iter()
        .flat_map(TestFile::queries)
        .map(|text| &text.value);
    let of_dashboards = kit
        .dashboards
        .iter()
        .flat_map(|d| &d.queries)
        .map(|query| &query.expr);
    // What is no expression (the empty labels of an answer) names nothing.
    exprs.extend(
        of_tests
            .chain(of_dashboards)
            .filter_map(|text| promql::parse(text).ok()),
    );
    exprs
        .iter()
        .flat_map(promql::selectors)
        .filter_map(|selector| selector.name.clone())
        .filter(|name| origin(name) == Origin::Server)
        .collect()
}

struct Renaming<'a> {
    names: BTreeSet<String>,
    prefix: &'a str,
}

impl Renaming<'_> {
    fn rules(&self, file: &RuleFile) -> Result<String> {
        let places = file.rules().map(|rule| rule.bytes.clone()).collect();
        let text = self.edited(&file.text, places);
        let again = RuleFile::parse(&file.name, &file.shown, &text)?;
        for (old, new) in file.rules().zip(again.rules()) {
            ensure!(
                self.tree(&old.expr).to_string() == new.expr.to_string(),
                "{}: its expr cannot be renamed by its words: {}",
                old.place,
                new.expr
            );
        }
        Ok(self.headed(&text))
    }

    fn tests(&self, file: &TestFile) -> Result<String> {
        let places = file.queries().map(yaml::bytes).collect::<Result<_>>()?;
        let text = self.edited(&file.text, places);
        let again = TestFile::parse(&file.name, &file.shown, &text)?;
        for (old, new) in file.queries().zip(again.queries()) {
            let Ok(tree) = promql::parse(&old.value) else {
                continue;
            };
            let new = promql::parse(&new.value)?;
            ensure!(
                self.tree(&tree).to_string() == new.to_string(),
                "{}:{}: it cannot be renamed by its words: {new}",
                file.shown,
                old.defined.line()
            );
        }
        Ok(self.headed(&text))
    }

    fn dashboard(&self, dashboard: &Dashboard) -> Result<String> {
        let mut text = dashboard.text.clone();
        for query in &dashboard.queries {
            let renamed = self.words(&query.written);
            if renamed == query.written {
                continue;
            }
            let old = serde_json::to_string(&query.written)?;
            ensure!(
                text.contains(&old) || text.contains(&serde_json::to_string(&renamed)?),
                "{}: its query is written with other escapes than serde_json's: format the file anew",
                query.place
            );
            text = text.replace(&old, &serde_json::to_string(&renamed)?);
        }
        let _: serde_json::Value = serde_json::from_str(&text).context("the rendered dashboard")?;
        Ok(text)
    }

    /// The text with every name in these places renamed.
    fn edited(&self, text: &str, mut places: Vec<std::ops::Range<usize>>) -> String {
        places.sort_by_key(|place| std::cmp::Reverse(place.start));
        // An anchor's value is there once for each alias.
        places.dedup();
        let mut text = text.to_owned();
        for place in places {
            let renamed = self.words(&text[place.clone()]);
            text.replace_range(place, &renamed);
        }
        text
    }

    fn words(&self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let mut renamed = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, word) = rest.split_at(start);
            let (word, after) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
            renamed.push_str(before);
            renamed.push_str(&self.name(word));
            rest = after;
        }
        renamed + rest
    }

    fn name(&self, name: &str) -> String {
        match self.names.contains(name) {
            true => format!("{}_{name}", self.prefix),
            false => name.to_owned(),
        }
    }

    fn tree(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        match &mut expr {
            Expr::VectorSelector(selector) => {
                selector.name = selector.name.as_ref().map(|name| self.name(name));
            }
            Expr::MatrixSelector(matrix) => {
                matrix.vs.name = matrix.vs.name.as_ref().map(|name| self.name(name));
            }
            _ => {
                for index in 0..promql::children(&expr).len() {
                    let child = self.tree(promql::children(&expr)[index]);
                    expr = promql::with_child(&expr, index, child);
                }
            }
        }
        expr
    }

    fn headed(&self, text: &str) -> String {
        format!(
            "# For metric_prefix = \"{0}\", made by `cargo xtask alerts --prefix {0}`: change what it was made of.\n{text}",
            self.prefix
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
  - name: g
    rules:
      # Of http_requests_total.
      - record: job:http_requests_total:rate5m
        expr: >-
          sum by (job)
            (rate(http_requests_total{job=\"tallied\"}[5m]))
      - alert: A
        expr: job:http_requests_total:rate5m > 1 and on (job) up == 1 and on (job) tallied_connections > 0
";
    const TESTS: &str = "
rule_files: [../rules/a.yml]
tests:
  - input_series:
      - &up {series: 'up{job=\"tallied\"}', values: 1x5}
      - &x {series: \"http_requests_total{job=\\\"tallied\\\"}\", values: 1x5}
    promql_expr_test:
      - {expr: 'rate(http_requests_total[5m])', exp_samples: [{labels: '{}', value: 1}]}
  - input_series: [*up, *x]
";
    const DASHBOARD: &str =
        r#"{"title": "tallied_connections", "expr": "tallied_connections{job=\"$job\"}"}"#;

    fn kit() -> Kit {
        Kit {
            rules: vec![RuleFile::parse("a.yml", "a.yml", RULES).unwrap()],
            tests: vec![TestFile::parse("a.yml", "a.yml", TESTS).unwrap()],
            dashboards: vec![Dashboard::parse("o.json", "o.json", DASHBOARD).unwrap()],
            ..Kit::empty()
        }
    }

    #[test]
    fn only_the_servers_metrics_get_the_prefix() {
        let rendered = render(&kit(), "acme").unwrap();
        let text = |index: usize| rendered[index].text.as_str();
        let rules = RULES
            .replace("rate(http_requests_total", "rate(acme_http_requests_total")
            .replace(
                "(job) tallied_connections",
                "(job) acme_tallied_connections",
            );
        assert!(text(0).ends_with(&rules), "{}", text(0));
        let tests = TESTS
            .replace("\"http_requests_total", "\"acme_http_requests_total")
            .replace("rate(http_requests_total", "rate(acme_http_requests_total");
        assert!(text(1).ends_with(&tests), "{}", text(1));
        let dashboard = DASHBOARD.replace("\"tallied_connections{", "\"acme_tallied_connections{");
        assert_eq!(text(2), dashboard);
        assert_eq!(rendered[2].path, PathBuf::from("grafana/o.json"));
    }

    #[test]
    fn a_name_that_is_a_label_too_is_refused() {
        let mut kit = kit();
        let rules = RULES
            .replace("job=\\\"tallied\\\"", "x=\\\"y\\\"")
            .replace("sum by (job)", "sum by (http_requests_total)");
        kit.rules = vec![RuleFile::parse("a.yml", "a.yml", &rules).unwrap()];
        let error = render(&kit, "acme").err().unwrap().to_string();
        assert!(error.contains("cannot be renamed by its words"), "{error}");
    }

    #[test]
    fn a_prefix_is_one_that_the_server_takes() {
        assert!(check_prefix("acme_shop").is_ok());
        for wrong in ["", "9x", "a-b", "a:b"] {
            assert!(check_prefix(wrong).is_err(), "{wrong}");
        }
    }
}
