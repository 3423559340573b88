//! One 64-bit word with a single writer.
//!
//! Guarantees: every [`add`](Cell::add) by the owner is in every later read once the two are
//! ordered; a reader's successive reads never step back; and whatever its writer did, or saw
//! done, before an add is visible to a reader that sees the add. That last promise is what lets
//! a gauge that is the difference of two counters never read negative.
//!
//! Does not: make adds of two threads safe ([`add_shared`](Cell::add_shared) does).
//!
//! Costs: an add is a load, an addition and a store; on x86-64 three plain instructions.

use crate::sync::{Ordering, Word};

/// A tally of one thread, or a part of a histogram's.
#[repr(transparent)]
pub(crate) struct Cell(Word);

impl Cell {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn zero() -> Self {
        Self(Word::zero())
    }

    #[cfg(all(test, loom))]
    pub(crate) fn zero() -> Self {
        Self(Word::zero())
    }

    /// Adds; wraps at 2⁶⁴. Only the thread that holds the shard's lease may call it (or the
    /// holder of the overflow shard's mutex): another writer's adds would be lost.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        self.put(self.0.owned_load().wrapping_add(n));
    }

    /// Adds by read-modify-write: for the overflow shard, where threads meet.
    pub(crate) fn add_shared(&self, n: u64) {
        // Release: as in `put`. Tests: cell::loom::shared_cell_loses_nothing (it needs the
        // read-modify-write), cell::loom::difference_is_never_negative (the ordering).
        self.0.fetch_add(n, Ordering::Release);
    }

    /// The owner's own value.
    #[inline(always)]
    pub(crate) fn owned(&self) -> u64 {
        self.0.owned_load()
    }

    /// The owner's store.
    #[inline(always)]
    pub(crate) fn put(&self, value: u64) {
        // Release: partner of the Acquire in `get`.
        // Tests: cell::loom::difference_is_never_negative, observation::loom::whole_or_not_at_all.
        self.0.store(value, Ordering::Release);
    }

    /// A reader's load.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Acquire: partner of the Release in `put` and `add_shared`.
        // Tests: cell::loom::difference_is_never_negative, observation::loom::whole_or_not_at_all.
        self.0.load(Ordering::Acquire)
    }

    /// A reader's load that orders nothing after it.
    #[inline]
    pub(crate) fn get_relaxed(&self) -> u64 {
        // Relaxed: what must come before it was loaded with Acquire by the same thread.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets to zero between two uses of the cell.
    ///
    /// The last handle of the instrument is gone and the next is not made yet, so nobody reads
    /// or writes; what orders this store against both is the handle's reference count and the
    /// allocator's mutex.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::Cell;
    use crate::shard::model::explore;

    /// Two owners and a reader that reads twice: monotone, never ahead, exact after the join.
    #[test]
    fn sum_is_monotone_and_exact() {
        let seen = explore(
            "cell: two writers, a reader reading twice",
            None,
            |outcome| {
                let cells = Arc::new([Cell::zero(), Cell::zero()]);
                let writers: Vec<_> = [0, 1]
                    .map(|i| {
                        let cells = cells.clone();
                        thread::spawn(move || cells[i].add(1))
                    })
                    .into();
                let sum = || cells.iter().map(Cell::get).sum::<u64>();
                let first = sum();
                let second = sum();
                assert!(first <= second && second <= 2);
                for writer in writers {
                    writer.join().unwrap();
                }
                assert_eq!(sum(), 2);
                outcome.reached((first, second));
            },
        );
        assert_eq!(
            seen,
            BTreeSet::from([(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)])
        );
    }

    /// An up on one thread, then its down on another: downs summed first, the difference is
    /// never negative. With Relaxed on either side it can be.
    #[test]
    fn difference_is_never_negative() {
        let seen = explore("cell: an up here, its down there", None, |outcome| {
            let cells = Arc::new([Cell::zero(), Cell::zero(), Cell::zero()]);
            let (up, own_down, shared_down) = (0, 1, 2);
            let baton = Arc::new(loom::sync::Mutex::new(false));
            let upper = {
                let (cells, baton) = (cells.clone(), baton.clone());
                thread::spawn(move || {
                    cells[up].add(2);
                    *baton.lock().unwrap() = true;
                })
            };
            let downer = {
                let (cells, baton) = (cells.clone(), baton.clone());
                thread::spawn(move || {
                    if *baton.lock().unwrap() {
                        cells[own_down].add(1);
                        cells[shared_down].add_shared(1);
                    }
                })
            };
            let shared_downs = cells[shared_down].get();
            let downs = cells[own_down].get() + shared_downs;
            let ups = cells[up].get();
            assert!(downs <= ups, "{ups} ups, {downs} downs");
            upper.join().unwrap();
            downer.join().unwrap();
            outcome.reached((ups, downs));
        });
        assert_eq!(seen, BTreeSet::from([(0, 0), (2, 0), (2, 1), (2, 2)]));
    }

    /// Two threads on one cell of the overflow shard.
    #[test]
    fn shared_cell_loses_nothing() {
        let seen = explore("cell: two threads on a shared cell", None, |outcome| {
            let cell = Arc::new(Cell::zero());
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    let cell = cell.clone();
                    thread::spawn(move || cell.add_shared(1))
                })
                .collect();
            let seen = cell.get();
            for writer in writers {
                writer.join().unwrap();
            }
            assert_eq!(cell.get(), 2);
            outcome.reached(seen);
        });
        assert_eq!(seen, BTreeSet::from([0, 1, 2]));
    }
}
