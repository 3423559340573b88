//! Threads that come and go leave their counts, and nothing else.
//!
//! The number of shards belongs to the process, so this test has one to itself.

use std::thread;

use tallied::{Counter, Histogram, pool::shards};

#[test]
fn ten_thousand_threads_need_one_shard() {
    const THREADS: u64 = 10_000;
    let counter = Counter::default();
    let histogram = Histogram::new([1.0]).unwrap();
    let run_one = || {
        let (counter, histogram) = (counter.clone(), histogram.clone());
        // `join` waits until the thread has returned its shard.
        thread::spawn(move || {
            counter.inc();
            histogram.observe(0.5);
        })
        .join()
        .unwrap();
    };
    run_one();
    let before = shards();
    assert_eq!(before, 1, "this thread has recorded nothing");
    for _ in 1..THREADS {
        run_one();
    }
    assert_eq!(shards(), before);
    assert_eq!(counter.get(), THREADS);
    let seen = histogram.get();
    assert_eq!((seen.count, seen.sum), (THREADS, THREADS as f64 / 2.0));
}
