//! What a report of the load test says of the reconciliation.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A line for each figure that differs, and for each scrape that was not as it should be; in the order of the report:
/// figures first.
pub(super) fn findings(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join("report.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    findings_in(&text).with_context(|| format!("in {}", path.display()))
}

fn findings_in(report: &str) -> Result<Vec<String>> {
    let report: Value = serde_json::from_str(report).context("it is no JSON")?;
    let reconciliation = &report["reconciliation"];
    let list = |name: &str| {
        let list = reconciliation[name].as_array();
        list.with_context(|| format!("the report has no list reconciliation.{name}"))
    };
    let mismatches = list("mismatches")?.iter().map(|mismatch| {
        let series = mismatch["series"].as_str();
        let series = series.context("a mismatch names no series")?;
        let (server, clients) = (&mismatch["server"], range(&mismatch["client"]));
        Ok(format!("{series}: server {server}, clients {clients}"))
    });
    let problems = list("problems")?.iter().map(|problem| {
        let problem = problem.as_str().context("a problem is no text")?;
        Ok(problem.to_owned())
    });
    mismatches.chain(problems).collect()
}

fn range(client: &Value) -> String {
    let (least, most) = (&client["least"], &client["most"]);
    match most {
        Value::Null => format!("{least} or more"),
        most if most == least => least.to_string(),
        most => format!("{least} to {most}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_scrapes_are_findings() {
        let report = r#"{"reconciliation":{
            "mismatches":[
                {"series":"a","server":1.0,"client":{"least":2.0,"most":2.0}},
                {"series":"b","server":1.0,"client":{"least":2.0,"most":null}},
                {"series":"c","server":1.0,"client":{"least":2.0,"most":3.5}}],
            "problems":["d went back"]}}"#;
        assert_eq!(
            findings_in(report).unwrap(),
            [
                "a: server 1.0, clients 2.0",
                "b: server 1.0, clients 2.0 or more",
                "c: server 1.0, clients 2.0 to 3.5",
                "d went back"
            ]
        );
    }

    #[test]
    fn a_report_of_another_kind_is_an_error() {
        for report in ["", "{}", r#"{"reconciliation":null}"#] {
            assert!(findings_in(report).is_err(), "{report}");
        }
    }
}
