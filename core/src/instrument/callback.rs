//! Values that exist already, and are read when a scrape asks for them.

use std::time::SystemTime;

use super::{GaugeValue, Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::start_time::StartTime;
use crate::sync::Arc;

/// A gauge whose value is computed at each scrape: the length of a queue, the size of a pool.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tallied::{GaugeFn, Registry};
///
/// let queue = Arc::new(Mutex::new(vec!["a", "b"]));
/// let registry = Registry::default();
/// let length = GaugeFn::new({
///     let queue = Arc::clone(&queue);
///     move || queue.lock().unwrap().len() as u64
/// });
/// registry.register("queue_length", "Jobs that wait", length)?;
/// assert!(registry.text().contains("queue_length 2"));
/// # Ok::<(), tallied::RegisterError>(())
/// ```
///
/// A registry calls it on a thread of its own, without a lock, and waits at most 1 s: the metric is
/// missing from a document for which the function panicked or was late. While a late call has not
/// returned, no other is made. ([`Collector`](crate::Collector) has a limit of your choice.) In a
/// [`Family`](crate::Family) each series can have a function, with
/// [`get_or_create_with`](crate::Family::get_or_create_with); they share one call, and its fate.
/// prometheus-client's registry calls it in the thread that encodes.
#[derive(Clone)]
pub struct GaugeFn(Read);

/// `None` for what is not known now.
type Read = Arc<dyn Fn() -> Option<Value> + Send + Sync>;

impl GaugeFn {
    /// A gauge that is what `read` returns: `i64`, `u64` or `f64`.
    pub fn new<N: GaugeValue>(read: impl Fn() -> N + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Some(read().value())))
    }

    /// A gauge that is what `read` returns, and has no sample for `None`: for what cannot always be
    /// read.
    pub fn optional<N: GaugeValue>(read: impl Fn() -> Option<N> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || read().map(N::value)))
    }
}

/// A counter whose total is computed at each scrape: what somebody else counts.
///
/// The total should not fall, except to start again at 0: Prometheus takes a fall for a restart. A
/// total that is negative or NaN has no sample. Calls, panics and time are as for [`GaugeFn`].
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tallied::{CounterFn, Registry};
///
/// static HITS: AtomicU64 = AtomicU64::new(3);
///
/// let registry = Registry::default();
/// let hits = CounterFn::new(|| HITS.load(Ordering::Relaxed));
/// registry.register("cache_hits", "Lookups that the cache answered", hits)?;
/// assert!(registry.text().contains("cache_hits_total 3"));
/// # Ok::<(), tallied::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct CounterFn {
    read: Read,
    since: Option<StartTime>,
}

impl CounterFn {
    /// A counter that is what `read` returns: `u64`, or `f64` for what is not counted in whole
    /// units.
    pub fn new<N: CounterValue>(read: impl Fn() -> N + Send + Sync + 'static) -> Self {
        Self::optional(move || Some(read()))
    }

    /// A counter that is what `read` returns, and has no sample for `None`: for what cannot always
    /// be read.
    pub fn optional<N: CounterValue>(read: impl Fn() -> Option<N> + Send + Sync + 'static) -> Self {
        Self {
            read: Arc::new(move || read().and_then(N::value)),
            since: None,
        }
    }

    /// With the time when the total was 0, if you know it: see [`StartTime`].
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time.into());
        self
    }
}

/// The types of a total: `u64` and `f64`.
pub trait CounterValue: Sealed + Copy + Send + Sync + std::fmt::Debug + 'static {
    /// `None` for what no counter can be.
    #[doc(hidden)]
    fn value(self) -> Option<Value>;
}

impl CounterValue for u64 {
    fn value(self) -> Option<Value> {
        Some(Value::Counter(self))
    }
}

impl CounterValue for f64 {
    fn value(self) -> Option<Value> {
        // NaN is not at least 0 either.
        (self >= 0.0).then_some(Value::FloatCounter(self))
    }
}

impl Sealed for GaugeFn {}
impl Sealed for CounterFn {}

impl Instrument for GaugeFn {
    const KIND: Kind = Kind::Gauge;
    const IS_COMPUTED: bool = true;

    /// NaN for what is not known.
    fn read(&self) -> Value {
        (self.0)().unwrap_or(Value::FloatGauge(f64::NAN))
    }

    fn read_if_known(&self, value: &mut Value) -> bool {
        (self.0)().map(|known| *value = known).is_some()
    }
}

impl Instrument for CounterFn {
    const KIND: Kind = Kind::Counter;
    const IS_COMPUTED: bool = true;

    /// NaN for what is not known.
    fn read(&self) -> Value {
        (self.read)().unwrap_or(Value::FloatCounter(f64::NAN))
    }

    fn start_time(&self) -> Option<StartTime> {
        self.since
    }

    fn read_if_known(&self, value: &mut Value) -> bool {
        (self.read)().map(|known| *value = known).is_some()
    }
}

impl std::fmt::Debug for GaugeFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GaugeFn(..)")
    }
}

impl std::fmt::Debug for CounterFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CounterFn(..)")
    }
}
