//! What a scrape saw: plain data, which every format is a view of.
//!
//! Guarantees: each histogram series is whole, with the count, the sum and the buckets of the
//! same observations; a counter is never ahead of what was recorded, nor behind an earlier
//! snapshot.
//!
//! Does not: make one moment of several series. Between the first and the last one recording
//! goes on.

use crate::instrument::SeriesSnapshot;
use crate::kind::Kind;
use crate::sync::Arc;
use crate::unit::Unit;

/// A metric as it was registered.
#[derive(Debug, Clone)]
pub struct Descriptor {
    pub(crate) name: Box<str>,
    pub(crate) help: Box<str>,
    pub(crate) unit: Option<Unit>,
    pub(crate) kind: Kind,
    pub(crate) label_names: Box<[Box<str>]>,
    pub(crate) constant_labels: Arc<[(Box<str>, Box<str>)]>,
}

impl Descriptor {
    /// The name with prefix and unit, and without the `_total` of a counter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the name is this metric's, or that of samples which it writes: both of a counter's
    /// `jobs` and `jobs_total`, and a histogram's with `_bucket`, `_count` and `_sum` too.
    pub fn has_name(&self, name: &str) -> bool {
        self.kind.writes(&self.name, name)
    }

    /// What it means, for people.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The unit, if one was given.
    pub fn unit(&self) -> Option<&Unit> {
        self.unit.as_ref()
    }

    /// What kind of metric it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The label names, in the order of each series' values.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.label_names.iter().map(|name| &**name)
    }

    /// The registry's constant labels, which every series has before its own.
    pub fn constant_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.constant_labels
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }
}

/// All that a [`Registry`](crate::Registry) held at the time of a scrape, in the order of
/// registration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The metrics.
    pub families: Vec<FamilySnapshot>,
}

/// A metric and its series.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FamilySnapshot {
    /// The metric.
    pub descriptor: Arc<Descriptor>,
    /// Its series in the order of creation; none where no label values were used yet.
    pub series: Vec<SeriesSnapshot>,
}
