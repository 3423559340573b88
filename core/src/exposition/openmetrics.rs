//! The OpenMetrics text format, version 1.0.0, by prometheus-client's encoder.
//!
//! A histogram series has no `_sum` and no `_count` where its sum is NaN or negative, or a bound is
//! negative: the specification forbids that sum, and wants both or neither.
//!
//! Source: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use prometheus_client::collector::Collector;

use super::guarded::guarded;
use super::prometheus_client::{MetricText, RegistryText, SnapshotText};
use crate::error::MetricPanicked;
use crate::registry::{Registered, Registry};
use crate::snapshot::Snapshot;

/// The content type of this format.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Appends a snapshot, and the `# EOF` that ends a document. Families without series are left
/// out.
pub fn encode(into: &mut String, snapshot: Snapshot) {
    encode_collector(into, Box::new(SnapshotText(snapshot)));
    encode_eof(into);
}

/// Appends what a registry holds, each series as it is read, and the `# EOF`. Families without
/// series are left out.
///
/// # Panics
/// As [`Registry::snapshot`].
pub fn encode_registry(into: &mut String, registry: &Registry) {
    encode_metrics(into, registry);
    encode_eof(into);
}

/// As [`encode_registry`], without the end of the document: more may follow.
pub fn encode_metrics(into: &mut String, registry: &Registry) {
    encode_collector(into, Box::new(RegistryText(registry.clone())));
}

/// Appends one metric, unless it has no series, and no end of the document: more may follow. Where
/// it panics, `into` is as it was before. A program that is built with `panic = "abort"` ends
/// instead.
///
/// # Errors
/// When reading it panicked. The panic hook has run by then, as for any panic.
pub fn encode_metric(into: &mut String, metric: &Registered) -> Result<(), MetricPanicked> {
    guarded(into, metric, |into| {
        encode_collector(into, Box::new(MetricText(metric.clone())));
    })
}

fn encode_collector(into: &mut String, collector: Box<dyn Collector>) {
    let begin = into.len();
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(collector);
    // The encoder fails only where the writer does, and a String never does.
    let _ = prometheus_client::encoding::text::encode_registry(into, &registry);
    leave_out_sums(into, begin);
}

/// Takes out the sums that are NaN, and the counts behind them: that encoder always writes both.
fn leave_out_sums(into: &mut String, begin: usize) {
    const FORBIDDEN: &str = " NaN\n";
    if !into[begin..].contains(FORBIDDEN) {
        return;
    }
    let written = into.split_off(begin);
    let mut lines = written.split_inclusive('\n');
    let mut is_histogram = false;
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            if line.starts_with("# TYPE ") {
                is_histogram = line.ends_with(" histogram\n");
            }
        } else if is_histogram && line.ends_with(FORBIDDEN) {
            // The count. Buckets are whole numbers, so what is NaN is the sum.
            lines.next();
            continue;
        }
        into.push_str(line);
    }
}

/// Appends the `# EOF` that ends a document.
pub fn encode_eof(into: &mut String) {
    // As above.
    let _ = prometheus_client::encoding::text::encode_eof(into);
}
