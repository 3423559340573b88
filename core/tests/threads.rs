//! Recording from real threads with a reader in the midst: nothing is lost, nothing is torn,
//! whatever becomes of the threads.
//!
//! No test here is timed: what has to happen "meanwhile" is driven by the reader, which reads a
//! given number of times while the writers go on until it is done.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use tallied::{Counter, Histogram, HistogramSnapshot, UpDownCounter};

/// So many that some fall into the time for which the system stops a writer in the middle of an
/// observation: there are more threads than processors on a small machine.
const SNAPSHOTS: u64 = if cfg!(debug_assertions) {
    100_000
} else {
    500_000
};

/// Bucket i only ever gets the value 64ⁱ, so that the sum follows from the buckets. All sums stay
/// below 2⁵³, where an `f64` is exact: 2²⁹ observations of the largest value.
const VALUES: [f64; 5] = [1.0, 64.0, 4_096.0, 262_144.0, 16_777_216.0];

fn histogram() -> Histogram {
    Histogram::new(VALUES).unwrap()
}

/// An endless, uneven walk through the values.
fn walk() -> impl Iterator<Item = f64> {
    let mut state = 0x9E37_79B9_u32;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(VALUES[(state >> 24) as usize % VALUES.len()])
    })
}

/// Fails where an observation is in the buckets but not in the sum or the count, or the other
/// way round.
fn assert_whole(snapshot: &HistogramSnapshot) {
    let count: u64 = snapshot.buckets.iter().sum();
    assert_eq!(snapshot.count, count, "torn: {snapshot:?}");
    let buckets = snapshot.buckets.iter().zip(VALUES);
    let sum: f64 = buckets.map(|(n, value)| *n as f64 * value).sum();
    assert_eq!(snapshot.sum, sum, "torn: {snapshot:?}");
    assert_eq!(snapshot.buckets[VALUES.len()], 0, "nothing is above");
}

/// Fails where a later snapshot lacks what an earlier one had.
fn assert_follows(before: &HistogramSnapshot, after: &HistogramSnapshot) {
    assert!(
        before
            .buckets
            .iter()
            .zip(&after.buckets)
            .all(|(b, a)| b <= a)
            && before.count <= after.count
            && before.sum <= after.sum,
        "{before:?} then {after:?}"
    );
}

/// Lets the writers end when the reader is done, also when that is by a failed assertion.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two threads that stay, a train of threads that come and go, and a reader.
#[test]
fn totals_are_exact_and_snapshots_whole_under_churn() {
    let counter = Counter::default();
    let in_flight = UpDownCounter::default();
    let histogram = histogram();
    let record = |value: f64| {
        in_flight.inc();
        counter.inc_by(3);
        histogram.observe(value);
        in_flight.dec();
    };
    let done = AtomicBool::new(false);
    let go_on = || !done.load(Ordering::Relaxed);
    let (record, go_on) = (&record, &go_on);

    let recorded: u64 = thread::scope(|scope| {
        let stay = || {
            let values = walk().take_while(|_| go_on());
            values.map(record).count() as u64
        };
        let staying = [scope.spawn(stay), scope.spawn(stay)];
        let churn = scope.spawn(move || {
            let mut recorded = 0;
            while go_on() {
                let one = scope.spawn(move || walk().take(50).map(record).count());
                recorded += one.join().unwrap() as u64;
            }
            recorded
        });

        let stop = Stop(&done);
        let (mut count, mut last) = (0, histogram.get());
        for _ in 0..SNAPSHOTS {
            let next = histogram.get();
            assert_whole(&next);
            assert_follows(&last, &next);
            last = next;
            let now = counter.get();
            assert!(count <= now, "the counter went from {count} to {now}");
            count = now;
            let now = in_flight.get();
            // Not bounded above: ups are summed last, and go on meanwhile.
            assert!(now >= 0, "{now} in flight");
        }
        drop(stop);
        staying.into_iter().map(|t| t.join().unwrap()).sum::<u64>() + churn.join().unwrap()
    });

    assert_eq!(counter.get(), 3 * recorded);
    assert_eq!(in_flight.get(), 0);
    let end = histogram.get();
    assert_whole(&end);
    assert_eq!(end.count, recorded);
}

