//! The queries of Grafana's dashboards, with something in the place of the variables, so that they are PromQL.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::finding::Place;
use super::matching::CHOSEN;
use super::yaml;

#[derive(Debug)]
pub(crate) struct Dashboard {
    /// Its path below the folder of the dashboards.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) queries: Vec<Query>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    /// The file and the panel's title.
    pub(crate) place: Place,
    /// As the dashboard has it.
    pub(crate) written: String,
    /// As PromQL.
    pub(crate) expr: String,
}

/// All dashboards of a folder and of those below it, in the order of their names. A folder that is not there has none.
pub(crate) fn read_all(folder: &Path, shown: &str) -> Result<Vec<Dashboard>> {
    let mut dashboards = Vec::new();
    for name in yaml::names_below(folder, "json")? {
        let text = yaml::read_text(&folder.join(&name))?;
        dashboards.push(Dashboard::parse(&name, &format!("{shown}/{name}"), &text)?);
    }
    Ok(dashboards)
}

impl Dashboard {
    pub(crate) fn parse(name: &str, shown: &str, text: &str) -> Result<Self> {
        let json: Value =
            serde_json::from_str(text).with_context(|| format!("{shown} is no JSON"))?;
        let mut queries = Vec::new();
        collect(&json, shown, "", &mut queries);
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            queries,
        })
    }
}

/// Panels may be anywhere (in rows, in libraries of panels), so every object is looked at.
fn collect(json: &Value, shown: &str, title: &str, queries: &mut Vec<Query>) {
    match json {
        Value::Array(all) => {
            for one in all {
                collect(one, shown, title, queries);
            }
        }
        Value::Object(object) => {
            let own = object.get("title").or_else(|| object.get("name"));
            let title = own.and_then(Value::as_str).unwrap_or(title);
            let mut add = |written: &str, expr: String| {
                queries.push(Query {
                    place: Place::new(shown, 0, title),
                    written: written.to_owned(),
                    expr,
                });
            };
            if let Some(written) = object.get("expr").and_then(Value::as_str) {
                add(written, substituted(written));
            }
            // A variable's query: `label_values(metric, label)`; newer ones hold it in an object.
            for key in ["query", "definition"] {
                if let Some(written) = object.get(key).and_then(Value::as_str)
                    && let Some(expr) = of_variable(written)
                {
                    add(written, expr);
                }
            }
            for below in object.values() {
                collect(below, shown, title, queries);
            }
        }
        _ => {}
    }
}

fn of_variable(written: &str) -> Option<String> {
    let inner = |function: &str| written.trim().strip_prefix(function)?.strip_suffix(')');
    if let Some(query) = inner("query_result(") {
        return Some(substituted(query));
    }
    let (metric, label) = inner("label_values(")?.rsplit_once(',')?;
    let metric = substituted(metric.trim());
    Some(format!("count by ({}) ({metric})", label.trim()))
}

fn substituted(written: &str) -> String {
    interpolated(written, |name| value_of(name).to_owned())
}

/// `$name`, `${name}`, `${name:format}` and `[[name]]` replaced by what `value_of` says of the name.
pub(crate) fn interpolated(written: &str, mut value_of: impl FnMut(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest = written;
    while let Some(start) = rest.find(['$', '[']) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let bracketed = |open: &str, close: &str| {
            let inner = rest.strip_prefix(open)?;
            let end = inner.find(close)?;
            Some((&inner[..end], open.len() + end + close.len()))
        };
        let plain = || {
            let inner = rest.strip_prefix('$')?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
            (end > 0 && !inner.starts_with(|c: char| c.is_ascii_digit()))
                .then(|| (&inner[..end], 1 + end))
        };
        let variable = bracketed("${", "}")
            .or_else(|| bracketed("[[", "]]"))
            .or_else(plain);
        match variable {
            Some((name, length)) => {
                text.push_str(&value_of(name.split(':').next().unwrap_or(name)));
                rest = &rest[length..];
            }
            None => {
                text.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

/// Intervals are a duration, all others a value that a person chooses.
fn value_of(variable: &str) -> &'static str {
    match variable {
        "__rate_interval" | "__interval" | "__range" => "5m",
        "__interval_ms" | "__range_ms" => "300000",
        "__range_s" => "300",
        // A person's choice of a window.
        name if name.ends_with("interval") || name.ends_with("window") => "5m",
        _ => CHOSEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_queries_wherever_they_are() {
        let text = r#"{
            "title": "Overview",
            "templating": {"list": [
                {"name": "job", "query": {"query": "label_values(up, job)"}},
                {"name": "datasource", "query": "prometheus"}
            ]},
            "panels": [
                {"type": "row", "title": "Row", "panels": [
                    {"title": "Rate", "targets": [{"expr": "rate(x{job=\"$job\"}[$__rate_interval])"}]}
                ]}
            ]
        }"#;
        let dashboard = Dashboard::parse("o.json", "deploy/grafana/o.json", text).unwrap();
        let mut seen: Vec<(String, &str)> = dashboard
            .queries
            .iter()
            .map(|query| (query.place.to_string(), query.expr.as_str()))
            .collect();
        seen.sort();
        let rate = format!("rate(x{{job=\"{CHOSEN}\"}}[5m])");
        assert_eq!(
            seen,
            [
                ("deploy/grafana/o.json: Rate".to_owned(), rate.as_str()),
                (
                    "deploy/grafana/o.json: job".to_owned(),
                    "count by (job) (up)"
                ),
            ]
        );
        assert!(Dashboard::parse("o.json", "o.json", "{").is_err());
    }

    #[test]
    fn variables_in_all_spellings() {
        let all = "a{b=~\"${x:regex}|[[y]]\",c=\"x$\"}[$__rate_interval] offset ${my_window}";
        assert_eq!(
            substituted(all),
            format!("a{{b=~\"{CHOSEN}|{CHOSEN}\",c=\"x$\"}}[5m] offset 5m")
        );
    }
}
