//! The Prometheus text format 0.0.4 of a prometheus-client registry.
//!
//! That crate writes OpenMetrics text and Prometheus protobuf, and no 0.0.4. Its protobuf families
//! hold what 0.0.4 needs, so this is a view of them: every metric that can be registered there
//! comes out, an application's own types included.
//!
//! Costs: the families are built first. Values pass through `f64`, so that counters above 2⁵³ are
//! rounded. Exemplars and native buckets have no place in 0.0.4.

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus_client::registry::Registry;

use super::number::{go_float, push_float, push_integer};
use super::writer::push_all;
use crate::escape::{escape_help, unescape};
use crate::instrument::render_pairs;

/// Appends what a prometheus-client registry holds. Families without metrics are left out.
///
/// # Errors
/// Those of the metrics' own encoding; nothing is appended then.
pub fn encode(into: &mut String, registry: &Registry) -> Result<(), std::fmt::Error> {
    for family in prometheus_client::encoding::prometheus_protobuf::encode(registry)? {
        if !family.metric.is_empty() {
            encode_family(into, &family);
        }
    }
    Ok(())
}

fn encode_family(into: &mut String, family: &MetricFamily) {
    let name = &*family.name;
    push_all(into, ["# HELP ", name, " "]);
    // A registry of ours in there has escaped it, since prometheus-client's text encoder does not.
    escape_help(into, &unescape(&family.help));
    let kind = match family.r#type() {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        // Prometheus-client has no others.
        MetricType::Summary | MetricType::GaugeHistogram | MetricType::Untyped => "untyped",
    };
    push_all(into, ["\n# TYPE ", name, " ", kind, "\n"]);
    for metric in &family.metric {
        encode_metric(into, name, metric);
    }
}

fn encode_metric(into: &mut String, name: &str, metric: &Metric) {
    if let Some(histogram) = &metric.histogram {
        return encode_histogram(into, name, &metric.label, histogram);
    }
    let gauge = metric.gauge.as_ref().map(|gauge| gauge.value);
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    let untyped = metric.untyped.as_ref().map(|untyped| untyped.value);
    if let Some(value) = gauge.or(counter).or(untyped) {
        sample(into, [name, ""], &metric.label, None, |into| {
            push_float(into, value, false);
        });
    }
}

fn encode_histogram(into: &mut String, name: &str, labels: &[LabelPair], histogram: &Histogram) {
    let count = |into: &mut String, count: u64| push_integer(into, count);
    let mut infinite = false;
    for bucket in &histogram.bucket {
        infinite = bucket.upper_bound == f64::INFINITY;
        let le = go_float(bucket.upper_bound);
        sample(into, [name, "_bucket"], labels, Some(&le), |into| {
            count(into, bucket.cumulative_count);
        });
    }
    // In protobuf the last bucket may be left to be understood; here it has to be written.
    if !infinite {
        sample(into, [name, "_bucket"], labels, Some("+Inf"), |into| {
            count(into, histogram.sample_count);
        });
    }
    sample(into, [name, "_sum"], labels, None, |into| {
        push_float(into, histogram.sample_sum, false);
    });
    sample(into, [name, "_count"], labels, None, |into| {
        count(into, histogram.sample_count);
    });
}

/// Appends a line: name, labels and the value.
fn sample(
    into: &mut String,
    name: [&str; 2],
    labels: &[LabelPair],
    le: Option<&str>,
    value: impl FnOnce(&mut String),
) {
    push_all(into, name);
    let pairs = labels.iter().map(|pair| (&*pair.name, &*pair.value));
    let mut pairs = pairs.chain(le.map(|le| ("le", le))).peekable();
    if pairs.peek().is_some() {
        into.push('{');
        render_pairs(into, pairs);
        into.push('}');
    }
    into.push(' ');
    value(into);
    into.push('\n');
}
