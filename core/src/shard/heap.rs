//! The cells that an allocator counts in.
//!
//! Guarantees: counting never leases, locks or allocates, so that it can be called from inside
//! the global allocator at any moment of a thread's life. Nothing is lost: a thread that has no
//! cells of its own for it adds to a few that all share.
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

/// The run that every lease has from its beginning; empty until somebody wants to read it.
static OWN: OnceLock<Handle> = OnceLock::new();

/// Adds `n` to one cell and `m` to another.
#[inline]
pub(crate) fn count(first: usize, n: u64, second: usize, m: u64) {
    if let Some(cells) = OWN.get().and_then(|own| local::own_cells(own.run())) {
        cells[first].add(n);
        cells[second].add(m);
    } else {
        SHARED[first].add_shared(n);
        SHARED[second].add_shared(m);
    }
}

/// The sum of a cell over all threads.
pub(crate) fn sum(index: usize) -> u64 {
    SHARED[index]
        .get()
        .wrapping_add(OWN.get().map_or(0, |own| own.sum(index)))
}

/// Lets threads that lease a shard from now on count in their own cells.
pub(crate) fn share() {
    let own = OWN.get_or_init(|| Handle::new(CELLS as u16));
    local::have_from_the_start(own.run());
}
