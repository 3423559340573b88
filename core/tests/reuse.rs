//! The cells of dropped instruments are used again: memory follows the peak, not the total.
//!
//! The resident size belongs to the process, so this test has one to itself.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![cfg(target_os = "linux")]

use tallied::{Counter, Histogram, linear_buckets};

/// The resident size in bytes, from the kernel.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

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
