//! How often values fall into which range.

use super::{Buckets, HistogramSnapshot, Instrument, Sealed, Value};
use crate::error::BucketsError;
use crate::kind::Kind;
use crate::shard::{HEADER, Handle};
use crate::start_time::StartTime;

/// Counts observations by bucket, and sums them up: latencies in seconds, sizes in bytes.
///
/// Each thread observes into cells of its own; some four nanoseconds with the eleven bounds of
/// a request duration (`benches/`, group `histogram`). A snapshot holds each observation whole
/// (bucket, sum and count) or not at all. Clones observe into the same histogram.
///
/// ```
/// use tallied::Histogram;
///
/// let seconds = Histogram::new([0.1, 0.5, 1.0])?;
/// seconds.observe(0.3);
/// seconds.observe(7.0);
/// let seen = seconds.get();
/// assert_eq!(seen.count, 2);
/// assert_eq!(seen.sum, 7.3);
/// assert_eq!(seen.buckets, [0, 1, 0, 1]); // ≤ 0.1, ≤ 0.5, ≤ 1, above
/// # Ok::<(), tallied::BucketsError>(())
/// ```
#[derive(Clone)]
pub struct Histogram {
    cells: Handle,
    buckets: Buckets,
}

impl Histogram {
    /// A histogram with these upper bounds.
    ///
    /// # Errors
    /// Those of [`Buckets::new`].
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Self, BucketsError> {
        Ok(Self::with_buckets(&Buckets::new(bounds)?))
    }

    /// A histogram with bounds that were checked before: for the constructor of a
    /// [`Family`](super::Family).
    pub fn with_buckets(buckets: &Buckets) -> Self {
        let cells = HEADER + buckets.bounds().len() + 1;
        let cells = u16::try_from(cells).expect("Buckets::new allows no more bounds than fit");
        Self {
            cells: Handle::new(cells),
            buckets: buckets.clone(),
        }
    }

    /// Records one observation. Never fails, blocks or allocates on a histogram that the thread
    /// has used before. NaN counts in the `+Inf` bucket and makes the sum NaN, as in the
    /// Prometheus client libraries.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.cells.observe(self.buckets.index(value), value);
    }

    /// The bounds.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// What has been observed so far: whole observations only. Allocates the buckets it returns.
    ///
    /// # Panics
    /// When the cells contradict each other, which would be a bug of this crate.
    pub fn get(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot {
            bounds: self.buckets.clone(),
            buckets: Vec::new(),
            count: 0,
            sum: 0.0,
        };
        self.get_into(&mut snapshot);
        snapshot
    }

    fn get_into(&self, snapshot: &mut HistogramSnapshot) {
        snapshot.buckets.clear();
        snapshot.buckets.resize(self.buckets.bounds().len() + 1, 0);
        let totals = self.cells.observations(&mut snapshot.buckets);
        snapshot.count = totals.count;
        snapshot.sum = totals.sum;
        if !snapshot.bounds.is(&self.buckets) {
            snapshot.bounds = self.buckets.clone();
        }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Histogram").field(&self.get()).finish()
    }
}

impl Sealed for Histogram {}

impl Instrument for Histogram {
    const KIND: Kind = Kind::Histogram;

    fn read(&self) -> Value {
        Value::Histogram(self.get())
    }

    fn start_time(&self) -> Option<StartTime> {
        self.cells.made()
    }

    fn read_into(&self, value: &mut Value) {
        match value {
            Value::Histogram(snapshot) => self.get_into(snapshot),
            _ => *value = self.read(),
        }
    }
}
