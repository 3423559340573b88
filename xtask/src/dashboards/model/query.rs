//! A query of a panel.

use serde_json::{Value, json};

use super::datasource;

/// How Prometheus is asked, and what Grafana makes of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Over the time range, a line a series.
    Lines,
    /// Over the time range, a row a bucket.
    Heatmap,
    /// Now: an instant query. A stat that took the last value of a range would go on showing it long after the series ended.
    Number,
    /// Now, a row a series.
    Table,
}

impl Form {
    pub(super) fn target(self, index: usize, legend: &str, expr: &str) -> Value {
        let (format, is_instant) = match self {
            Self::Lines => ("time_series", false),
            Self::Heatmap => ("heatmap", false),
            Self::Number => ("time_series", true),
            Self::Table => ("table", true),
        };
        json!({
            "datasource": datasource(),
            "editorMode": "code",
            "expr": expr,
            "format": format,
            "instant": is_instant,
            "legendFormat": legend,
            "range": !is_instant,
            "refId": ref_id(index),
        })
    }
}

/// A, B, C.
pub(super) fn ref_id(index: usize) -> String {
    let letter = u8::try_from(index)
        .ok()
        .and_then(|index| b'A'.checked_add(index))
        .filter(u8::is_ascii_uppercase)
        .expect("a panel has at most 26 queries");
    char::from(letter).to_string()
}
