//! A number that only goes up.

use super::{Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::shard::Handle;
use crate::start_time::StartTime;

/// Counts events, or any other amount that only grows, in whole units.
///
/// Each thread adds to a cell of its own, so an increment costs the same however many threads
/// count at once: about two nanoseconds (`benches/`, group `counter`). Clones count into the
/// same counter.
///
/// ```
/// use tallied::Counter;
///
/// let sent = Counter::default();
/// sent.inc();
/// sent.inc_by(41);
/// assert_eq!(sent.get(), 42);
/// ```
#[derive(Clone)]
pub struct Counter(Handle);

impl Default for Counter {
    /// A counter at 0.
    fn default() -> Self {
        Self(Handle::new(1))
    }
}

impl Counter {
    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`. Never fails, blocks or allocates on a counter that the thread has used before.
    /// The total wraps at 2⁶⁴.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.0.add(0, n);
    }

    /// The total so far: never more than what was added, never less than an earlier `get`
    /// returned, and exact once the threads that add are quiet. Costs a few nanoseconds a
    /// thread that ever added.
    pub fn get(&self) -> u64 {
        self.0.sum(0)
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}

impl Sealed for Counter {}

impl Instrument for Counter {
    const KIND: Kind = Kind::Counter;

    fn read(&self) -> Value {
        Value::Counter(self.get())
    }

    fn start_time(&self) -> Option<StartTime> {
        self.0.made()
    }
}
