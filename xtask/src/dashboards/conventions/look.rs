//! What a person needs to read a panel: what it is, in which unit, which series is which, and what it means that there is
//! nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::model::DATASOURCE_UID;
use super::super::parsed::{Parsed, list, text};
use crate::alerts::finding::{Finding, Place};

pub(super) fn check(dashboard: &Parsed) -> Vec<Finding> {
    let mut findings = Vec::new();
    for panel in dashboard.panels() {
        of_panel(&panel.place, panel.json, &mut findings);
    }
    for others in [dashboard.variables(), dashboard.annotations()] {
        for one in others.iter().filter(|one| one["builtIn"].is_null()) {
            let place = dashboard.place(text(&one["name"]));
            datasource(&place, one, &mut findings);
        }
    }
    findings
}

fn of_panel(place: &Place, panel: &Value, findings: &mut Vec<Finding>) {
    let defaults = &panel["fieldConfig"]["defaults"];
    let mut note = |what: String, remedy: &str| findings.push(place.finding(what, remedy));
    if text(&panel["description"]).is_empty() {
        note(
            "it has no description".to_owned(),
            "say what it shows, and what is usual",
        );
    }
    if text(&defaults["unit"]).is_empty() {
        note("it has no unit".to_owned(), "name one; `none` is one, too");
    }
    if text(&defaults["noValue"]).is_empty() {
        note(
            "it does not say what it means that there is nothing".to_owned(),
            "set noValue",
        );
    }
    let kind = text(&panel["type"]);
    let options = &panel["options"];
    if matches!(kind, "timeseries" | "state-timeline") && options["legend"]["showLegend"] != true {
        note("its series have no legend".to_owned(), "show it");
    }
    if kind == "heatmap" {
        if options["calculate"] != false {
            note(
                "it sorts the counts of buckets into buckets of its own".to_owned(),
                "\"calculate\": false",
            );
        }
        if text(&options["yAxis"]["unit"]).is_empty() {
            note("its bounds have no unit".to_owned(), "set yAxis.unit");
        }
    }
    datasource(place, panel, findings);
    let targets = list(&panel["targets"]);
    if targets.is_empty() {
        findings.push(place.finding("it asks nothing", "give it a query, or leave it out"));
    }
    let mut ids = BTreeSet::new();
    for target in targets {
        of_target(place, kind, target, findings);
        let id = text(&target["refId"]);
        if id.is_empty() || !ids.insert(id) {
            let what = format!("two of its queries have the refId \"{id}\"");
            findings.push(place.finding(what, "A, B, C: each its own"));
        }
    }
    if kind == "table" {
        columns(place, panel, &ids, findings);
    }
}

fn of_target(place: &Place, kind: &str, target: &Value, findings: &mut Vec<Finding>) {
    let id = text(&target["refId"]);
    datasource(place, target, findings);
    let legend = text(&target["legendFormat"]);
    if legend.is_empty() || legend == "__auto" {
        let what = format!("the series of its query {id} have no names");
        findings.push(place.finding(what, "set legendFormat"));
    }
    let format = text(&target["format"]);
    let expected = match kind {
        "heatmap" => "heatmap",
        "table" => "table",
        _ => "time_series",
    };
    if format != expected && !(format.is_empty() && expected == "time_series") {
        let what = format!("a {kind} cannot show the format \"{format}\" of its query {id}");
        findings.push(place.finding(what, format!("\"format\": \"{expected}\"")));
    }
    if kind == "heatmap" && legend != "{{le}}" {
        let what = format!("the rows of its query {id} are named \"{legend}\", not by their bound");
        findings.push(place.finding(what, "\"legendFormat\": \"{{le}}\""));
    }
    let of_now = matches!(kind, "stat" | "table");
    if of_now && target["instant"] != true {
        let what = format!(
            "its query {id} takes the last value of the range, which may be long gone: it is of now"
        );
        findings.push(place.finding(what, "\"instant\": true, \"range\": false"));
    }
}

/// The columns that a table names are those that its queries give.
fn columns(place: &Place, panel: &Value, ids: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    let organize = list(&panel["transformations"])
        .iter()
        .find(|transformation| transformation["id"] == "organize");
    let titles = organize.and_then(|organize| organize["options"]["renameByName"].as_object());
    let Some(titles) = titles else {
        findings.push(place.finding("its columns have no titles", "organize them"));
        return;
    };
    for name in titles.keys() {
        let of_query = name.strip_prefix("Value #");
        let is_there = match of_query {
            Some(id) => ids.len() > 1 && ids.contains(id),
            None => name != "Value" || ids.len() == 1,
        };
        if !is_there {
            let what = format!("no query gives its column \"{name}\"");
            let remedy = "it is `Value #A` with several queries, and `Value` with one";
            findings.push(place.finding(what, remedy));
        }
    }
    let known: BTreeSet<&str> = titles.values().map(text).collect();
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    let by_name = overrides.filter(|one| one["matcher"]["id"] == "byName");
    let named = by_name.map(|one| text(&one["matcher"]["options"]));
    let sorted = list(&panel["options"]["sortBy"])
        .iter()
        .map(|one| text(&one["displayName"]));
    for title in named.chain(sorted).filter(|title| !known.contains(title)) {
        let what = format!("it says how \"{title}\" looks, and has no such column");
        findings.push(place.finding(what, "name a column by its title"));
    }
}

