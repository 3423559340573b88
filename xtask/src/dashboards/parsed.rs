//! A dashboard as its file has it: whoever wrote it, a person, Grafana or the code here.

use anyhow::{Context, Result};
use serde_json::Value;

use super::files::Files;
use crate::alerts::finding::Place;
use crate::alerts::grafana::interpolated;

#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) file: String,
    pub(crate) json: Value,
}

/// A panel that shows something: no row.
#[derive(Debug, Clone)]
pub(crate) struct Shown<'a> {
    pub(crate) place: Place,
    pub(crate) json: &'a Value,
}

/// A query of a panel, a variable or an annotation, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) place: Place,
    pub(crate) text: &'a str,
}

impl Parsed {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self> {
        let json = serde_json::from_str(text).with_context(|| format!("{file} is no JSON"))?;
        Ok(Self {
            file: file.to_owned(),
            json,
        })
    }

    pub(crate) fn place(&self, name: &str) -> Place {
        Place::new(&self.file, 0, name)
    }

    pub(crate) fn uid(&self) -> &str {
        text(&self.json["uid"])
    }

    /// All panels, those inside of rows too.
    pub(crate) fn panels(&self) -> Vec<Shown<'_>> {
        let mut panels = Vec::new();
        for panel in list(&self.json["panels"]) {
            let inside = list(&panel["panels"]);
            let alone = (!is_row(panel)).then_some(panel);
            for json in alone.into_iter().chain(inside) {
                panels.push(Shown {
                    place: self.place(name_of(json)),
                    json,
                });
            }
        }
        panels
    }

    pub(crate) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.variables()
            .iter()
            .any(|variable| variable["name"] == name)
    }

    pub(crate) fn annotations(&self) -> &[Value] {
        list(&self.json["annotations"]["list"])
    }

    /// The PromQL of the panels and the annotations.
    pub(crate) fn exprs(&self) -> Vec<Asked<'_>> {
        let mut asked = Vec::new();
        for panel in self.panels() {
            for target in list(&panel.json["targets"]) {
                asked.push(Asked {
                    place: panel.place.clone(),
                    text: text(&target["expr"]),
                });
            }
        }
        for annotation in self.annotations() {
            // One that Grafana brings along asks nothing of Prometheus.
            if annotation["builtIn"].is_null() {
                asked.push(Asked {
                    place: self.place(text(&annotation["name"])),
                    text: text(&annotation["expr"]),
                });
            }
        }
        asked
    }

    /// `label_values(metric, label)`, by the variable's name.
    pub(crate) fn variable_queries(&self) -> Vec<Asked<'_>> {
        let asked = self.variables().iter().map(|variable| Asked {
            place: self.place(text(&variable["name"])),
            text: text(&variable["query"]["query"]),
        });
        asked.collect()
    }
}

/// All of these files; `shown` is their folder.
pub(crate) fn all(shown: &str, files: &Files) -> Result<Vec<Parsed>> {
    files
        .iter()
        .map(|(name, text)| Parsed::parse(&format!("{shown}/{name}"), text))
        .collect()
}

/// The names of the variables in a text, without Grafana's own, which begin with `__`.
pub(crate) fn variables_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    interpolated(text, |name| {
        let of_a_person = !name.starts_with("__");
        if of_a_person {
            names.push(name.to_owned());
        }
        String::new()
    });
    names
}

pub(crate) fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

/// What it is called.
pub(crate) fn name_of(panel: &Value) -> &str {
    match text(&panel["title"]) {
        "" => "a panel without a title",
        title => title,
    }
}

pub(crate) fn list(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(json: &Value) -> &str {
    json.as_str().unwrap_or_default()
}
