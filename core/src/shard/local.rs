//! The calling thread's lease, and the way to its cells.
//!
//! Guarantees: a recording reaches the thread's own cells in a handful of plain instructions;
//! a thread that has no lease, may not have one any more, or is in the middle of getting one
//! records on the overflow shard. No recording is refused, and none waits for a reader.
//!
//! Costs: one thread-local access, a bounds check and a null check before the cells.
//!
//! Limits: not async-signal-safe; a forked child must not go on recording (`DESIGN.md` says why).

use std::cell::Cell as StdCell;

use super::cell::Cell;
use super::lease::{CAP_UNSET, Lease, Pool};
use super::observation;
use super::slot::Run;
#[cfg(all(test, loom))]
use crate::sync::LazyLock;
use crate::sync::OnceLock;

/// The one pool of the process.
#[cfg(not(all(test, loom)))]
pub(crate) static POOL: Pool = Pool::new(CAP_UNSET);

/// Loom's types cannot be made in a constant; and no model uses this one.
#[cfg(all(test, loom))]
pub(crate) static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(CAP_UNSET));

/// A run whose block every lease gets, whatever it was asked for, because whoever records in it may
/// not make one: the allocator's.
static EVERY_LEASE_HAS: OnceLock<Run> = OnceLock::new();

/// Gives every lease the block of a run: from now on at its beginning, and to a lease that is there
/// already the next time that its thread records in a block that it has not used, or when it
/// is [told to](complete_lease_at_next_recording).
pub(super) fn give_to_every_lease(run: Run) {
    EVERY_LEASE_HAS.get_or_init(|| run);
}

/// Sends the calling thread's next recording through the slow path, which gives its lease what
/// every lease has. Without a lease, that is where it goes anyway. Neither locks nor allocates.
#[inline]
pub(super) fn complete_lease_at_next_recording() {
    // Whatever the state is: while the thread is getting a lease, `adopt` is still to come.
    LOCAL.with(|local| local.len.set(0));
}

/// A thread on overflow asks for a lease again after so many recordings.
const RETRY_AFTER: u32 = 1_024;

/// What the fast path reads. It has no destructor, so that it can be used to the very end of
/// the thread, and needs no initialisation.
struct Local {
    /// The lease's directory; dangling while `len` is 0.
    directory: StdCell<*const StdCell<*const Cell>>,
    /// Entries in it; 0 without a lease, and where the lease lacks something, so that the bounds
    /// check finds that out too.
    len: StdCell<usize>,
    state: StdCell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// May have a lease, or ask for one.
    Open,
    /// Is getting a lease or a block right now: a recording from inside must not.
    Busy,
    /// Found the pool at its cap; asks again after so many recordings.
    Overflow(u32),
    /// The thread's destructors run; its shard has been returned.
    Ended,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            directory: StdCell::new(std::ptr::null()),
            len: StdCell::new(0),
            state: StdCell::new(State::Open),
        }
    };
    /// Apart from `LOCAL`, because it has a destructor.
    static GUARD: Guard = const { Guard(StdCell::new(None)) };
}

/// Returns the shard when the thread ends.
struct Guard(StdCell<Option<Lease<'static>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.len.set(0);
            local.state.set(State::Ended);
        });
        // The lease itself is dropped after this, and nothing records through it any more.
    }
}

impl Local {
    /// The first cell of a block in the thread's own shard, if it has used the block before.
    #[inline(always)]
    fn block(&self, number: u32) -> Option<*const Cell> {
        let number = number as usize;
        if number >= self.len.get() {
            return None;
        }
        let entries = self.directory.get();
        // SAFETY: `directory` has `len` entries while `len` is not 0 (only `adopt` sets it to anything
        // else, and both from the lease's directory, which stays until the next `adopt` or until
        // `Guard::drop` has set `len` to 0), and `number` is below it.
        let entry = unsafe { entries.add(number) };
        // SAFETY: as above, and only this thread uses the entries.
        let entry = unsafe { &*entry };
        let block = entry.get();
        (!block.is_null()).then_some(block)
    }

    /// Takes note of where the lease's directory is.
    fn adopt(&self, lease: &Lease<'static>) {
        let directory = lease.directory();
        self.directory.set(directory.as_ptr());
        self.len.set(directory.len());
    }
}

/// The calling thread's own cells of a run, if it has used their block before.
#[inline(always)]
pub(super) fn own_cells(run: Run) -> Option<&'static [Cell]> {
    let block = LOCAL.with(|local| local.block(run.block))?;
    // SAFETY: the block has at least `run.range().end` cells: it was made for this run's number,
    // and runs of a number lie within `block_cells()`.
    let start = unsafe { block.add(usize::from(run.offset)) };
    // SAFETY: as above; and blocks live as long as the pool, which is a static.
    Some(unsafe { std::slice::from_raw_parts(start, usize::from(run.len)) })
}

/// Adds `n` to cell `index` of a run.
#[inline]
pub(crate) fn add(run: Run, index: usize, n: u64) {
    match own_cells(run) {
        Some(cells) => cells[index].add(n),
        None => add_cold(run, index, n),
    }
}

#[cold]
#[inline(never)]
fn add_cold(run: Run, index: usize, n: u64) {
    match lease_cells(run) {
        Some(cells) => cells[index].add(n),
        None => POOL.add_on_overflow(run, index, n),
    }
}

/// Records an observation in a histogram's run.
#[inline]
pub(crate) fn observe(run: Run, bucket: usize, value: f64) {
    match own_cells(run) {
        Some(cells) => observation::record(cells, bucket, value),
        None => observe_cold(run, bucket, value),
    }
}

#[cold]
#[inline(never)]
fn observe_cold(run: Run, bucket: usize, value: f64) {
    match lease_cells(run) {
        Some(cells) => observation::record(cells, bucket, value),
        None => POOL.observe_on_overflow(run, bucket, value),
    }
}

/// The calling thread's cells of a run, after getting a lease and a block if that can be done.
fn lease_cells(run: Run) -> Option<&'static [Cell]> {
    LOCAL.with(|local| {
        match local.state.get() {
            State::Busy | State::Ended => return None,
            State::Overflow(left) if left > 0 => {
                local.state.set(State::Overflow(left - 1));
                return None;
            }
            State::Open | State::Overflow(_) => {}
        }
        local.state.set(State::Busy);
        // Registering the guard's destructor may allocate, so this comes after `Busy`. It fails
        // once the destructors of the thread have begun.
        let cells = GUARD.try_with(|guard| {
            let mut lease = guard.0.take().or_else(|| {
                POOL.ensure_cap();
                POOL.lease()
            });
            let cells = lease.as_mut().map(|lease| {
                // Its directory may move.
                local.len.set(0);
                if let Some(run) = EVERY_LEASE_HAS.get() {
                    lease.cells(*run);
                }
                let cells = lease.cells(run);
                local.adopt(lease);
                cells
            });
            guard.0.set(lease);
            cells
        });
        local.state.set(match cells {
            Ok(Some(_)) => State::Open,
            Ok(None) => State::Overflow(RETRY_AFTER),
            Err(_) => State::Ended,
        });
        cells.ok().flatten()
    })
}