fn datasource(place: &Place, json: &Value, findings: &mut Vec<Finding>) {
    if json["datasource"]["uid"] != DATASOURCE_UID {
        let what = format!("its datasource is {}", json["datasource"]["uid"]);
        findings.push(place.finding(what, format!("\"uid\": \"{DATASOURCE_UID}\"")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{finds, found};

    const PANEL: usize = 1;

    fn heat(d: &mut Value) -> &mut Value {
        &mut d["panels"][3]["panels"][0]
    }

    #[test]
    fn what_a_person_would_miss_is_found() {
        finds("Panel 2 (5m): it has no description", |d| {
            let panel = &mut d["panels"][PANEL];
            panel["description"] = json!("");
            // Whose alert it named, and whose window.
            panel["fieldConfig"]["defaults"]["thresholds"] = json!(null);
            panel["title"] = json!("Panel 2 (5m)");
        });
        finds("it has no unit", |d| {
            d["panels"][PANEL]["fieldConfig"]["defaults"]["unit"] = json!("");
        });
        finds("that there is nothing", |d| {
            d["panels"][PANEL]["fieldConfig"]["defaults"]["noValue"] = json!(null);
        });
        finds("its series have no legend", |d| {
            d["panels"][PANEL]["options"]["legend"]["showLegend"] = json!(false);
        });
        finds("query B have no names", |d| {
            d["panels"][PANEL]["targets"][1]["legendFormat"] = json!("__auto");
        });
        finds("the refId \"A\"", |d| {
            d["panels"][PANEL]["targets"][1]["refId"] = json!("A");
        });
        finds("cannot show the format \"table\"", |d| {
            d["panels"][PANEL]["targets"][1]["format"] = json!("table");
        });
    }

    #[test]
    fn a_panel_without_queries_is_found() {
        finds("it asks nothing", |d| heat(d)["targets"] = json!([]));
    }

    #[test]
    fn another_datasource_is_found_wherever_it_is() {
        let other = json!({ "uid": "other" });
        finds("Panel 2: its datasource is \"other\"", |d| {
            d["panels"][PANEL]["datasource"] = other.clone();
        });
        finds("Panel 2: its datasource is \"other\"", |d| {
            d["panels"][PANEL]["targets"][0]["datasource"] = other.clone();
        });
        finds("a.json: job: its datasource is \"other\"", |d| {
            d["templating"]["list"][0]["datasource"] = other.clone();
        });
        finds("its datasource is null", |d| {
            d["annotations"]["list"] = json!([{ "name": "n", "expr": "up" }]);
        });
        assert_eq!(
            found(|d| d["annotations"]["list"] = json!([{ "name": "n", "builtIn": 1 }])),
            [""; 0]
        );
    }

    #[test]
    fn a_heatmap_shows_the_buckets_that_there_are() {
        finds("buckets of its own", |d| {
            heat(d)["options"]["calculate"] = json!(true);
        });
        finds("its bounds have no unit", |d| {
            heat(d)["options"]["yAxis"] = json!(null);
        });
        finds("not by their bound", |d| {
            heat(d)["targets"][0]["legendFormat"] = json!("{{endpoint}}");
        });
        finds("cannot show the format \"\"", |d| {
            heat(d)["targets"][0]["format"] = json!(null);
        });
    }

    /// With two queries, both for now.
    fn table(d: &mut Value) -> &mut Value {
        let panel = &mut d["panels"][PANEL];
        panel["type"] = json!("table");
        for target in panel["targets"].as_array_mut().unwrap() {
            target["format"] = json!("table");
            target["instant"] = json!(true);
        }
        panel["transformations"] = json!([{
            "id": "organize",
            "options": { "renameByName": { "job": "Job", "Value #A": "One", "Value #B": "Two" } },
        }]);
        panel["options"]["sortBy"] = json!([{ "displayName": "Two" }]);
        panel
    }

    #[test]
    fn a_tables_columns_are_those_of_its_queries() {
        assert_eq!(found(|d| _ = table(d)), [""; 0]);
        finds("no query gives its column \"Value #C\"", |d| {
            table(d)["transformations"][0]["options"]["renameByName"]["Value #C"] = json!("Three");
        });
        finds("no query gives its column \"Value\"", |d| {
            table(d)["transformations"][0]["options"]["renameByName"]["Value"] = json!("Three");
        });
        finds("how \"Tow\" looks", |d| {
            table(d)["options"]["sortBy"][0]["displayName"] = json!("Tow");
        });
        finds("how \"Tow\" looks", |d| {
            table(d)["fieldConfig"]["overrides"] =
                json!([{ "matcher": { "id": "byName", "options": "Tow" } }]);
        });
        finds("its columns have no titles", |d| {
            table(d)["transformations"] = json!([]);
        });
        finds("long gone", |d| {
            table(d)["targets"][0]["instant"] = json!(false);
        });
    }
}
