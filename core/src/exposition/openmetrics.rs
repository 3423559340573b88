//! The OpenMetrics text format, version 1.0.0.
//!
//! A histogram series has no `_sum` and no `_count` where its sum is NaN or negative, or a bound is
//! negative: the specification forbids that sum, and wants both or neither. `le` is printed as by
//! Go's `%g`, with `.0` behind a whole number, as the specification's canonical numbers are.
//!
//! Source: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use super::writer::{Format, OPENMETRICS, OPENMETRICS_WITH_CREATED};
use crate::error::ReadError;
use crate::registry::{Registered, Registry};
use crate::snapshot::Snapshot;

/// The content type of this format.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a document has beside the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Options {
    created: bool,
}

impl Options {
    /// Whether there is a sample `_created` for each counter and histogram whose [start](crate::StartTime) is known.
    /// Default: no, because Prometheus stores them as series of their own unless it runs with
    /// `--enable-feature=created-timestamp-zero-ingestion`. In [protobuf](super::protobuf) start times cost
    /// no series.
    ///
    /// ```
    /// use tallied::exposition::openmetrics;
    /// use tallied::{Counter, Registry};
    ///
    /// let registry = Registry::default();
    /// registry.register("jobs", "Jobs", Counter::default())?;
    /// let mut text = String::new();
    /// openmetrics::Options::default().with_created(true).encode_registry(&mut text, &registry);
    /// assert!(text.contains("\njobs_total 0\njobs_created 1"));
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    pub fn with_created(mut self, created: bool) -> Self {
        self.created = created;
        self
    }

    /// As [`encode`], with these options.
    pub fn encode(self, into: &mut String, snapshot: &Snapshot) {
        self.format().encode(into, snapshot);
        encode_eof(into);
    }

    /// As [`encode_registry`], with these options.
    ///
    /// # Panics
    /// As [`Registry::snapshot`].
    pub fn encode_registry(self, into: &mut String, registry: &Registry) {
        self.format().encode_registry(into, registry);
        encode_eof(into);
    }

    /// As [`encode_metric`], with these options.
    ///
    /// # Errors
    /// As [`encode_metric`].
    pub fn encode_metric(self, into: &mut String, metric: &Registered) -> Result<(), ReadError> {
        self.format().encode_metric(into, metric)
    }

    fn format(self) -> &'static Format {
        match self.created {
            true => &OPENMETRICS_WITH_CREATED,
            false => &OPENMETRICS,
        }
    }
}

/// Appends a snapshot, and the `# EOF` that ends a document. Families without series are left
/// out.
pub fn encode(into: &mut String, snapshot: &Snapshot) {
    Options::default().encode(into, snapshot);
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
    OPENMETRICS.encode_registry(into, registry);
}

/// Appends one metric, unless it has no series, and no end of the document: more may follow. Where
/// that fails, `into` is as it was before. A program that is built with `panic = "abort"` ends at a
/// panic.
///
/// # Errors
/// When reading it panicked, and the panic hook has run by then; for what the application computes
/// also when it was late.
pub fn encode_metric(into: &mut String, metric: &Registered) -> Result<(), ReadError> {
    OPENMETRICS.encode_metric(into, metric)
}

/// Appends the `# EOF` that ends a document.
pub fn encode_eof(into: &mut String) {
    into.push_str("# EOF\n");
}
