//! The kinds of panels, with the options that all of a kind have.

use serde_json::json;

use super::super::query::Form;
use super::super::unit;
use super::Panel;

impl Panel {
    /// One number a query, as it is now.
    pub(crate) fn stat(id: u32, title: &'static str, description: &'static str) -> Self {
        let options = json!({
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showPercentChange": false,
            "textMode": "auto",
            "wideLayout": true,
        });
        let kind = ("stat", Form::Number);
        let mut panel = Self::new(id, kind, title, description, json!({}), options);
        panel.set_default("color", json!({ "mode": "thresholds" }));
        panel
    }

    /// Lines over time.
    pub(crate) fn lines(id: u32, title: &'static str, description: &'static str) -> Self {
        let custom = json!({
            "axisBorderShow": false,
            "axisCenteredZero": false,
            "axisColorMode": "text",
            "axisLabel": "",
            "axisPlacement": "auto",
            "barAlignment": 0,
            "drawStyle": "line",
            "fillOpacity": 10,
            "gradientMode": "none",
            "hideFrom": { "legend": false, "tooltip": false, "viz": false },
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "pointSize": 5,
            "scaleDistribution": { "type": "linear" },
            "showPoints": "auto",
            // A gap in the data is a gap in the line.
            "spanNulls": false,
            "stacking": { "group": "A", "mode": "none" },
            "thresholdsStyle": { "mode": "off" },
        });
        let options = json!({
            "legend": {
                "calcs": [],
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": true,
            },
            "tooltip": { "hideZeros": false, "mode": "multi", "sort": "desc" },
        });
        let kind = ("timeseries", Form::Lines);
        let mut panel = Self::new(id, kind, title, description, custom, options);
        panel.set_default("min", json!(0));
        panel
    }

    /// How many fell into each bucket of a histogram, over time. `unit` is that of the bounds.
    pub(crate) fn heatmap(
        id: u32,
        title: &'static str,
        description: &'static str,
        unit: &'static str,
    ) -> Self {
        let custom = json!({
            "hideFrom": { "legend": false, "tooltip": false, "viz": false },
            "scaleDistribution": { "type": "linear" },
        });
        let options = json!({
            // The histogram has the buckets; nothing is to be sorted into new ones.
            "calculate": false,
            "cellGap": 1,
            "cellValues": { "unit": unit::REQUESTS_A_SECOND },
            "color": {
                "exponent": 0.5,
                "fill": "dark-orange",
                "mode": "scheme",
                "reverse": false,
                "scale": "exponential",
                "scheme": "Oranges",
                "steps": 64,
            },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": true },
            "rowsFrame": { "layout": "auto" },
            "showValue": "never",
            "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": true },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": unit },
        });
        let kind = ("heatmap", Form::Heatmap);
        let panel = Self::new(id, kind, title, description, custom, options);
        panel.unit(unit)
    }

    /// A state a series, over time.
    pub(crate) fn states(id: u32, title: &'static str, description: &'static str) -> Self {
        let custom = json!({
            "fillOpacity": 80,
            "hideFrom": { "legend": false, "tooltip": false, "viz": false },
            "lineWidth": 0,
        });
        let options = json!({
            "alignValue": "left",
            "legend": {
                "calcs": [],
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": true,
            },
            "mergeValues": true,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": { "hideZeros": false, "mode": "single", "sort": "none" },
        });
        let kind = ("state-timeline", Form::Lines);
        let panel = Self::new(id, kind, title, description, custom, options);
        panel.unit(unit::NONE)
    }
}
