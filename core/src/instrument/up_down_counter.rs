//! How many of something there are now, counted as they come and go.

use super::{Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::shard::Handle;

const UP: usize = 0;
const DOWN: usize = 1;

/// A gauge that is only ever moved by steps: requests in flight, connections open.
///
/// Ups and downs are counted apart, each thread in cells of its own, so that a step costs what
/// [`Counter::inc`](super::Counter::inc) costs. A reader sums the downs first and the ups
/// after: where every down follows its up, on whichever threads, no read is negative.
///
/// The exposition calls it a gauge. To *set* a value, use [`Gauge`](super::Gauge).
///
/// ```
/// use tallied::UpDownCounter;
///
/// let open = UpDownCounter::default();
/// open.inc();
/// std::thread::scope(|scope| {
///     scope.spawn(|| open.dec());
/// });
/// assert_eq!(open.get(), 0);
/// ```
#[derive(Clone)]
pub struct UpDownCounter(Handle);

impl Default for UpDownCounter {
    /// At 0.
    fn default() -> Self {
        Self(Handle::new(2))
    }
}

impl UpDownCounter {
    /// One more.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// `n` more.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.0.add(UP, n);
    }

    /// One less.
    #[inline]
    pub fn dec(&self) {
        self.dec_by(1);
    }

    /// `n` less.
    #[inline]
    pub fn dec_by(&self, n: u64) {
        self.0.add(DOWN, n);
    }

    /// Ups less downs; exact once the threads that step are quiet.
    pub fn get(&self) -> i64 {
        // Downs first: an up that a summed down follows is then summed too.
        let downs = self.0.sum(DOWN);
        let ups = self.0.sum(UP);
        ups.wrapping_sub(downs) as i64
    }
}

impl std::fmt::Debug for UpDownCounter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UpDownCounter").field(&self.get()).finish()
    }
}

impl Sealed for UpDownCounter {}

impl Instrument for UpDownCounter {
    const KIND: Kind = Kind::Gauge;

    fn read(&self) -> Value {
        Value::IntegerGauge(self.get())
    }
}
