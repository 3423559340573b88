//! What Prometheus is asked: each query of a panel, a variable or an annotation, and what its answer must have.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::conventions::links_in;
use super::super::parsed::{Parsed, list, text};
use crate::alerts::finding::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Panel,
    Variable,
    Annotation,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) kind: Kind,
    pub(super) place: Place,
    /// PromQL; of a variable, what is between `label_values(` and the label.
    pub(super) expr: String,
    /// Those that its legend, its link or its columns name, so each series must have them. Of a variable, its one label.
    pub(super) labels: BTreeSet<String>,
    /// It shows nothing but moments, so that there may be none now.
    pub(super) of_moments: bool,
}

pub(super) fn all(dashboards: &[Parsed]) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for dashboard in dashboards {
        for panel in dashboard.panels() {
            let mut of_links = BTreeSet::new();
            for url in links_in(&panel.json["fieldConfig"]["defaults"]) {
                of_links.extend(between(url, "${__field.labels.", "}"));
            }
            for (index, target) in list(&panel.json["targets"]).iter().enumerate() {
                let legend = between(text(&target["legendFormat"]), "{{", "}}");
                let mut labels: BTreeSet<String> = legend.chain(of_links.iter().cloned()).collect();
                if index == 0 {
                    labels.extend(label_columns(panel.json));
                }
                questions.push(Question {
                    kind: Kind::Panel,
                    place: panel.place.clone(),
                    expr: text(&target["expr"]).to_owned(),
                    labels,
                    of_moments: false,
                });
            }
        }
        for asked in dashboard.variable_queries() {
            questions.push(of_variable(asked.place, asked.text)?);
        }
        for annotation in dashboard.annotations() {
            let title = text(&annotation["titleFormat"]);
            questions.push(Question {
                kind: Kind::Annotation,
                place: dashboard.place(text(&annotation["name"])),
                expr: text(&annotation["expr"]).to_owned(),
                labels: between(title, "{{", "}}").collect(),
                of_moments: true,
            });
        }
    }
    Ok(questions)
}

/// Of a table: the columns that are labels, all of which its first query gives.
fn label_columns(panel: &Value) -> Vec<String> {
    let organize = list(&panel["transformations"]).iter();
    let titles = organize.filter_map(|one| one["options"]["renameByName"].as_object());
    titles
        .flat_map(|titles| titles.keys())
        .filter(|name| !name.starts_with("Value"))
        .cloned()
        .collect()
}

fn of_variable(place: Place, query: &str) -> Result<Question> {
    let inner = query
        .strip_prefix("label_values(")
        .and_then(|query| query.strip_suffix(')'));
    let (selector, label) = inner
        .and_then(|inner| inner.rsplit_once(','))
        .with_context(|| format!("{place}: `{query}` is not label_values(METRIC, LABEL)"))?;
    Ok(Question {
        kind: Kind::Variable,
        place,
        expr: selector.trim().to_owned(),
        labels: BTreeSet::from([label.trim().to_owned()]),
        of_moments: false,
    })
}

/// What stands between each pair of these.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| Some(rest.split_once(close)?.0.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_of_legends_and_links_are_asked_for() {
        let dashboard = Parsed {
            file: "a.json".to_owned(),
            json: json!({
                "panels": [{
                    "title": "P",
                    "fieldConfig": { "defaults": { "links": [{ "url": "/d/x?a=${__field.labels.endpoint}&${job:queryparam}" }] } },
                    "targets": [{ "expr": "up", "legendFormat": "{{instance}} {{ job }}" }],
                }],
                "templating": { "list": [{ "name": "v", "query": { "query": "label_values(up{a=\"1,2\"}, job)" } }] },
                "annotations": { "list": [{ "name": "n", "expr": "up > 0", "titleFormat": "{{instance}}" }] },
            }),
        };
        let questions = all(&[dashboard]).unwrap();
        let labels = |index: usize| questions[index].labels.iter().cloned().collect::<Vec<_>>();
        assert_eq!(labels(0), ["endpoint", "instance", "job"]);
        assert_eq!(questions[1].kind, Kind::Variable);
        assert_eq!(questions[1].expr, "up{a=\"1,2\"}");
        assert_eq!(labels(1), ["job"]);
        assert!(questions[2].of_moments);
        assert_eq!(labels(2), ["instance"]);
    }

    #[test]
    fn a_tables_first_query_gives_its_labels() {
        let dashboard = Parsed {
            file: "a.json".to_owned(),
            json: json!({ "panels": [{
                "title": "T",
                "targets": [{ "expr": "a" }, { "expr": "b" }],
                "transformations": [{ "id": "organize", "options": {
                    "renameByName": { "instance": "Server", "Value #A": "One", "Value #B": "Two" }
                } }],
            }] }),
        };
        let questions = all(&[dashboard]).unwrap();
        assert_eq!(questions[0].labels, BTreeSet::from(["instance".to_owned()]));
        assert_eq!(questions[1].labels, BTreeSet::new());
    }

    #[test]
    fn another_sort_of_variable_is_an_error() {
        assert!(of_variable(Place::new("a.json", 0, "v"), "metrics(up)").is_err());
    }
}
