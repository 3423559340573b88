//! The pool of shards: the cells that threads lease to record in.
//!
//! A thread leases a shard, a set of cells of its own, when it first records, and returns it when
//! it ends. Threads beyond the cap record in one more set that they share: nothing is lost, and
//! each recording costs what it costs with an atomic counter (a mutex, for a histogram).

use crate::shard::POOL;

/// How many threads can own their cells at the same time: twice the number of processors, and at
/// least 8, unless [`set_thread_cap`] was called.
pub fn thread_cap() -> usize {
    POOL.ensure_cap();
    POOL.cap()
}

/// Sets how many threads can own their cells at the same time. To be called before the threads
/// record: a smaller cap takes effect only as threads end.
///
/// # Panics
/// When `cap` is 0.
pub fn set_thread_cap(cap: usize) {
    assert!(
        cap > 0,
        "set_thread_cap(0): at least one thread has to own its cells; pass 1 or more"
    );
    POOL.set_cap(cap);
}

/// How many shards exist. It never exceeds the largest [`thread_cap`] that was in force, however
/// many threads come and go.
pub fn shards() -> usize {
    POOL.appended()
}
