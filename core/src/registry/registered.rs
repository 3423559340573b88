//! A metric as it stands in a registry.

use std::fmt;

use super::computed::Computed;
use crate::error::ReadError;
use crate::instrument::{Metric, SeriesSnapshot, SeriesView, Value};
use crate::snapshot::Descriptor;
use crate::sync::Arc;

/// A metric as it stands in a [`Registry`](crate::Registry): what it is called, and what reads it.
///
/// [`text::encode_metric`](crate::exposition::text::encode_metric),
/// [`openmetrics::encode_metric`](crate::exposition::openmetrics::encode_metric) and
/// [`protobuf::encode_metric`](crate::exposition::protobuf::encode_metric) write one alone.
/// To write many, take them from [`Registry::collect`](crate::Registry::collect): it reads what the
/// application computes in one go.
#[derive(Clone)]
pub struct Registered {
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) source: Source,
}

/// What a metric is read from.
#[derive(Clone)]
pub(super) enum Source {
    /// An instrument, or a family of them.
    Instrument(Arc<dyn Metric>),
    /// One of the families that a call gives.
    Computed {
        computed: Arc<Computed>,
        /// Which of them.
        family: usize,
    },
    /// It was read.
    Read(Result<Arc<[SeriesSnapshot]>, ReadError>),
}

impl Registered {
    /// Name, help, labels.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(crate) fn shared_descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }

    /// The most series that a family may have, where it has a
    /// [limit](crate::Family::with_limit).
    pub fn series_limit(&self) -> Option<usize> {
        match &self.source {
            Source::Instrument(metric) => metric.series_limit(),
            Source::Computed { .. } | Source::Read(_) => None,
        }
    }

    /// Shows every series to `each`, one after the other, in the order of creation. `scratch` is what
    /// instruments are read into: any value, whose room is used again.
    ///
    /// What the application computes is what [`Registry::collect`](crate::Registry::collect) read. Costs
    /// some ten nanoseconds a series and recording thread, and no allocation a series.
    ///
    /// # Errors
    /// When the application's code panicked or was late.
    ///
    /// # Panics
    /// When a histogram's cells contradict each other, which would be a bug of this crate.
    pub fn visit(
        &self,
        scratch: &mut Value,
        each: &mut dyn FnMut(SeriesView<'_>),
    ) -> Result<(), ReadError> {
        let read = match &self.source {
            Source::Instrument(metric) => {
                metric.visit(scratch, each);
                return Ok(());
            }
            Source::Read(read) => read.clone()?,
            Source::Computed { computed, family } => computed.read(*family)?,
        };
        for series in &*read {
            each(series.into());
        }
        Ok(())
    }

    /// Whether there is nothing to show, as far as is known before it is read.
    #[cfg(feature = "prometheus-client")]
    pub(crate) fn is_empty(&self) -> bool {
        match &self.source {
            Source::Instrument(metric) => metric.is_empty(),
            Source::Read(Ok(series)) => series.is_empty(),
            Source::Read(Err(_)) => true,
            Source::Computed { .. } => false,
        }
    }

    /// Whether both come from one registration.
    pub(super) fn is_registered_with(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (
                Source::Computed { computed, .. },
                Source::Computed {
                    computed: other, ..
                },
            ) => Arc::ptr_eq(computed, other),
            _ => Arc::ptr_eq(&self.descriptor, &other.descriptor),
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered")
            .field(&self.descriptor.name())
            .finish()
    }
}
