//! Dashboards as values that are written as Grafana's JSON (the classic model, schemaVersion 42).
//!
//! Names and values of options are those of @grafana/schema 12.4 and 13.2. There is no builder for Rust that is kept up: Grafana's
//! Foundation SDK leaves Rust out, and the crate grafana-dashboard (0.0.7) describes the graph panel of 2020.

mod dashboard;
mod layout;
mod links;
mod panel;
mod query;
mod style;
mod variable;

pub(crate) use self::dashboard::{Annotation, Dashboard};
pub(crate) use self::layout::Section;
pub(crate) use self::links::to_endpoint;
pub(crate) use self::panel::Panel;
pub(crate) use self::style::{color, unit};
pub(crate) use self::variable::Variable;

use serde_json::{Value, json};

/// Of `deploy/grafana/provisioning/datasources/prometheus.yaml`.
pub(crate) const DATASOURCE_UID: &str = "prometheus";

/// What a panel says its options were written by, so that no migration of older ones changes them.
const GRAFANA_VERSION: &str = "12.4.0";

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": DATASOURCE_UID })
}