/// The up on one thread, its down on another, over a channel that orders the two.
#[test]
fn a_down_that_follows_its_up_elsewhere_never_shows_first() {
    let in_flight = UpDownCounter::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (hand_over, taken) = mpsc::sync_channel::<u64>(16);
            scope.spawn(|| {
                // Moved in, so that the other end learns when this one is done.
                let hand_over = hand_over;
                for n in (1..=7)
                    .cycle()
                    .take_while(|_| !done.load(Ordering::Relaxed))
                {
                    in_flight.inc_by(n);
                    hand_over.send(n).unwrap();
                }
            });
            scope.spawn(|| {
                for n in taken {
                    in_flight.dec_by(n);
                }
            });
        }
        let _stop = Stop(&done);
        for _ in 0..SNAPSHOTS {
            let now = in_flight.get();
            assert!(now >= 0, "{now} in flight");
        }
    });
    assert_eq!(in_flight.get(), 0);
}

/// Records when it is dropped.
struct AtTheEnd(Counter, UpDownCounter, Histogram);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.inc();
        self.1.inc();
        self.2.observe(64.0);
    }
}

thread_local! {
    static FIRST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

/// Thread-locals are destroyed in an order that depends on when they were first used: one of
/// them before the thread's first recording, one after, so that one is destroyed while the
/// thread still has its cells and the other when they have been returned.
#[test]
fn what_thread_local_destructors_record_is_counted() {
    const THREADS: u64 = 200;
    let (counter, up, histogram) = (Counter::default(), UpDownCounter::default(), histogram());
    let at_the_end = || Some(AtTheEnd(counter.clone(), up.clone(), histogram.clone()));
    thread::scope(|scope| {
        for kind in 0..THREADS {
            let (before, after) = (at_the_end(), at_the_end());
            let counter = &counter;
            let ended = scope.spawn(move || {
                FIRST.with(|first| *first.borrow_mut() = before);
                // Half of the threads record for the first time in a destructor.
                if kind % 2 == 0 {
                    counter.inc();
                }
                LAST.with(|last| *last.borrow_mut() = after);
            });
            // `join` waits for the destructors; the end of the scope would not.
            ended.join().unwrap();
        }
    });
    assert_eq!(counter.get(), 2 * THREADS + THREADS / 2);
    assert_eq!(up.get(), 2 * THREADS as i64);
    assert_eq!(histogram.get().count, 2 * THREADS);
    assert_whole(&histogram.get());
}

/// What was recorded before a panic stays, what a destructor records while it unwinds counts,
/// and the thread goes on afterwards.
#[test]
fn a_panic_between_two_records_loses_nothing() {
    let (counter, up, histogram) = (Counter::default(), UpDownCounter::default(), histogram());
    // Not `panic!`, which would print a message.
    let records_and_panics = || {
        counter.inc();
        histogram.observe(1.0);
        let _unwound = AtTheEnd(counter.clone(), up.clone(), histogram.clone());
        std::panic::resume_unwind(Box::new("between two records"));
    };
    thread::scope(|scope| {
        for _ in 0..50 {
            assert!(scope.spawn(records_and_panics).join().is_err());
        }
    });
    for _ in 0..50 {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(records_and_panics));
        assert!(caught.is_err());
        counter.inc();
    }
    assert_eq!(counter.get(), 250);
    assert_eq!(up.get(), 100);
    assert_whole(&histogram.get());
    assert_eq!(histogram.get().count, 200);
}

/// Instruments are made and dropped while their neighbours are recorded in: each starts at zero
/// though its cells were another's, and ends with what was recorded in it.
#[test]
fn instruments_made_under_load_start_at_zero() {
    const ROUNDS: u64 = 1_000;
    let neighbour = Counter::default();
    let done = AtomicBool::new(false);
    let recorded: u64 = thread::scope(|scope| {
        let stop = Stop(&done);
        let load = scope.spawn(|| {
            let mut recorded = 0;
            while !done.load(Ordering::Relaxed) {
                neighbour.inc();
                recorded += 1;
            }
            recorded
        });
        let makers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        let (counter, histogram) = (Counter::default(), histogram());
                        assert_eq!(counter.get(), 0);
                        assert_eq!(histogram.get().buckets, [0; VALUES.len() + 1]);
                        assert_eq!((histogram.get().count, histogram.get().sum), (0, 0.0));
                        // A clone recorded in by a thread that outlives neither.
                        let handle = (counter.clone(), histogram.clone());
                        thread::spawn(move || {
                            handle.0.inc_by(round);
                            handle.1.observe(64.0);
                        })
                        .join()
                        .unwrap();
                        counter.inc();
                        histogram.observe(1.0);
                        assert_eq!(counter.get(), round + 1);
                        assert_eq!((histogram.get().count, histogram.get().sum), (2, 65.0));
                    }
                })
            })
            .collect();
        for maker in makers {
            maker.join().unwrap();
        }
        drop(stop);
        load.join().unwrap()
    });
    assert_eq!(neighbour.get(), recorded);
}
