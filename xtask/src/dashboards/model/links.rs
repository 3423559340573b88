//! Links from a series to the dashboard of its endpoint.

use serde_json::{Value, json};

/// To the drill-down, with the same job, servers and time range. `endpoint` is what Grafana puts the name in for, such as
/// `${__field.labels.endpoint}`; it encodes what it puts into a link.
pub(crate) fn to_endpoint(endpoint: &str) -> Value {
    json!({
        "targetBlank": false,
        "title": "This endpoint",
        "url": format!(
            "/d/{}?var-endpoint={endpoint}&${{job:queryparam}}&${{instance:queryparam}}&${{__url_time_range}}",
            crate::dashboards::endpoint::UID
        ),
    })
}
