//! A counter that somebody else keeps.

use std::time::SystemTime;

use super::{Gauge, Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::start_time::StartTime;

/// A total that is read off somewhere rather than counted here: the processor time that the
/// kernel accounts to the process, the bytes a network interface has seen.
///
/// What OpenTelemetry calls an asynchronous counter. The exposition calls it a counter, so the
/// total must not fall: a smaller one than before is ignored. So where a source starts again at 0,
/// the counter stays until the source has overtaken it. [`CounterFn`](crate::CounterFn) reads the source
/// at each scrape instead, and shows such a start as what it is.
///
/// ```
/// use tallied::ObservedCounter;
///
/// let cpu_seconds = ObservedCounter::default();
/// cpu_seconds.observe_total(12.34);
/// cpu_seconds.observe_total(12.0); // a rounding artefact of the source
/// assert_eq!(cpu_seconds.get(), 12.34);
/// ```
#[derive(Clone, Default)]
pub struct ObservedCounter {
    total: Gauge<f64>,
    since: Option<StartTime>,
}

impl ObservedCounter {
    /// With the time when the source began to count at 0, if you know it: see [`StartTime`]. It is this
    /// handle's and its later clones'; formats show that of the handle that was registered.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time.into());
        self
    }

    /// Takes over the total as it stands now. NaN, and what is less than the total before, is
    /// ignored.
    pub fn observe_total(&self, total: f64) {
        self.total
            .update(|known| if total > known { total } else { known });
    }

    /// The last total.
    pub fn get(&self) -> f64 {
        self.total.get()
    }
}

impl std::fmt::Debug for ObservedCounter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ObservedCounter").field(&self.get()).finish()
    }
}

impl Sealed for ObservedCounter {}

impl Instrument for ObservedCounter {
    const KIND: Kind = Kind::Counter;

    fn read(&self) -> Value {
        Value::FloatCounter(self.get())
    }

    fn start_time(&self) -> Option<StartTime> {
        self.since
    }
}
