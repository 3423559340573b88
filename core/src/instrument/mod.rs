//! What an application records with.

mod buckets;
mod counter;
mod family;
mod gauge;
mod histogram;
mod labels;
mod observed_counter;
mod table;
mod up_down_counter;
mod value;

pub use buckets::{Buckets, exponential_buckets, linear_buckets};
pub use counter::Counter;
pub use family::{Family, SeriesRef};
pub use gauge::{Gauge, GaugeValue};
pub use histogram::Histogram;
pub use labels::Labels;
pub(crate) use labels::render_pairs;
pub use observed_counter::ObservedCounter;
pub use up_down_counter::UpDownCounter;
pub use value::{HistogramSnapshot, SeriesSnapshot, Value};

use crate::kind::Kind;

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A single series' worth of recording: what a [`Family`] can hold, and what can be registered
/// on its own.
///
/// It is sealed: the kernel's promises hold for the instruments of this crate alone.
pub trait Instrument: Sealed + Send + Sync + 'static {
    /// What the exposition calls it.
    const KIND: Kind;

    /// What has been recorded so far; the cost is a few nanoseconds a thread that records.
    fn read(&self) -> Value;
}

/// What can be registered: an [`Instrument`], or a [`Family`] of them.
pub trait Metric: Sealed + Send + Sync + 'static {
    /// What the exposition calls it.
    fn kind(&self) -> Kind;

    /// The label names of its series, in the order of the values.
    fn label_names(&self) -> &[Box<str>];

    /// Appends what every series holds now.
    fn collect(&self, into: &mut Vec<SeriesSnapshot>);
}

impl<M: Instrument> Metric for M {
    fn kind(&self) -> Kind {
        M::KIND
    }

    fn label_names(&self) -> &[Box<str>] {
        &[]
    }

    fn collect(&self, into: &mut Vec<SeriesSnapshot>) {
        into.push(SeriesSnapshot {
            labels: Labels::default(),
            value: self.read(),
        });
    }
}
