//! The cells of dropped instruments are used again: memory follows the peak, not the total.
//!
//! The resident size belongs to the process, so this test has one to itself.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![cfg(target_os = "linux")]

mod resident;

use tallied::{Counter, Histogram, linear_buckets};

use resident::resident;

#[test]
fn memory_does_not_grow_with_instruments_that_are_gone() {
    const BOUNDS: u16 = 1_000;
    const ROUNDS: u64 = 6_400;
    // Without reuse, the rounds would take 51 MB for the histograms, which have blocks of their
    // own, and 3.3 MB for the counters.
    let large = || Histogram::new(linear_buckets(0.0, 1.0, BOUNDS)).unwrap();
    let live = Counter::default();
    let round = || {
        let histogram = large();
        assert_eq!(histogram.get().count, 0);
        histogram.observe(3.5);
        assert_eq!(histogram.get().count, 1);
        live.inc();
        for _ in 0..64 {
            let counter = Counter::default();
            assert_eq!(counter.get(), 0);
            counter.inc();
        }
    };
    round();
    let before = resident();
    for _ in 1..ROUNDS {
        round();
    }
    let grown = resident().saturating_sub(before);
    let limit = 2 << 20;
    assert!(grown < limit, "{grown} bytes more, {ROUNDS} rounds later");
    assert_eq!(live.get(), ROUNDS);
}
