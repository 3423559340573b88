//! What an application records with.

mod buckets;
mod callback;
mod counter;
mod family;
mod gauge;
mod histogram;
mod labels;
mod observed_counter;
mod series_limit;
mod series_view;
mod up_down_counter;
mod value;

pub use buckets::{Buckets, exponential_buckets, linear_buckets};
pub use callback::{CounterFn, CounterValue, GaugeFn};
pub use counter::Counter;
pub use family::{Family, SeriesRef};
pub use gauge::{Gauge, GaugeValue};
pub use histogram::Histogram;
pub use labels::Labels;
pub(crate) use labels::render_pairs;
pub use observed_counter::ObservedCounter;
pub use series_limit::{Beyond, SeriesLimit};
pub use series_view::SeriesView;
pub use up_down_counter::UpDownCounter;
pub use value::{HistogramSnapshot, SeriesSnapshot, Value};

use crate::kind::Kind;
use crate::start_time::StartTime;

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

    /// Whether reading it runs code of the application's.
    #[doc(hidden)]
    const IS_COMPUTED: bool = false;

    /// What has been recorded so far; the cost is a few nanoseconds a thread that records.
    fn read(&self) -> Value;

    /// When it began to count, if it is a counter or a histogram and that is known.
    fn start_time(&self) -> Option<StartTime> {
        None
    }

    /// As [`read`](Self::read), into a value that may have been read before, whose room is used
    /// again.
    fn read_into(&self, value: &mut Value) {
        *value = self.read();
    }

    /// As [`read_into`](Self::read_into); says whether there is something to show.
    #[doc(hidden)]
    fn read_if_known(&self, value: &mut Value) -> bool {
        self.read_into(value);
        true
    }
}

/// What can be registered: an [`Instrument`], or a [`Family`] of them.
pub trait Metric: Sealed + Send + Sync + 'static {
    /// What the exposition calls it.
    fn kind(&self) -> Kind;

    /// Whether reading it runs code of the application's.
    #[doc(hidden)]
    fn is_computed(&self) -> bool {
        false
    }

    /// The label names of its series, in the order of the values.
    fn label_names(&self) -> &[Box<str>];

    /// The most series that it may have, where there is a limit.
    #[doc(hidden)]
    fn series_limit(&self) -> Option<usize> {
        None
    }

    /// Whether it has no series now.
    fn is_empty(&self) -> bool;

    /// Reads every series, one after the other, and shows it to `each`. `scratch` is what each value
    /// is read into.
    fn visit(&self, scratch: &mut Value, each: &mut dyn FnMut(SeriesView<'_>));

    /// Appends what every series holds now.
    fn collect(&self, into: &mut Vec<SeriesSnapshot>) {
        self.visit(&mut Value::Counter(0), &mut |series| {
            into.push(series.to_snapshot());
        });
    }
}

impl<M: Instrument> Metric for M {
    fn kind(&self) -> Kind {
        M::KIND
    }

    fn is_computed(&self) -> bool {
        M::IS_COMPUTED
    }

    fn label_names(&self) -> &[Box<str>] {
        &[]
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn visit(&self, scratch: &mut Value, each: &mut dyn FnMut(SeriesView<'_>)) {
        if self.read_if_known(scratch) {
            let start_time = || self.start_time();
            each(SeriesView::new(&Labels::default(), scratch, &start_time));
        }
    }
}
