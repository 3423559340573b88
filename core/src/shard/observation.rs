//! How a histogram's observation is written and read: whole, or not at all.
//!
//! A histogram's run of cells is
//!
//! | cell | holds |
//! | --- | --- |
//! | 0 | `count`: how many observations are complete |
//! | 1 | the sum (the bits of an `f64`) of an even number of observations |
//! | 2 | the sum of an odd number of observations |
//! | 3 … | the buckets, not cumulative |
//!
//! **Writer** (one thread), for observation n+1: the sum of n observations stands in cell
//! 1 + n mod 2; store the new sum in the *other* sum cell, then the bucket, then `count` = n+1.
//! The old sum stays readable until observation n+2.
//!
//! **Reader**: load `count`, the buckets, the sum cell that belongs to Σ buckets, and `count`
//! again. If `count` did not change, then at most observation n+1 was under way, and Σ buckets is n
//! or n+1: either way the matching sum stood there, complete. So
//!
//! Guarantees: an accepted copy holds each observation whole (bucket, sum and count) or not at
//! all. The writer never waits. **A writer that the system stopped in the middle of an
//! observation holds nobody up**: the copy is accepted, without that observation or with it. Only
//! observations that *complete* during a copy make the reader try again.
//!
//! Does not: bound the reader's tries against a writer that never pauses; it yields instead, and
//! the writer's progress is what it waits for.
//!
//! Costs: three loads and three stores to write. A sequence lock (odd, bucket, sum, even) has
//! one store more and lets a stopped writer block the reader; the price here is one more cell.
//!
//! Source: the idea of the two sums is that of the left-right technique (Ramalhete and Correia,
//! "Left-Right: A Concurrency Control Technique with Wait-Free Population Oblivious Reads",
//! 2013), cut down to one word; that an ordinary Release/Acquire pair replaces the fences of a
//! sequence lock is Boehm, "Can Seqlocks Get Along with Programming Language Memory Models?", 2012.

use super::cell::Cell;

/// Cells before the first bucket.
pub(crate) const HEADER: usize = 3;

/// Tries before the reader gives its processor away between two of them: more than a reader needs
/// in the mean against a writer flat out (measured in `core/DESIGN.md`).
const TRIES_BEFORE_YIELD: u32 = 64;

#[inline(always)]
fn sum_cell(count: u64) -> usize {
    1 + (count & 1) as usize
}

/// Records one observation. Only the owner of the cells may call it.
#[inline(always)]
pub(crate) fn record(cells: &[Cell], bucket: usize, value: f64) {
    let count = cells[0].owned();
    let sum = f64::from_bits(cells[sum_cell(count)].owned()) + value;
    let next = count.wrapping_add(1);
    // The three stores are Release, in this order (partners: the Acquire loads of `try_read`).
    // Sum: a reader that sees it overwritten, two observations later, also sees that `count`
    // moved. Bucket: a reader that sees it also sees the new sum. Count: a reader that sees it
    // also sees the bucket and the sum.
    // Tests: loom::whole_or_not_at_all.
    cells[sum_cell(next)].put(sum.to_bits());
    cells[HEADER + bucket].add(1);
    cells[0].put(next);
}

/// What was copied: count and sum; the buckets are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

/// One try. `None` when an observation completed meanwhile; `buckets` is then meaningless.
pub(crate) fn try_read(cells: &[Cell], buckets: &mut [u64]) -> Option<Totals> {
    let before = cells[0].get();
    let mut count: u64 = 0;
    for (bucket, cell) in buckets.iter_mut().zip(&cells[HEADER..]) {
        *bucket = cell.get();
        count = count.wrapping_add(*bucket);
    }
    let sum = f64::from_bits(cells[sum_cell(count)].get());
    // Relaxed suffices: it comes after the Acquire loads above.
    if cells[0].get_relaxed() != before {
        return None;
    }
    // Not an assertion for the debug build alone: it is the promise.
    assert!(
        count == before || count == before.wrapping_add(1),
        "a torn histogram: {before} observations complete, {count} in the buckets"
    );
    Some(Totals { count, sum })
}

