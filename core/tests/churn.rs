//! Threads that come and go leave their counts, and nothing else: neither shards nor memory.
//!
//! Both belong to the process, so this test has one to itself.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod resident;

use std::thread;

use tallied::{Counter, Histogram, linear_buckets, pool::shards};

use resident::resident;

#[test]
fn ten_thousand_threads_need_one_shard() {
    const THREADS: u64 = 10_000;
    const BOUNDS: u16 = 20;
    let counter = Counter::default();
    let histogram = Histogram::new(linear_buckets(0.0, 1.0, BOUNDS)).unwrap();
    let run_one = |n: u64| {
        let (counter, histogram) = (counter.clone(), histogram.clone());
        // `join` waits until the thread has returned its shard.
        thread::spawn(move || {
            counter.inc();
            histogram.observe((n % u64::from(BOUNDS)) as f64);
        })
        .join()
        .unwrap();
    };
    // What threads cost that is not ours (stacks that are kept for the next, thread-locals) is
    // there after a few.
    (0..100).for_each(run_one);
    assert_eq!(shards(), 1, "this thread has recorded nothing");
    let before = resident();
    (100..THREADS).for_each(run_one);
    assert_eq!(shards(), 1);
    // With two blocks of cells for each thread it would be 80 MB; with a lease's directory alone,
    // 2 MB.
    let grown = resident().saturating_sub(before);
    let limit = 512 << 10;
    assert!(grown < limit, "{grown} bytes more, {THREADS} threads later");

    assert_eq!(counter.get(), THREADS);
    let seen = histogram.get();
    let each = THREADS / u64::from(BOUNDS);
    assert_eq!(seen.buckets[..20], [each; 20]);
    assert_eq!((seen.count, seen.sum), (THREADS, (each * 190) as f64));
}
