//! What the benches share: threads that are timed together, and the table of ratios.
//!
//! ```console
//! $ cargo bench -p tallied-benches                     # everything, and the table at the end
//! $ cargo bench -p tallied-benches -- counter          # one group
//! ```
//!
//! # How to read the figures
//!
//! - **One iteration is one operation on each thread.** At two threads, both do `iters`
//!   operations on the same instrument, and the time is from the moment both are let go until
//!   the later one is done, divided by `iters`: the time per operation *per thread*. Twice as
//!   many operations were done in it. Perfect scaling shows the same figure at one and at two
//!   threads.
//! - Starting the threads, and the first recording of each (which in tallied leases the
//!   thread's cells), are outside the timed part.
//! - The instrument goes through `black_box` before each operation, in all contestants alike,
//!   so that nothing is hoisted out of the loop that a lone call in a service would pay.
//! - `floor` is an increment of a thread-local `Cell<u64>`: nothing that counts per thread can
//!   cost less.
//! - The figure in the table is the median of criterion's samples. Compare ratios of one run;
//!   the absolute figures belong to the machine.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub mod table;

/// The time that `threads` threads take to do their part, `work(iters)` each, at once.
///
/// `warm_up` runs on each thread before the clock starts.
pub fn together(
    threads: usize,
    iters: u64,
    warm_up: impl Fn() + Sync,
    work: impl Fn(u64) + Sync,
) -> Duration {
    let ready = AtomicUsize::new(0);
    let timed = || {
        warm_up();
        // A spinning barrier lets both go within a fraction of a microsecond; a sleeping one
        // would let the first run alone until the second is woken.
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        work(iters);
        (start, Instant::now())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(timed)).collect();
        let (mut start, mut end) = timed();
        for other in others {
            let (its_start, its_end) = other.join().expect("an operation does not panic");
            start = start.min(its_start);
            end = end.max(its_end);
        }
        end - start
    })
}
