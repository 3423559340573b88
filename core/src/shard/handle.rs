//! What an instrument holds: its run of cells, and a share in keeping it.
//!
//! Guarantees: the cells are the instrument's until its last handle is dropped; then they are
//! zeroed and may be another's.
//!
//! Costs: 16 bytes a handle, and one allocation an instrument.

use super::lease::Pool;
use super::local::{self, POOL};
use super::observation::Totals;
use super::slot::Run;
use crate::sync::Arc;

/// A handle to a run of cells. Clones share the run.
#[derive(Clone)]
pub(crate) struct Handle {
    /// A copy of `owner.run`, so that recording does not follow the pointer.
    run: Run,
    owner: Arc<Owner>,
}

const _: () = assert!(size_of::<Handle>() == 16);

struct Owner {
    run: Run,
    pool: &'static Pool,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.pool.give_back(self.run);
    }
}

impl Handle {
    /// A run of `len` cells, all zero.
    pub(crate) fn new(len: u16) -> Self {
        let run = POOL.take(len);
        Self {
            run,
            owner: Arc::new(Owner { run, pool: &POOL }),
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
        self.owner.pool.sum(self.run, index)
    }

    pub(crate) fn observations(&self, buckets: &mut [u64]) -> Totals {
        self.owner.pool.observations(self.run, buckets)
    }
}
