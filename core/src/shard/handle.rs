//! What an instrument holds: its run of cells, a share in keeping it, and when it was made.
//!
//! Guarantees: the cells are the instrument's until its last handle is dropped; then they are
//! zeroed and may be another's.
//!
//! Costs: 16 bytes a handle (12 where pointers have 4), and one allocation an instrument.

use super::grace::Counts;
use super::local::{self, POOL};
use super::observation::Totals;
use super::slot::Run;
use crate::start_time::StartTime;
use crate::sync::Arc;

/// A handle to a run of cells. Clones share the run.
#[derive(Clone)]
pub(crate) struct Handle {
    run: Run,
    /// What the handles share; `None` while the handle is dropped. The last one gives the run back.
    /// It holds what recording does not read.
    shared: Option<Arc<StartTime>>,
}

// A handle is a run and a pointer, which instruments and series hold many of.
const _: () = assert!(size_of::<Handle>() == 8 + size_of::<usize>());

impl Drop for Handle {
    fn drop(&mut self) {
        // Of handles that are dropped at once, exactly one gets what they shared.
        if self.shared.take().and_then(Arc::into_inner).is_some() {
            POOL.give_back(self.run);
        }
    }
}

impl Handle {
    /// A run of `len` cells, all zero.
    pub(crate) fn new(len: u16) -> Self {
        Self {
            run: POOL.take(len),
            shared: Some(Arc::new(StartTime::now())),
        }
    }

    /// When the first of its handles was made.
    pub(crate) fn made(&self) -> Option<StartTime> {
        self.shared.as_deref().copied()
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
