//! A variable: what a person chooses above the panels.

use serde_json::{Value, json};

use super::datasource;

/// What `All` stands for: cheaper for Prometheus than every value, and right for those that come later, too.
const EVERY: &str = ".+";

#[derive(Debug)]
pub(crate) struct Variable {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    /// `label_values(metric, label)`.
    query: String,
    /// The one value that is chosen at first; else several may be, and at first all are.
    single: Option<&'static str>,
}

impl Variable {
    /// One value at a time.
    pub(crate) fn single(
        name: &'static str,
        label: &'static str,
        description: &'static str,
        query: &str,
        first: &'static str,
    ) -> Self {
        Self {
            single: Some(first),
            ..Self::several(name, label, description, query)
        }
    }

    /// Any of the values, or all.
    pub(crate) fn several(
        name: &'static str,
        label: &'static str,
        description: &'static str,
        query: &str,
    ) -> Self {
        Self {
            name,
            label,
            description,
            query: query.to_owned(),
            single: None,
        }
    }

    pub(super) fn json(&self) -> Value {
        const LABEL_VALUES: u8 = 1;
        const ON_TIME_RANGE_CHANGED: u8 = 2;
        const ALPHABETICAL: u8 = 1;
        let several = self.single.is_none();
        let current = match self.single {
            Some(first) => json!({ "text": first, "value": first }),
            None => json!({ "text": ["All"], "value": ["$__all"] }),
        };
        let mut json = json!({
            "current": current,
            "datasource": datasource(),
            "definition": self.query,
            "description": self.description,
            "hide": 0,
            "includeAll": several,
            "label": self.label,
            "multi": several,
            "name": self.name,
            "options": [],
            "query": {
                "qryType": LABEL_VALUES,
                "query": self.query,
                "refId": "PrometheusVariableQueryEditor-VariableQuery",
            },
            "refresh": ON_TIME_RANGE_CHANGED,
            "regex": "",
            "skipUrlSync": false,
            "sort": ALPHABETICAL,
            "type": "query",
        });
        if several {
            json["allValue"] = EVERY.into();
        }
        json
    }
}
