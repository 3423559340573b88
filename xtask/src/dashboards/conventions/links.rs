//! Links lead to dashboards that there are, with variables that they have.

use serde_json::Value;

use super::super::parsed::{Parsed, list, name_of, text};
use crate::alerts::finding::{Finding, Place, nearest};
use crate::alerts::grafana::interpolated;

pub(super) fn check(dashboard: &Parsed, all: &[Parsed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for link in list(&dashboard.json["links"]) {
        let place = dashboard.place(text(&link["title"]));
        match text(&link["type"]) {
            "dashboards" => by_tags(&place, dashboard, link, all, &mut findings),
            _ => by_url(&place, dashboard, text(&link["url"]), all, &mut findings),
        }
    }
    for panel in list(&dashboard.json["panels"]) {
        for panel in std::iter::once(panel).chain(list(&panel["panels"])) {
            let place = dashboard.place(name_of(panel));
            for url in urls(&panel["fieldConfig"])
                .into_iter()
                .chain(urls(&panel["links"]))
            {
                by_url(&place, dashboard, url, all, &mut findings);
            }
        }
    }
    findings
}

/// Every `url` below.
pub(in crate::dashboards) fn urls(json: &Value) -> Vec<&str> {
    match json {
        Value::Array(all) => all.iter().flat_map(urls).collect(),
        Value::Object(object) => {
            let own = object.get("url").and_then(Value::as_str);
            own.into_iter()
                .chain(object.values().flat_map(urls))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn by_tags(
    place: &Place,
    dashboard: &Parsed,
    link: &Value,
    all: &[Parsed],
    findings: &mut Vec<Finding>,
) {
    let tags = list(&link["tags"]);
    let has_them = |other: &&Parsed| {
        let others = list(&other.json["tags"]);
        other.uid() != dashboard.uid() && tags.iter().all(|tag| others.contains(tag))
    };
    if all.iter().filter(has_them).count() == 0 {
        let what = format!("no other dashboard has the tags {}", link["tags"]);
        findings.push(place.finding(what, "name the tags of one, or leave the link out"));
    }
}

fn by_url(
    place: &Place,
    dashboard: &Parsed,
    url: &str,
    all: &[Parsed],
    findings: &mut Vec<Finding>,
) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let uid = path.strip_prefix("/d/").map(|path| {
        let end = path.find('/').unwrap_or(path.len());
        &path[..end]
    });
    let Some(uid) = uid else {
        let what = format!("its link leads to no dashboard: {url}");
        findings.push(place.finding(what, "/d/UID?var-NAME=VALUE"));
        return;
    };
    let Some(target) = all.iter().find(|other| other.uid() == uid) else {
        let remedy = match nearest(uid, all.iter().map(Parsed::uid)) {
            Some(meant) => format!("did you mean /d/{meant}?"),
            None => "name the uid of one".to_owned(),
        };
        let what = format!("its link leads to the dashboard \"{uid}\", which is not there");
        findings.push(place.finding(what, remedy));
        return;
    };
    let mut given: Vec<String> = query
        .split('&')
        .filter_map(|part| part.strip_prefix("var-"))
        .filter_map(|part| Some(part.split_once('=')?.0.to_owned()))
        .collect();
    interpolated(query, |name| {
        if !name.starts_with("__") {
            if !dashboard.has_variable(name) {
                let what = format!("its link hands ${name} on, which is not there");
                findings.push(place.finding(what, "hand on a variable of this dashboard"));
            }
            given.push(name.to_owned());
        }
        String::new()
    });
    for name in given.iter().filter(|name| !target.has_variable(name)) {
        let what = format!("its link gives /d/{uid} the variable ${name}, which it does not have");
        findings.push(place.finding(what, "leave it out, or define it there"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{finds, found};

    fn set(d: &mut Value, url: &str) {
        d["panels"][1]["fieldConfig"]["defaults"]["links"][0]["url"] = json!(url);
    }

    #[test]
    fn each_mistake_is_found() {
        finds("the dashboard \"bb\", which is not there", |d| {
            set(d, "/d/bb/x?var-job=1");
        });
        finds("leads to no dashboard: https://example.org", |d| {
            set(d, "https://example.org");
        });
        finds("the variable $zone, which it does not have", |d| {
            set(d, "/d/b?var-zone=1");
        });
        assert_eq!(found(|d| set(d, "/d/b?${zone:queryparam}")).len(), 2);
        finds("no other dashboard has the tags [\"u\"]", |d| {
            d["links"][0]["tags"] = json!(["u"]);
        });
        finds("the dashboard \"c\"", |d| {
            d["links"][0] = json!({ "type": "link", "url": "/d/c" });
        });
    }

    #[test]
    fn a_column_has_links_too() {
        finds("the dashboard \"c\"", |d| {
            let link = json!({ "id": "links", "value": [{ "url": "/d/c" }] });
            d["panels"][1]["fieldConfig"]["overrides"] = json!([{ "properties": [link] }]);
        });
    }
}
