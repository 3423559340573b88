//! Threads that work at once, and are timed together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Times `threads` threads that do their part, `work(iters)` each, at once: from the start of the first to the end of the last.
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

/// The median, which one disturbed slice does not move.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
