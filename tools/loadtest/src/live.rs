//! What goes on at this moment, for the progress line, and for the scrapes in the middle of a load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::rows::Rows;

/// Counts that only grow, of a load and all that came before it.
///
/// A request is counted as begun before its first byte is sent, and as settled after its last byte is there. So a
/// scrape that begins after a look at `settled` has at least those, and one that has ended before a look at `begun`
/// has at most those. SeqCst, for the counts of several workers are looked at together; it costs a request nothing that shows.
#[derive(Debug, Default)]
pub(crate) struct Live {
    begun: AtomicU64,
    ended: AtomicU64,
    errors: AtomicU64,
    late: AtomicU64,
    rows: Vec<RowLive>,
    held: Mutex<Vec<Held>>,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct RowLive {
    begun: AtomicU64,
    settled: AtomicU64,
}

/// A request that the server has begun to answer, and cannot be done with before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) row: usize,
    pub(crate) until: Instant,
}

/// A look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) ended: u64,
    pub(crate) in_flight: u64,
    pub(crate) errors: u64,
    pub(crate) late: u64,
}

impl Live {
    pub(crate) fn new(rows: &Rows) -> Self {
        Self {
            rows: (0..rows.len()).map(|_| RowLive::default()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn begin(&self, row: usize) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.rows[row].begun.fetch_add(1, Ordering::SeqCst);
    }

    /// `settled`: the server must have recorded it.
    pub(crate) fn end(&self, row: usize, settled: bool) {
        if settled {
            self.rows[row].settled.fetch_add(1, Ordering::SeqCst);
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// A scrape is no request of the load, and is counted in its row alone.
    pub(crate) fn begin_scrape(&self, row: usize) {
        self.rows[row].begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn settle_scrape(&self, row: usize) {
        self.rows[row].settled.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn error(&self) {
        self.errors.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn late(&self) {
        self.late.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn seen(&self) -> Seen {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let ended = of(&self.ended);
        Seen {
            ended,
            in_flight: of(&self.begun).saturating_sub(ended),
            errors: of(&self.errors),
            late: of(&self.late),
        }
    }

    /// For each row.
    pub(crate) fn settled(&self) -> Vec<u64> {
        let of = |row: &RowLive| row.settled.load(Ordering::SeqCst);
        self.rows.iter().map(of).collect()
    }

    /// For each row.
    pub(crate) fn begun(&self) -> Vec<u64> {
        let of = |row: &RowLive| row.begun.load(Ordering::SeqCst);
        self.rows.iter().map(of).collect()
    }

    /// The head is here. Few kinds of requests have such a time, so a lock serves.
    pub(crate) fn hold(&self, held: Held) {
        self.lock_held().push(held);
    }

    /// Those whose time is not over: they are in flight until it is.
    pub(crate) fn held(&self) -> Vec<Held> {
        let now = Instant::now();
        let mut held = self.lock_held();
        held.retain(|held| held.until > now);
        held.clone()
    }

    fn lock_held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends nothing more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
