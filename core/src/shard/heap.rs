//! The cells that an allocator counts in.
//!
//! Guarantees: counting never leases, locks or allocates, so that it can be called from inside
//! the global allocator at any moment of a thread's life. Nothing is lost: a thread that has no
//! cells of its own for it adds to a few that all share.
//!
//! A thread gets its cells in the slow path of a recording: of its first, or, if it has recorded
//! before there were cells to get, of the next one after an allocation. They are not made while
//! it allocates, because that takes memory.
//!
//! Costs: with cells of its own, a thread-local access and two single-writer additions; without,
//! two atomic additions on words that threads share.

use super::cell::Cell;
use super::handle::Handle;
use super::local;
#[cfg(all(test, loom))]
use crate::sync::LazyLock;
use crate::sync::OnceLock;

/// Places in the run, and in [`SHARED`].
pub(crate) const ALLOCATIONS: usize = 0;
pub(crate) const DEALLOCATIONS: usize = 1;
pub(crate) const ALLOCATED_BYTES: usize = 2;
pub(crate) const DEALLOCATED_BYTES: usize = 3;
const CELLS: usize = 4;

/// For who has no cells of its own: statics, so that they are there before the first allocation.
#[cfg(not(all(test, loom)))]
static SHARED: [Cell; CELLS] = [const { Cell::zero() }; CELLS];
#[cfg(all(test, loom))]
static SHARED: LazyLock<[Cell; CELLS]> = LazyLock::new(|| std::array::from_fn(|_| Cell::zero()));

/// The run that every lease gets; empty until somebody wants to read it.
static OWN: OnceLock<Handle> = OnceLock::new();

/// Adds `n` to one cell and `m` to another.
#[inline]
pub(crate) fn count(first: usize, n: u64, second: usize, m: u64) {
    if let Some(own) = OWN.get() {
        if let Some(cells) = local::own_cells(own.run()) {
            cells[first].add(n);
            cells[second].add(m);
            return;
        }
        // The thread has no lease, or leased before there was this run. Its recordings may all
        // be in blocks that it knows; then none would come past the place where it is given.
        local::complete_lease_at_next_recording();
    }
    SHARED[first].add_shared(n);
    SHARED[second].add_shared(m);
}

/// The sum of a cell over all threads.
pub(crate) fn sum(index: usize) -> u64 {
    SHARED[index]
        .get()
        .wrapping_add(OWN.get().map_or(0, |own| own.sum(index)))
}

/// Lets threads count in their own cells: those that lease a shard from now on, and those that
/// have one, once they record again.
pub(crate) fn share() {
    OWN.get_or_init(|| {
        let own = Handle::new(CELLS as u16);
        // Before `OWN` is there: who finds it and asks for the cells is given them.
        local::give_to_every_lease(own.run());
        own
    });
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ALLOCATED_BYTES, ALLOCATIONS, Handle, OWN, SHARED, count, local, share, sum};

    /// Counts one allocation: what it adds to the words that threads share, and to the sum.
    fn counted() -> (u64, u64) {
        let before = (SHARED[ALLOCATIONS].get(), sum(ALLOCATIONS));
        count(ALLOCATIONS, 1, ALLOCATED_BYTES, 64);
        (
            SHARED[ALLOCATIONS].get() - before.0,
            sum(ALLOCATIONS) - before.1,
        )
    }

    // The only test that calls `count` or `share`: both are the process's.
    #[test]
    fn a_thread_that_leased_before_gets_its_cells_without_a_new_block() {
        // On a thread that has no lease from another test.
        let thread = std::thread::spawn(|| {
            let known = Handle::new(1);
            known.add(0, 1);
            assert!(local::own_cells(known.run()).is_some(), "it has a lease");
            assert!(OWN.get().is_none());
            assert_eq!(counted(), (1, 1), "there are no cells to have yet");

            share();
            known.add(0, 1);
            assert_eq!(counted(), (1, 1), "none are made while it allocates");

            known.add(0, 1);
            assert_eq!(counted(), (0, 1), "its own cells");
            assert!(local::own_cells(known.run()).is_some(), "and the others");
            assert_eq!(known.sum(0), 3);
        });
        thread.join().unwrap();

        // A first recording brings them too.
        let thread = std::thread::spawn(|| {
            assert_eq!(counted(), (1, 1));
            Handle::new(1).add(0, 1);
            assert_eq!(counted(), (0, 1));
        });
        thread.join().unwrap();
    }
}
