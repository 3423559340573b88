//! A dashboard as a whole: its name, its numbers, and that nobody edits it in the browser.

use std::collections::{BTreeMap, BTreeSet};

use super::super::parsed::{Parsed, list, name_of, text};
use crate::alerts::finding::Finding;

/// The oldest that is not changed when Grafana 12.4 reads it.
const SCHEMA_VERSION: u64 = 42;

/// No two have one uid: the second would take the place of the first.
pub(super) fn unique(dashboards: &[Parsed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    for dashboard in dashboards {
        if let Some(first) = seen.insert(dashboard.uid(), &dashboard.file) {
            let what = format!("its uid \"{}\" is that of {first}, too", dashboard.uid());
            findings.push(dashboard.place("").finding(what, "give it another one"));
        }
    }
    findings
}

pub(super) fn check(dashboard: &Parsed) -> Vec<Finding> {
    let json = &dashboard.json;
    let mut findings = Vec::new();
    let mut note = |what: String, remedy: &str| {
        findings.push(dashboard.place("").finding(what, remedy));
    };
    for key in ["uid", "title", "description", "refresh"] {
        if text(&json[key]).is_empty() {
            note(format!("it has no {key}"), "give it one");
        }
    }
    if json["editable"] != false {
        note(
            "it can be edited in the browser, where changes are lost".to_owned(),
            "\"editable\": false",
        );
    }
    if json["schemaVersion"].as_u64() < Some(SCHEMA_VERSION) {
        note(
            format!(
                "its schemaVersion is {}, and Grafana changes it on every read",
                json["schemaVersion"]
            ),
            "write what Grafana 12 exports",
        );
    }
    if list(&json["tags"]).is_empty() {
        note("it has no tags".to_owned(), "give it some, to be found by");
    }
    let rows = list(&json["panels"])
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])));
    let mut ids = BTreeSet::new();
    for panel in rows {
        let Some(id) = panel["id"].as_u64() else {
            let finding = dashboard.place(name_of(panel));
            findings.push(finding.finding("it has no id", "give it one, and keep it"));
            continue;
        };
        if !ids.insert(id) {
            let finding = dashboard.place(name_of(panel));
            let what = format!("its id {id} is another panel's, too");
            findings.push(finding.finding(what, "give it one of its own, and keep it"));
        }
        if name_of(panel) != text(&panel["title"]) {
            let what = format!("the panel {id} has no title");
            findings.push(dashboard.place("").finding(what, "give it one"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{finds, sound};

    #[test]
    fn each_mistake_is_found() {
        finds("it has no description", |d| d["description"] = json!(""));
        finds("it has no refresh", |d| d["refresh"] = json!(null));
        finds("it can be edited", |d| d["editable"] = json!(true));
        finds("its schemaVersion is 39", |d| {
            d["schemaVersion"] = json!(39);
        });
        finds("its schemaVersion is null", |d| {
            d["schemaVersion"] = json!(null);
        });
        finds("a.json: Panel 3: its id 2 is another", |d| {
            d["panels"][2]["id"] = json!(2);
        });
        finds("a.json: Heat: its id 2 is another", |d| {
            d["panels"][3]["panels"][0]["id"] = json!(2);
        });
        finds("Row: it has no id", |d| d["panels"][0]["id"] = json!(null));
        finds("the panel 2 has no title", |d| {
            d["panels"][1]["title"] = json!("");
        });
    }

    #[test]
    fn tags_lead_to_the_others_and_are_missed() {
        finds("it has no tags", |d| {
            d["tags"] = json!([]);
            d["links"] = json!([]);
        });
    }

    #[test]
    fn two_with_one_uid_are_found() {
        let mut dashboards = sound();
        dashboards[1].json["uid"] = json!("a");
        let found = super::unique(&dashboards);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0]
                .to_string()
                .starts_with("b.json: its uid \"a\" is that of a.json")
        );
    }
}
