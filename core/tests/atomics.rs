//! Threads that meet in atomics alone, so that ThreadSanitizer can judge them (`cargo +nightly tsan`).
//! A race shows when threads meet in the wrong moment, so run it more than once; `cargo +nightly tsan-control relaxed` has a
//! race on purpose, which must be reported, or a report would not come here either.
//!
//! The standard library is not instrumented: ThreadSanitizer does not see that a contended mutex, a channel
//! or the last `Arc` orders anything, and would report what is none. So nothing here waits for a
//! mutex: leases are taken and returned in turn, one thread makes the instruments, and all handles are
//! kept until every thread was joined. What is left is the kernel's own: blocks, shards and series that are
//! made while others look for them, series that are dropped when nobody looks, and observations that are
//! read while they are written.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tallied::{Counter, Family, Histogram, UpDownCounter, linear_buckets};

/// Threads that own cells; the others share the overflow shard.
const OWNERS: usize = 3;
const SHARERS: usize = 2;
const ROUNDS: u64 = if cfg!(debug_assertions) { 500 } else { 2_000 };
/// Fewer than a thread on overflow makes before it asks for a lease again, which is a mutex.
const SHARED_ROUNDS: u64 = 50;
/// As many blocks, for each of them has one of its own: more than a shard's first chunk has room for.
const HISTOGRAMS: usize = 12;
const SERIES: usize = 200;

struct World {
    counters: Vec<Counter>,
    histograms: Vec<Histogram>,
    in_flight: UpDownCounter,
    /// Ups that were made and may be taken down, by another thread.
    up: AtomicU64,
    family: Family<Counter, 1>,
    /// The thread whose turn it is to lease a shard, and then the one to return it.
    turn: AtomicUsize,
    ends: AtomicUsize,
    finished: AtomicUsize,
    /// Set when a thread panics, so that the others do not wait for it.
    failed: AtomicBool,
}

impl World {
    fn wait_until(&self, done: impl Fn() -> bool) {
        while !done() {
            assert!(
                !self.failed.load(Ordering::Relaxed),
                "another thread failed"
            );
            thread::yield_now();
        }
    }
}

/// Says that a thread failed when it is dropped by a panic.
struct Alarm<'a>(&'a World);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// What was just made is met by the readers before anything else that this thread does orders it.
fn let_them_look() {
    thread::sleep(Duration::from_millis(1));
}

/// What every thread does first and last in its turn: get a shard, and return it.
fn in_turn(world: &World, number: usize, work: impl FnOnce()) {
    let _alarm = Alarm(world);
    world.wait_until(|| world.turn.load(Ordering::Acquire) == number);
    world.counters[0].inc();
    let_them_look();
    world.turn.store(number + 1, Ordering::Release);
    work();
    world.finished.fetch_add(1, Ordering::Release);
    world.wait_until(|| world.ends.load(Ordering::Acquire) >= number);
}

fn own(world: &World, number: usize) {
    for histogram in &world.histograms {
        histogram.observe(0.0);
        let_them_look();
    }
    for round in 0..ROUNDS {
        for counter in &world.counters {
            counter.inc();
        }
        for histogram in &world.histograms {
            histogram.observe(if round % 2 == 0 { 0.0 } else { 1_000.0 });
        }
        match number {
            0 => {
                world.in_flight.inc();
                world.up.fetch_add(1, Ordering::Release);
            }
            1 => {
                world.wait_until(|| world.up.load(Ordering::Acquire) > round);
                world.in_flight.dec();
            }
            _ => {}
        }
        // One thread makes and removes the series; the others record in those that they find.
        let series = (round as usize % SERIES).to_string();
        if number == 0 {
            let makes = !world.family.remove(&[&series]);
            world.family.get_or_create(&[&series]).inc();
            if makes {
                let_them_look();
            }
        } else if let Some(series) = world.family.get(&[&series]) {
            series.inc();
        }
    }
}

fn share(world: &World) {
    for _ in 0..SHARED_ROUNDS {
        for counter in &world.counters {
            counter.inc();
        }
    }
}

#[test]
fn threads_meet_in_atomics_alone() {
    tallied::pool::set_thread_cap(OWNERS);
    let world: &'static World = Box::leak(Box::new(World {
        counters: (0..4).map(|_| Counter::default()).collect(),
        histograms: (0..HISTOGRAMS)
            .map(|_| Histogram::new(linear_buckets(0.0, 1.0, 600)).unwrap())
            .collect(),
        in_flight: UpDownCounter::default(),
        up: AtomicU64::new(0),
        family: Family::new(["number"]),
        turn: AtomicUsize::new(0),
        ends: AtomicUsize::new(0),
        finished: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
    }));
    let threads: Vec<_> = (0..OWNERS + SHARERS)
        .map(|number| {
            thread::spawn(move || {
                in_turn(world, number, || {
                    if number < OWNERS {
                        own(world, number);
                    } else {
                        share(world);
                    }
                });
            })
        })
        .collect();

    let alarm = Alarm(world);
    // This thread reads, and records nothing, so that it has no shard.
    let mut last = (0, 0);
    let mut reads = 0;
    while world.finished.load(Ordering::Acquire) < threads.len() {
        assert!(!world.failed.load(Ordering::Relaxed), "a thread failed");
        let mut now = (0, 0);
        for counter in &world.counters {
            now.0 += counter.get();
        }
        for histogram in &world.histograms {
            let seen = histogram.get();
            assert_eq!(seen.count, seen.buckets.iter().sum::<u64>());
            assert_eq!(seen.sum, 1_000.0 * seen.buckets[600] as f64, "{seen:?}");
            now.1 += seen.count;
        }
        assert!(last.0 <= now.0 && last.1 <= now.1, "{last:?} then {now:?}");
        last = now;
        let in_flight = world.in_flight.get();
        assert!(in_flight >= 0, "{in_flight} in flight");
        for series in 0..SERIES {
            if let Some(counter) = world.family.get(&[&series.to_string()]) {
                counter.get();
            }
        }
        reads += 1;
    }
    drop(alarm);
    for (number, thread) in threads.into_iter().enumerate() {
        world.ends.store(number, Ordering::Release);
        thread.join().unwrap();
    }

    assert!(reads > 0, "nothing was read meanwhile");
    let owned = OWNERS as u64 * ROUNDS;
    let shared = SHARERS as u64 * SHARED_ROUNDS;
    let first: u64 = (OWNERS + SHARERS) as u64;
    let counts: Vec<u64> = world.counters.iter().map(Counter::get).collect();
    assert_eq!(counts[0], owned + shared + first);
    assert!(counts[1..].iter().all(|count| *count == owned + shared));
    for histogram in &world.histograms {
        assert_eq!(histogram.get().count, owned + OWNERS as u64);
    }
    assert_eq!(world.in_flight.get(), 0);
    assert_eq!(world.family.len(), SERIES);
}
