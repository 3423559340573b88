//! Every variable that is used is there, every one that is there is used, and has what a person sees.

use std::collections::BTreeSet;

use super::super::parsed::{Parsed, text, variables_in};
use crate::alerts::finding::{Finding, nearest};

const ON_TIME_RANGE_CHANGED: u64 = 2;

pub(super) fn check(dashboard: &Parsed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: Vec<&str> = dashboard
        .variables()
        .iter()
        .map(|variable| text(&variable["name"]))
        .collect();
    let mut used = BTreeSet::new();
    for asked in dashboard
        .exprs()
        .into_iter()
        .chain(dashboard.variable_queries())
    {
        for name in variables_in(asked.text) {
            if !names.contains(&name.as_str()) {
                let remedy = match nearest(&name, names.iter().copied()) {
                    Some(meant) => format!("did you mean ${meant}?"),
                    None => "define it under templating".to_owned(),
                };
                let what = format!("there is no variable ${name}");
                findings.push(asked.place.finding(what, remedy));
            }
            used.insert(name);
        }
    }
    for variable in dashboard.variables() {
        let name = text(&variable["name"]);
        let mut note = |what: &str, remedy: &str| {
            findings.push(dashboard.place(name).finding(what, remedy));
        };
        if !used.contains(name) {
            note("no query uses it", "use it, or leave it out");
        }
        if text(&variable["label"]).is_empty() {
            note("it has no label", "give it one that a person reads");
        }
        if variable["definition"] != variable["query"]["query"] {
            note(
                "its definition is not its query",
                "write the same into both",
            );
        }
        if variable["refresh"].as_u64() != Some(ON_TIME_RANGE_CHANGED) {
            note(
                "its values are not those of the time range",
                "\"refresh\": 2",
            );
        }
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        let finding = dashboard.place("");
        findings.push(finding.finding("two variables have one name", "rename one"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::finds;

    #[test]
    fn each_mistake_is_found() {
        finds(
            "Panel 2: there is no variable $jobs: did you mean $job?",
            |d| {
                d["panels"][1]["targets"][0]["expr"] =
                    json!("rate(x{job=\"$jobs\"}[$__rate_interval])");
            },
        );
        finds("Heat: there is no variable $zone: define it", |d| {
            d["panels"][3]["panels"][0]["targets"][0]["expr"] =
                json!("t_bucket{zone=\"[[zone]]\"}");
        });
        finds("a.json: n: there is no variable $zone", |d| {
            d["annotations"]["list"] = json!([{ "name": "n", "expr": "up{zone=\"$zone\"}", "datasource": { "uid": "prometheus" } }]);
        });
        finds("a.json: instance: no query uses it", |d| {
            let mut other = d["templating"]["list"][0].clone();
            other["name"] = json!("instance");
            d["templating"]["list"].as_array_mut().unwrap().push(other);
        });
        finds("two variables have one name", |d| {
            let other = d["templating"]["list"][0].clone();
            d["templating"]["list"].as_array_mut().unwrap().push(other);
        });
        finds("it has no label", |d| {
            d["templating"]["list"][0]["label"] = json!("");
        });
        finds("is not its query", |d| {
            d["templating"]["list"][0]["definition"] = json!("label_values(up, instance)");
        });
        finds("those of the time range", |d| {
            d["templating"]["list"][0]["refresh"] = json!(1);
        });
    }
}
