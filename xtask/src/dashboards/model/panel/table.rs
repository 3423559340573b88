//! A table: its columns, in their order, and what each looks like.

use serde_json::{Map, Value, json};

use super::super::query::{Form, ref_id};
use super::super::{color, unit};
use super::{Panel, thresholds};

/// What stands in a column, and its title; without one it is left out.
#[derive(Debug)]
pub(super) struct Column {
    source: Source,
    title: Option<String>,
}

#[derive(Debug)]
enum Source {
    Label(String),
    /// By its place among the panel's queries.
    Query(usize),
}

impl Panel {
    /// A row for each value of the labels, a column for each label and query.
    pub(crate) fn table(id: u32, title: &'static str, description: &'static str) -> Self {
        let custom = json!({
            "align": "auto",
            "cellOptions": { "type": "auto" },
            "filterable": false,
            "inspect": false,
        });
        let options = json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true });
        let kind = ("table", Form::Table);
        let mut panel = Self::new(id, kind, title, description, custom, options);
        panel.set_default("color", json!({ "mode": "thresholds" }));
        panel.unit(unit::NONE)
    }

    pub(crate) fn label_column(mut self, label: &str, title: &str) -> Self {
        let source = Source::Label(label.to_owned());
        self.push_column(source, Some(title));
        self
    }

    /// The values of a query.
    pub(crate) fn column(mut self, title: &str, unit: &'static str, expr: &str) -> Self {
        self.push_column(Source::Query(self.targets.len()), Some(title));
        self.query(title, expr)
            .set_of(title, &[("unit", unit.into())])
    }

    /// A query that gives labels alone.
    pub(crate) fn labels_of(mut self, expr: &str) -> Self {
        self.push_column(Source::Query(self.targets.len()), None);
        self.query("labels", expr)
    }

    /// The numbers of a column have the colours of these steps.
    pub(crate) fn column_thresholds(self, title: &str, steps: &[(f64, &str)]) -> Self {
        self.set_of(
            title,
            &[
                ("thresholds", thresholds(color::TEXT, steps)),
                ("custom.cellOptions", json!({ "type": "color-text" })),
            ],
        )
    }

    /// A link from each cell of a column.
    pub(crate) fn column_link(self, title: &str, link: &Value) -> Self {
        self.set_of(title, &[("links", json!([link]))])
    }

    /// The largest first.
    pub(crate) fn sorted_by(mut self, column: &str) -> Self {
        let sort_by = json!([{ "desc": true, "displayName": column }]);
        self.options.insert("sortBy".to_owned(), sort_by);
        self
    }

    fn push_column(&mut self, source: Source, title: Option<&str>) {
        self.columns.push(Column {
            source,
            title: title.map(str::to_owned),
        });
    }

    /// The queries' answers side by side, and the columns in order.
    pub(super) fn transformations(&self) -> Value {
        let (mut order, mut titles, mut left_out) = (Map::new(), Map::new(), Map::new());
        left_out.insert("Time".to_owned(), true.into());
        for (index, column) in self.columns.iter().enumerate() {
            // As Grafana calls them.
            let name = match &column.source {
                Source::Label(label) => label.clone(),
                Source::Query(_) if self.targets.len() == 1 => "Value".to_owned(),
                Source::Query(index) => format!("Value #{}", ref_id(*index)),
            };
            match &column.title {
                Some(title) => {
                    order.insert(name.clone(), index.into());
                    titles.insert(name, title.as_str().into());
                }
                None => {
                    left_out.insert(name, true.into());
                }
            }
        }
        json!([
            { "id": "merge", "options": {} },
            {
                "id": "organize",
                "options": {
                    "excludeByName": left_out,
                    "indexByName": order,
                    "renameByName": titles,
                },
            },
        ])
    }
}
