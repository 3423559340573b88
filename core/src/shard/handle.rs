//! What an instrument holds: its run of cells, and a share in keeping it.
//!
//! Guarantees: the cells are the instrument's until its last handle is dropped; then they are
//! zeroed and may be another's.
//!
//! Costs: 16 bytes a handle (12 where pointers have 4), and one allocation an instrument.

use super::grace::Counts;
use super::local::{self, POOL};
use super::observation::Totals;
use super::slot::Run;
use crate::sync::Arc;

/// A handle to a run of cells. Clones share the run.
#[derive(Clone)]
pub(crate) struct Handle {
    /// A copy of the owner's, so that recording does not follow the pointer.
    run: Run,
    _owner: Arc<Owner>,
}

// A handle is a run and a pointer, which instruments and series hold many of.
const _: () = assert!(size_of::<Handle>() == 8 + size_of::<usize>());

struct Owner {
    run: Run,
}

impl Drop for Owner {
    fn drop(&mut self) {
        POOL.give_back(self.run);
    }
}

impl Handle {
    /// A run of `len` cells, all zero.
    pub(crate) fn new(len: u16) -> Self {
        let run = POOL.take(len);
        Self {
            run,
            _owner: Arc::new(Owner { run }),
        }
    }

    #[inline(always)]
    pub(crate) fn add(&self, index: usize, n: u64) {
        local::add(self.run, index, n);
    }

    #[inline(always)]
    pub(crate) fn observe(&self, bucket: usize, value: f64) {
        local::observe(self.run, bucket, value);
    }

    pub(crate) fn run(&self) -> Run {
        self.run
    }

    pub(crate) fn sum(&self, index: usize) -> u64 {
        POOL.sum(self.run, index)
    }

    pub(crate) fn observations(&self, buckets: &mut [u64]) -> Totals {
        POOL.observations(self.run, buckets)
    }
}

impl Counts for Handle {
    #[inline]
    fn count(&self, index: usize) {
        self.add(index, 1);
    }

    fn sum(&self, index: usize) -> u64 {
        Self::sum(self, index)
    }
}
