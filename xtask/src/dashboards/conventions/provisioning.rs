//! The datasource that the dashboards name is the one that is provisioned, and it knows how often Prometheus scrapes.

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::model::DATASOURCE_UID;
use crate::alerts::finding::{Finding, Place};
use crate::alerts::kit::Kit;
use crate::alerts::yaml;

const DATASOURCE: &str = "grafana/provisioning/datasources/prometheus.yaml";
const PROMETHEUS: &str = "prometheus/prometheus.yml";

pub(super) fn check(kit: &Kit) -> Result<Vec<Finding>> {
    let read = |name: &str| -> Result<Value> {
        yaml::parse(name, &yaml::read_text(&kit.folder.join(name))?)
    };
    of(&kit.shown, &read(DATASOURCE)?, &read(PROMETHEUS)?)
}

fn of(shown: &str, provisioned: &Value, prometheus: &Value) -> Result<Vec<Finding>> {
    let place = Place::new(&format!("{shown}/{DATASOURCE}"), 0, "");
    let sources = provisioned["datasources"]
        .as_array()
        .context("no datasource is provisioned")?;
    let Some(source) = sources
        .iter()
        .find(|source| source["uid"] == DATASOURCE_UID)
    else {
        let what =
            format!("no datasource has the uid \"{DATASOURCE_UID}\", which the dashboards name");
        return Ok(vec![place.finding(what, format!("uid: {DATASOURCE_UID}"))]);
    };
    let mut findings = Vec::new();
    let (told, scraped) = (
        &source["jsonData"]["timeInterval"],
        &prometheus["global"]["scrape_interval"],
    );
    if told != scraped {
        let what = format!(
            "its timeInterval is {told}, and the scrape_interval in {PROMETHEUS} is {scraped}"
        );
        let remedy = "write the same: $__rate_interval is made of it";
        findings.push(place.finding(what, remedy));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_mistake_is_found() {
        let source = |uid: &str| json!({ "datasources": [{ "uid": uid, "jsonData": { "timeInterval": "15s" } }] });
        let prometheus = |interval: &str| json!({ "global": { "scrape_interval": interval } });
        let found = |uid, interval| of("deploy", &source(uid), &prometheus(interval)).unwrap();
        assert_eq!(found("prometheus", "15s"), []);
        let said = found("prometheus", "30s")[0].to_string();
        assert!(said.contains("its timeInterval is \"15s\""), "{said}");
        let said = found("other", "15s")[0].to_string();
        assert!(said.contains("no datasource has the uid"), "{said}");
    }
}
