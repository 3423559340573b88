//! A dashboard as a whole.

use serde_json::{Value, json};

use super::{Section, Variable, datasource, layout};

/// What Grafana 12.4 and 13 write; older ones change it when they read it.
const SCHEMA_VERSION: u32 = 42;

/// All dashboards with it link to each other.
const TAG: &str = "tallied";

#[derive(Debug)]
pub(crate) struct Dashboard {
    /// In its address, and the name of its file.
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) variables: Vec<Variable>,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) sections: Vec<Section>,
}

/// Lines over all graphs at the times when a query gives something.
#[derive(Debug)]
pub(crate) struct Annotation {
    pub(crate) name: &'static str,
    pub(crate) color: &'static str,
    pub(crate) expr: &'static str,
    pub(crate) title: &'static str,
}

impl Dashboard {
    pub(crate) fn file_name(&self) -> String {
        format!("{}.json", self.uid)
    }

    /// The file: keys in order, two spaces, a newline at the end.
    pub(crate) fn text(&self) -> String {
        format!("{:#}\n", self.json())
    }

    fn json(&self) -> Value {
        const SHARED_CROSSHAIR: u32 = 1;
        let annotations: Vec<Value> = self.annotations.iter().map(Annotation::json).collect();
        let variables: Vec<Value> = self.variables.iter().map(Variable::json).collect();
        json!({
            "annotations": { "list": annotations },
            "description": self.description,
            "editable": false,
            "fiscalYearStartMonth": 0,
            "graphTooltip": SHARED_CROSSHAIR,
            "id": null,
            "links": [{
                "asDropdown": false,
                "icon": "external link",
                "includeVars": true,
                "keepTime": true,
                "tags": [TAG],
                "targetBlank": false,
                "title": "Tallied",
                "tooltip": "The other dashboards, with the same servers and time range",
                "type": "dashboards",
                "url": "",
            }],
            "panels": layout::placed(&self.sections),
            "preload": false,
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG, "prometheus"],
            "templating": { "list": variables },
            "time": { "from": "now-1h", "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        })
    }
}

impl Annotation {
    fn json(&self) -> Value {
        json!({
            "datasource": datasource(),
            "enable": true,
            "expr": self.expr,
            "hide": false,
            "iconColor": self.color,
            "name": self.name,
            "titleFormat": self.title,
        })
    }
}
