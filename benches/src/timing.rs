//! Threads that work at once, and are timed together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Times `threads` threads that do their part, `work(iters)` each, at once: from the start of the first to the end of the last.
///
/// `warm_up` runs on each thread before the clock starts. Several threads have a processor each: where the machine has
/// other work, the system may otherwise leave them on one, and each would seem to take twice as long.
pub fn together(
    threads: usize,
    iters: u64,
    warm_up: impl Fn() + Sync,
    work: impl Fn(u64) + Sync,
) -> Duration {
    let ready = AtomicUsize::new(0);
    let ready = &ready;
    let (warm_up, work) = (&warm_up, &work);
    let timed = |index: usize| {
        let _processor = (threads > 1).then(|| OwnProcessor::take(index));
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
        let others: Vec<_> = (1..threads)
            .map(|index| scope.spawn(move || timed(index)))
            .collect();
        let (mut start, mut end) = timed(0);
        for other in others {
            let (its_start, its_end) = other.join().expect("an operation does not panic");
            start = start.min(its_start);
            end = end.max(its_end);
        }
        end - start
    })
}

/// The calling thread stays on one processor, until this is dropped. Does nothing where that cannot be had.
struct OwnProcessor {
    #[cfg(target_os = "linux")]
    before: Option<rustix::thread::CpuSet>,
}

#[cfg(target_os = "linux")]
impl OwnProcessor {
    /// The `index`-th of those that the thread may use.
    fn take(index: usize) -> Self {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let before = sched_getaffinity(None).ok();
        let processor = before.and_then(|before| {
            (0..CpuSet::MAX_CPU)
                .filter(|&cpu| before.is_set(cpu))
                .nth(index)
        });
        if let Some(processor) = processor {
            let mut one = CpuSet::new();
            one.set(processor);
            // Refused, it is a bench whose threads may meet.
            let _ = sched_setaffinity(None, &one);
        }
        Self { before }
    }
}

#[cfg(target_os = "linux")]
impl Drop for OwnProcessor {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = rustix::thread::sched_setaffinity(None, before);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl OwnProcessor {
    fn take(_index: usize) -> Self {
        Self {}
    }
}

/// The median, which one disturbed slice does not move.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
