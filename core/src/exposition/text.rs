//! The Prometheus text format, version 0.0.4.
//!
//! Source: the "Exposition formats" page of the Prometheus documentation, and what Prometheus'
//! own Go encoder writes where the page leaves it open: a counter's metadata carry its full name,
//! `le` is printed as by Go's `%g`.

use super::writer::TEXT;
use crate::error::ReadError;
use crate::registry::{Registered, Registry};
use crate::snapshot::Snapshot;

/// The content type of this format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends a snapshot. Families without series are left out.
pub fn encode(into: &mut String, snapshot: &Snapshot) {
    TEXT.encode(into, snapshot);
}

/// Appends what a registry holds, each series as it is read: what a snapshot would take in memory is
/// saved. Families without series are left out.
///
/// # Panics
/// As [`Registry::snapshot`].
pub fn encode_registry(into: &mut String, registry: &Registry) {
    TEXT.encode_registry(into, registry);
}

/// Appends one metric, unless it has no series. Where that fails, `into` is as it was before, and
/// what comes after can still be written. A program that is built with `panic = "abort"` ends at a
/// panic.
///
/// # Errors
/// When reading it panicked, and the panic hook has run by then; for what the application computes
/// also when it was late.
pub fn encode_metric(into: &mut String, metric: &Registered) -> Result<(), ReadError> {
    TEXT.encode_metric(into, metric)
}
