//! The OpenMetrics text format, version 1.0.0, by prometheus-client's encoder.
//!
//! Source: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use prometheus_client::registry::Registry;

use super::prometheus_client::SnapshotCollector;
use crate::snapshot::Snapshot;

/// The content type of this format.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Appends a snapshot, and the `# EOF` that ends a document. Families without series are left
/// out.
pub fn encode(into: &mut String, snapshot: Snapshot) {
    encode_metrics(into, snapshot);
    // The encoder fails only where the writer does, and a String never does.
    let _ = prometheus_client::encoding::text::encode_eof(into);
}

/// Appends a snapshot without the end of the document: more may follow.
pub fn encode_metrics(into: &mut String, snapshot: Snapshot) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(SnapshotCollector(snapshot)));
    // The encoder fails only where the writer does, and a String never does.
    let _ = prometheus_client::encoding::text::encode_registry(into, &registry);
}
