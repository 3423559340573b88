//! Timing on a machine that does other things too: threads that work at once, and samples that are
//! taken anew when somebody else had the processor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::report;

/// How often a sample is taken until one is undisturbed.
const ATTEMPTS: usize = 3;

/// What a stretch of work took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// From its start to its end.
    pub time: Duration,
    /// How many operations were done in it, on each thread.
    pub operations: u64,
    /// How much of it a thread that works was ready to run, and had no processor. Waiting for a
    /// lock is not in it.
    pub waited: Duration,
}

impl Sample {
    /// Whether a thread went without a processor for more than 2 % of the time.
    pub fn is_disturbed(&self) -> bool {
        self.waited > self.time / 50
    }

    fn disturbance(&self) -> f64 {
        self.waited.as_secs_f64() / self.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The first undisturbed sample of some attempts, or the least disturbed.
pub fn undisturbed(mut take: impl FnMut() -> Sample) -> Sample {
    let mut best = take();
    for _ in 1..ATTEMPTS {
        if !best.is_disturbed() {
            break;
        }
        let next = take();
        if next.disturbance() < best.disturbance() {
            best = next;
        }
    }
    best
}

/// The samples of one criterion benchmark, and how many of them were disturbed all the same.
#[derive(Debug, Default)]
pub struct Samples {
    taken: u32,
    disturbed: u32,
}

impl Samples {
    /// The time of an [`undisturbed`] sample, for `iter_custom`.
    pub fn time(&mut self, take: impl FnMut() -> Sample) -> Duration {
        let sample = undisturbed(take);
        self.taken += 1;
        self.disturbed += u32::from(sample.is_disturbed());
        sample.time
    }

    /// Leaves the share of disturbed samples beside criterion's figures. Nothing where the
    /// benchmark was filtered out.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn leave(&self, group: &str, contestant: &str, parameter: usize) {
        if self.taken > 0 {
            let share = f64::from(self.disturbed) / f64::from(self.taken);
            report::leave(
                &format!("{group}/{contestant}/{parameter}/disturbed"),
                &share.into(),
            )
            .expect("the results' folder can be written to");
        }
    }
}

/// How long this thread has waited for a processor since it began; zero where the system does not
/// say, as outside of Linux.
fn waited() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    // Nanoseconds on a processor, nanoseconds waiting for one, turns.
    let nanoseconds = statistics
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Times work on this thread; it returns how many operations it did.
pub fn alone(work: impl FnOnce() -> u64) -> Sample {
    let (waited_before, start) = (waited(), Instant::now());
    let operations = work();
    Sample {
        time: start.elapsed(),
        operations,
        waited: waited() - waited_before,
    }
}

/// Times `threads` threads that do their part, `work(iters)` each, at once.
///
/// `warm_up` runs on each thread before the clock starts.
pub fn together(
    threads: usize,
    iters: u64,
    warm_up: impl Fn() + Sync,
    work: impl Fn(u64) + Sync,
) -> Sample {
    let ready = AtomicUsize::new(0);
    let timed = || {
        warm_up();
        let waited_before = waited();
        // A spinning barrier lets both go within a fraction of a microsecond; a sleeping one
        // would let the first run alone until the second is woken.
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        work(iters);
        let end = Instant::now();
        (start, end, waited() - waited_before)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(timed)).collect();
        let (mut start, mut end, mut waited) = timed();
        for other in others {
            let (its_start, its_end, it_waited) =
                other.join().expect("an operation does not panic");
            start = start.min(its_start);
            end = end.max(its_end);
            waited = waited.max(it_waited);
        }
        Sample {
            time: end - start,
            operations: iters,
            waited,
        }
    })
}
