//! More threads than may own cells: it costs contention, never counts.
//!
//! The cap belongs to the process, so this test has one to itself.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tallied::{
    Counter, Histogram, UpDownCounter, pool::set_thread_cap, pool::shards, pool::thread_cap,
};

const THREADS: usize = 8;
const RECORDS: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    200_000
};
/// Bucket i only gets the value 64ⁱ, so that the sum follows from the buckets, exactly.
const VALUES: [f64; 3] = [1.0, 64.0, 4_096.0];

#[test]
fn threads_beyond_the_cap_lose_nothing() {
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(thread_cap(), (2 * processors).max(8), "the default");
    assert!(std::panic::catch_unwind(|| set_thread_cap(0)).is_err());

    set_thread_cap(2);
    assert_eq!(thread_cap(), 2);
    let counter = Counter::default();
    let in_flight = UpDownCounter::default();
    let histogram = Histogram::new(VALUES).unwrap();
    let all_recorded = AtomicBool::new(false);
    let all_there = Barrier::new(THREADS + 1);
    let halfway = Barrier::new(THREADS + 1);
    let raised = Barrier::new(THREADS + 1);
    let all_done = Barrier::new(THREADS);

    let record = || {
        for n in 0..RECORDS {
            in_flight.inc();
            counter.inc();
            histogram.observe(VALUES[n as usize % VALUES.len()]);
            in_flight.dec();
        }
    };
    let read = || {
        let seen = histogram.get();
        assert_eq!(seen.count, seen.buckets.iter().sum::<u64>(), "{seen:?}");
        let buckets = seen.buckets.iter().zip(VALUES);
        let sum: f64 = buckets.map(|(n, value)| *n as f64 * value).sum();
        assert_eq!(seen.sum, sum, "torn: {seen:?}");
        let now = in_flight.get();
        assert!(now >= 0, "{now} in flight");
        (counter.get(), seen.count)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    all_there.wait();
                    record();
                    halfway.wait();
                    raised.wait();
                    record();
                    // Nobody leaves a shard to another before each has its own.
                    all_done.wait();
                })
            })
            .collect();
        all_there.wait();
        let reader = scope.spawn(|| {
            let mut last = (0, 0);
            while !all_recorded.load(Ordering::Relaxed) {
                let now = read();
                assert!(last.0 <= now.0 && last.1 <= now.1, "{last:?} then {now:?}");
                last = now;
            }
        });
        halfway.wait();
        all_recorded.store(true, Ordering::Relaxed);
        // Checked at the end: a panic here would leave the threads at their barriers.
        let seen = reader.join();
        let half = std::panic::catch_unwind(|| (read(), in_flight.get()));
        let shards_at_cap = shards();

        // Threads on overflow ask again now and then.
        set_thread_cap(THREADS);
        raised.wait();
        for thread in threads {
            thread.join().unwrap();
        }
        seen.expect("the reader saw everything whole, and nothing step back");
        let all = THREADS as u64 * RECORDS;
        assert_eq!(half.expect("everything is whole"), ((all, all), 0));
        assert_eq!(shards_at_cap, 2, "{THREADS} threads, 2 may own cells");
    });
    assert_eq!(
        shards(),
        THREADS,
        "each thread has found out that there is room"
    );
    assert_eq!(counter.get(), 2 * THREADS as u64 * RECORDS);
    assert_eq!(in_flight.get(), 0);
    assert_eq!(histogram.get().count, 2 * THREADS as u64 * RECORDS);
    read();

    // A lower cap: the shards are there, with their counts, and one thread at a time gets one.
    set_thread_cap(1);
    let first = counter.clone();
    thread::spawn(move || first.inc()).join().unwrap();
    assert_eq!(counter.get(), 2 * THREADS as u64 * RECORDS + 1);
    assert_eq!(shards(), THREADS);
}
