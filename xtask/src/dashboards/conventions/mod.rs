//! What a dashboard must be, whoever wrote it: looked at in the JSON alone.

mod grid;
mod links;
mod look;
mod provisioning;
mod queries;
mod thresholds;
mod variables;
mod whole;

pub(super) use self::links::urls as links_in;

use anyhow::Result;

use super::parsed::Parsed;
use crate::alerts::finding::Finding;
use crate::alerts::kit::Kit;

/// Everything that is wrong.
pub(crate) fn check(dashboards: &[Parsed], kit: &Kit) -> Result<Vec<Finding>> {
    let mut findings = provisioning::check(kit)?;
    findings.extend(whole::unique(dashboards));
    for dashboard in dashboards {
        findings.extend(whole::check(dashboard));
        findings.extend(look::check(dashboard));
        findings.extend(grid::check(dashboard));
        findings.extend(queries::check(dashboard));
        findings.extend(variables::check(dashboard));
        findings.extend(links::check(dashboard, dashboards));
        findings.extend(thresholds::check(dashboard, &kit.rules));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::alerts::rules::RuleFile;

    const RULES: &str = r#"
groups:
  - name: g
    rules:
      - record: job:http_requests:rate5m
        expr: sum by (job) (rate(http_requests_total[5m]))
      - alert: TalliedHighCpu
        expr: rate(process_cpu_seconds_total[5m]) > 0.8
"#;

    fn panel(id: u64, x: u64) -> Value {
        let datasource = json!({ "type": "prometheus", "uid": "prometheus" });
        json!({
            "id": id,
            "type": "timeseries",
            "title": format!("Panel {id}"),
            "description": "TalliedHighCpu fires above it; recorded over 5m.",
            "datasource": datasource,
            "gridPos": { "h": 8, "w": 12, "x": x, "y": 1 },
            "fieldConfig": {
                "defaults": {
                    "unit": "short",
                    "noValue": "none",
                    "links": [{ "title": "t", "url": "/d/b?var-job=x&${job:queryparam}&${__url_time_range}" }],
                    "thresholds": { "steps": [{ "value": null }, { "value": 0.8 }] },
                },
                "overrides": [],
            },
            "options": { "legend": { "showLegend": true } },
            "targets": [
                { "refId": "A", "legendFormat": "a", "datasource": datasource,
                  "expr": "rate(process_cpu_seconds_total{job=\"$job\"}[$__rate_interval])" },
                { "refId": "B", "legendFormat": "b", "datasource": datasource,
                  "expr": "job:http_requests:rate5m{job=~\"${job}\"}" },
            ],
        })
    }

    /// Two that lead to each other, with nothing wrong.
    pub(super) fn sound() -> Vec<Parsed> {
        let of = |uid: &str| {
            json!({
                "uid": uid,
                "title": format!("Dashboard {uid}"),
                "description": "d",
                "editable": false,
                "schemaVersion": 42,
                "refresh": "30s",
                "tags": ["t"],
                "links": [{ "type": "dashboards", "tags": ["t"] }],
                "annotations": { "list": [] },
                "templating": { "list": [{
                    "name": "job", "label": "Job", "type": "query", "refresh": 2,
                    "datasource": { "uid": "prometheus" },
                    "definition": "label_values(up, job)",
                    "query": { "query": "label_values(up, job)" },
                }] },
                "panels": [
                    { "id": 1, "type": "row", "title": "Row", "collapsed": false, "panels": [],
                      "gridPos": { "h": 1, "w": 24, "x": 0, "y": 0 } },
                    panel(2, 0),
                    panel(3, 12),
                    { "id": 4, "type": "row", "title": "Closed", "collapsed": true,
                      "gridPos": { "h": 1, "w": 24, "x": 0, "y": 9 },
                      "panels": [{
                          "id": 5, "type": "heatmap", "title": "Heat", "description": "d",
                          "datasource": { "uid": "prometheus" },
                          "gridPos": { "h": 8, "w": 24, "x": 0, "y": 10 },
                          "fieldConfig": { "defaults": { "unit": "s", "noValue": "none" }, "overrides": [] },
                          "options": { "calculate": false, "yAxis": { "unit": "s" }, "legend": { "show": true } },
                          "targets": [{ "refId": "A", "format": "heatmap", "legendFormat": "{{le}}",
                              "datasource": { "uid": "prometheus" },
                              "expr": "sum by (le) (rate(t_bucket[$__rate_interval]))" }],
                      }] },
                ],
            })
        };
        ["a", "b"]
            .map(|uid| Parsed {
                file: format!("{uid}.json"),
                json: of(uid),
            })
            .into()
    }

    pub(super) fn rules() -> Vec<RuleFile> {
        vec![RuleFile::parse("a.yml", "a.yml", RULES).unwrap()]
    }

    /// What is found in the first of the two when `spoil` has changed it.
    pub(super) fn found(spoil: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut dashboards = sound();
        spoil(&mut dashboards[0].json);
        let mut findings = whole::unique(&dashboards);
        let first = &dashboards[0];
        findings.extend(whole::check(first));
        findings.extend(look::check(first));
        findings.extend(grid::check(first));
        findings.extend(queries::check(first));
        findings.extend(variables::check(first));
        findings.extend(links::check(first, &dashboards));
        findings.extend(thresholds::check(first, &rules()));
        findings.iter().map(ToString::to_string).collect()
    }

    /// Exactly one thing is found, and it says this.
    #[track_caller]
    pub(super) fn finds(says: &str, spoil: impl FnOnce(&mut Value)) {
        let found = found(spoil);
        assert!(
            found.len() == 1 && found[0].contains(says),
            "expected one finding with `{says}`: {found:#?}"
        );
    }

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        assert_eq!(found(|_| {}), [""; 0]);
    }
}