/// Tries until a copy is whole.
pub(crate) fn read(cells: &[Cell], buckets: &mut [u64]) -> Totals {
    let mut tries = 0_u32;
    loop {
        if let Some(totals) = try_read(cells, buckets) {
            return totals;
        }
        tries = tries.saturating_add(1);
        if tries < TRIES_BEFORE_YIELD {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::{HEADER, record, try_read};
    use crate::shard::cell::Cell;
    use crate::shard::model::explore;

    /// The first observation is 1.0 in bucket 0, the second 2.0 in bucket 1, and so on in
    /// turn: (count, sum, buckets) is one of the states between two observations, or torn.
    fn whole(state: &(u64, u64, [u64; 2])) -> bool {
        [
            (0, 0, [0, 0]),
            (1, 1, [1, 0]),
            (2, 3, [1, 1]),
            (3, 4, [2, 1]),
        ]
        .contains(state)
    }

    type Read = Option<(u64, u64, [u64; 2])>;

    fn read_once(cells: &[Cell]) -> Read {
        let mut buckets = [0; 2];
        try_read(cells, &mut buckets).map(|totals| {
            let state = (totals.count, totals.sum as u64, buckets);
            assert!(whole(&state), "torn: {state:?}");
            state
        })
    }

    fn cells() -> Arc<[Cell; HEADER + 2]> {
        Arc::new(std::array::from_fn(|_| Cell::zero()))
    }

    /// Three observations, so that a sum cell is written twice; one read.
    #[test]
    fn whole_or_not_at_all() {
        let seen = explore("observation: three observations, a read", None, |outcome| {
            let cells = cells();
            let writer = {
                let cells = cells.clone();
                thread::spawn(move || {
                    record(&*cells, 0, 1.0);
                    record(&*cells, 1, 2.0);
                    record(&*cells, 0, 1.0);
                })
            };
            outcome.reached(read_once(&*cells));
            writer.join().unwrap();
            assert_eq!(read_once(&*cells), Some((3, 4, [2, 1])));
        });
        assert_eq!(
            seen,
            BTreeSet::from([
                None,
                Some((0, 0, [0, 0])),
                Some((1, 1, [1, 0])),
                Some((2, 3, [1, 1])),
                Some((3, 4, [2, 1])),
            ])
        );
    }

    /// Two observations, two reads: what a reader has seen it does not lose again.
    #[test]
    fn reads_never_step_back() {
        let seen = explore(
            "observation: two observations, two reads",
            Some(3),
            |outcome| {
                let cells = cells();
                let writer = {
                    let cells = cells.clone();
                    thread::spawn(move || {
                        record(&*cells, 0, 1.0);
                        record(&*cells, 1, 2.0);
                    })
                };
                let first = read_once(&*cells).map(|state| state.0);
                let second = read_once(&*cells).map(|state| state.0);
                if let (Some(first), Some(second)) = (first, second) {
                    assert!(first <= second);
                }
                outcome.reached((first, second));
                writer.join().unwrap();
            },
        );
        // Every pair that does not step back, but for (None, Some(0)): a read is given up only
        // when an observation completed, and the next one sees that.
        let counts = [None, Some(0), Some(1), Some(2)];
        let reachable: BTreeSet<_> = counts
            .into_iter()
            .flat_map(|first| counts.map(|second| (first, second)))
            .filter(|(first, second)| first.is_none() || second.is_none() || first <= second)
            .filter(|pair| *pair != (None, Some(0)))
            .collect();
        assert_eq!(seen, reachable);
    }

    /// A writer that stops for ever before its last store, with a reader beside it: wherever
    /// it stands, the reader is not sent away, and sees the observation whole or not at all.
    #[test]
    fn a_stopped_writer_holds_nobody_up() {
        let seen = explore(
            "observation: a writer stopped in the middle",
            None,
            |outcome| {
                let cells = cells();
                record(&*cells, 0, 1.0);
                let writer = {
                    let cells = cells.clone();
                    thread::spawn(move || {
                        // The stores of `record(cells, 1, 2.0)`, but for the last one.
                        cells[1].put(3.0_f64.to_bits());
                        cells[HEADER + 1].add(1);
                    })
                };
                outcome
                    .reached(read_once(&*cells).expect("sent away by a writer that does not move"));
                writer.join().unwrap();
                outcome.reached(read_once(&*cells).expect("sent away by a stopped writer"));
            },
        );
        assert_eq!(seen, BTreeSet::from([(1, 1, [1, 0]), (2, 3, [1, 1])]));
    }
}

#[cfg(all(test, not(loom)))]
mod measure {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::{HEADER, record, try_read};
    use crate::shard::cell::Cell;
    use crate::shard::memory::Memory;

    const BUCKETS: usize = 12;

    /// Reads in a tight loop for two seconds while a writer observes every `pause`; returns the
    /// mean and the worst number of tries, and the writer's nanoseconds an observation.
    fn tries(start: usize, pause: Duration) -> (f64, u32, f64) {
        let memory = Memory::new(64, Cell::zero);
        let cells = &memory[start..start + HEADER + BUCKETS];
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let (began, mut observations) = (Instant::now(), 0_u64);
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..16 {
                        record(cells, (observations % BUCKETS as u64) as usize, 1.0);
                        observations += 1;
                        let paused = (!pause.is_zero()).then(Instant::now);
                        while paused.is_some_and(|since| since.elapsed() < pause) {
                            std::hint::spin_loop();
                        }
                    }
                }
                began.elapsed().as_nanos() as f64 / observations as f64
            });
            let (began, mut reads, mut all, mut worst) = (Instant::now(), 0_u64, 0_u64, 0);
            while began.elapsed() < Duration::from_secs(2) {
                let mut buckets = [0; BUCKETS];
                let mut tries = 1;
                while try_read(cells, &mut buckets).is_none() {
                    tries += 1;
                    std::hint::spin_loop();
                }
                reads += 1;
                all += u64::from(tries);
                worst = worst.max(tries);
            }
            stop.store(true, Ordering::Relaxed);
            let ns = writer.join().expect("the writer does not panic");
            (all as f64 / reads as f64, worst, ns)
        })
    }

    /// Prints what `core/DESIGN.md` quotes; it asserts nothing, because it measures time.
    #[test]
    #[ignore = "a measurement: cargo test -p tallied --release --lib -- --ignored --nocapture tries"]
    fn tries_of_a_reader() {
        println!(
            "| run starts | pause after an observation | tries a read, mean | worst | ns an observation |"
        );
        println!("| --- | --- | --- | --- | --- |");
        for start in [0, 7] {
            for pause in [0, 200, 1_000] {
                let (mean, worst, ns) = tries(start, Duration::from_nanos(pause));
                let place = if start == 0 {
                    "on a cache line"
                } else {
                    "at its end"
                };
                println!("| {place} | {pause} ns | {mean:.2} | {worst} | {ns:.0} |");
            }
        }
    }
}
