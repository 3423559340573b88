//! A panel: what it shows, in which form, and how it looks.

mod kinds;
mod table;

use serde_json::{Map, Value, json};

use super::query::Form;
use super::{GRAFANA_VERSION, color, datasource};

#[derive(Debug)]
pub(crate) struct Panel {
    id: u32,
    kind: &'static str,
    form: Form,
    title: &'static str,
    description: &'static str,
    /// Of each field, but for what an override says.
    defaults: Map<String, Value>,
    /// … and what only this kind of panel knows.
    custom: Map<String, Value>,
    overrides: Vec<Value>,
    options: Map<String, Value>,
    targets: Vec<Value>,
    /// Of a table.
    columns: Vec<table::Column>,
}

impl Panel {
    fn new(
        id: u32,
        (kind, form): (&'static str, Form),
        title: &'static str,
        description: &'static str,
        custom: Value,
        options: Value,
    ) -> Self {
        Self {
            id,
            kind,
            form,
            title,
            description,
            defaults: object(json!({
                "color": { "mode": "palette-classic" },
                "mappings": [],
                "thresholds": thresholds(color::TEXT, &[]),
            })),
            custom: object(custom),
            overrides: Vec::new(),
            options: object(options),
            targets: Vec::new(),
            columns: Vec::new(),
        }
    }

    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.set_default("unit", unit.into());
        self
    }

    /// `legend` may name labels: `{{endpoint}}`.
    pub(crate) fn query(mut self, legend: &str, expr: &str) -> Self {
        let target = self.form.target(self.targets.len(), legend, expr);
        self.targets.push(target);
        self
    }

    /// A link from each series.
    pub(crate) fn link(mut self, link: &Value) -> Self {
        self.set_default("links", json!([link]));
        self
    }

    /// The colour below all steps, and those from each value on.
    pub(crate) fn thresholds(mut self, base: &str, steps: &[(f64, &str)]) -> Self {
        self.set_default("thresholds", thresholds(base, steps));
        self
    }

    /// Of lines: one at each value, above which an alert fires.
    pub(crate) fn limits(self, steps: &[(f64, &str)]) -> Self {
        let mut panel = self.thresholds("transparent", steps);
        let style = json!({ "mode": "dashed" });
        panel.custom.insert("thresholdsStyle".to_owned(), style);
        panel
    }

    /// What stands for a value, and its colour.
    pub(crate) fn mappings(mut self, values: &[(&str, &str, &str)]) -> Self {
        let mut options = Map::new();
        for (index, (value, text, color)) in values.iter().enumerate() {
            let result = json!({ "color": color, "index": index, "text": text });
            options.insert((*value).to_owned(), result);
        }
        self.set_default("mappings", json!([{ "options": options, "type": "value" }]));
        self
    }

    /// What stands where there is nothing, or no number: not an error, but what it means.
    pub(crate) fn no_value(mut self, text: &str) -> Self {
        self.set_default("noValue", text.into());
        if self.kind == "stat" {
            let nothing = json!({
                "options": { "match": "null+nan", "result": { "color": color::TEXT, "text": text } },
                "type": "special",
            });
            if let Some(Value::Array(mappings)) = self.defaults.get_mut("mappings") {
                mappings.push(nothing);
            }
        }
        self
    }

    /// Of a stat: the name of each number beside it.
    pub(crate) fn with_names(mut self) -> Self {
        self.options
            .insert("textMode".to_owned(), "value_and_name".into());
        self
    }

    /// The legend as a table with the last and the largest value, the largest series first.
    pub(crate) fn table_legend(mut self) -> Self {
        let legend = json!({
            "calcs": ["lastNotNull", "max"],
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": true,
            "sortBy": "Last *",
            "sortDesc": true,
        });
        self.options.insert("legend".to_owned(), legend);
        self
    }

    /// One on top of the other: together they are the whole.
    pub(crate) fn stacked(mut self) -> Self {
        let stacking = json!({ "group": "A", "mode": "normal" });
        self.custom.insert("stacking".to_owned(), stacking);
        self.custom.insert("fillOpacity".to_owned(), json!(40));
        self
    }

    /// The series whose name matches have this colour.
    pub(crate) fn color_of(mut self, regex: &str, color: &str) -> Self {
        let value = json!({ "fixedColor": color, "mode": "fixed" });
        self.overrides.push(json!({
            "matcher": { "id": "byRegexp", "options": regex },
            "properties": [{ "id": "color", "value": value }],
        }));
        self
    }

    /// … are a dashed line: not measured, but what is compared with.
    pub(crate) fn dashed(mut self, regex: &str, color: &str) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byRegexp", "options": regex },
            "properties": [
                { "id": "color", "value": { "fixedColor": color, "mode": "fixed" } },
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "custom.lineStyle", "value": { "dash": [10, 10], "fill": "dash" } },
            ],
        }));
        self
    }

    /// What differs of the column, or the series, of this name.
    fn set_of(mut self, name: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Vec<Value> = properties
            .iter()
            .map(|(id, value)| json!({ "id": id, "value": value }))
            .collect();
        self.overrides.push(json!({
            "matcher": { "id": "byName", "options": name },
            "properties": properties,
        }));
        self
    }

    pub(super) fn json(&self, place: &Value) -> Value {
        let mut defaults = self.defaults.clone();
        if !self.custom.is_empty() {
            defaults.insert("custom".to_owned(), self.custom.clone().into());
        }
        let mut json = json!({
            "datasource": datasource(),
            "description": self.description,
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides },
            "gridPos": place,
            "id": self.id,
            "options": self.options,
            "pluginVersion": GRAFANA_VERSION,
            "targets": self.targets,
            "title": self.title,
            "type": self.kind,
        });
        if !self.columns.is_empty() {
            json["transformations"] = self.transformations();
        }
        json
    }

    fn set_default(&mut self, key: &str, value: Value) {
        self.defaults.insert(key.to_owned(), value);
    }
}

/// # Panics
/// When it is none.
fn object(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

fn thresholds(base: &str, steps: &[(f64, &str)]) -> Value {
    let base = [json!({ "color": base, "value": null })];
    let steps = steps
        .iter()
        .map(|(value, color)| json!({ "color": color, "value": value }));
    let steps: Vec<Value> = base.into_iter().chain(steps).collect();
    json!({ "mode": "absolute", "steps": steps })
}
