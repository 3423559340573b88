//! The counting allocator as the global one: exact, from many threads, with threads ending.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::sync::Barrier;

use tallied::heap::{self, CountingAllocator};
use tallied::{Counter, Registry};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::SYSTEM;

/// Allocates and deallocates through the global allocator, past what a compiler may elide.
fn churn(rounds: usize, keep: bool) {
    let layout = Layout::from_size_align(64, 8).unwrap();
    for _ in 0..rounds {
        // SAFETY: the layout is not empty.
        let memory = unsafe { ALLOCATOR.alloc(layout) };
        let memory = black_box(memory);
        // SAFETY: allocated just above with this layout.
        let memory = unsafe { ALLOCATOR.realloc(memory, layout, 128) };
        if !keep {
            let grown = Layout::from_size_align(128, 8).unwrap();
            // SAFETY: it has this layout since the realloc.
            unsafe { ALLOCATOR.dealloc(black_box(memory), grown) };
        }
    }
}

/// Allocations, deallocations and live bytes so far.
fn figures() -> (u64, u64, u64) {
    let deallocations = heap::deallocations();
    (heap::allocations(), deallocations, heap::live_bytes())
}

// One test: the figures are the process's.
#[test]
fn every_allocation_is_counted_once() {
    const THREADS: usize = 16;
    const ROUNDS: usize = 2_000;
    let registry = Registry::default();
    let counter = Counter::default();
    let each = (THREADS * ROUNDS) as u64;
    // Before and after registration, without and with leases; and leased before, while the metrics
    // are registered. With 16 threads, some of them find the pool at its cap.
    for (leased, register) in [
        (false, false),
        (true, false),
        (true, true),
        (false, false),
        (true, false),
    ] {
        let [ready, start, end, read] = [0; 4].map(|_| Barrier::new(THREADS + 1));
        let mut counted = (0, 0, 0);
        std::thread::scope(|scope| {
            let spawn = || {
                scope.spawn(|| {
                    if leased {
                        counter.inc();
                    }
                    ready.wait();
                    start.wait();
                    churn(ROUNDS, false);
                    if leased {
                        // In a block that it knows; allocates nothing.
                        counter.inc();
                    }
                    churn(ROUNDS, true);
                    end.wait();
                    read.wait();
                })
            };
            let threads: Vec<_> = (0..THREADS).map(|_| spawn()).collect();
            ready.wait();
            if register {
                heap::register(&registry).unwrap();
            }
            // From here to `end` nothing but the churn allocates.
            let before = figures();
            start.wait();
            end.wait();
            let after = figures();
            read.wait();
            // The scope would not wait for the destructors of their thread-locals.
            for thread in threads {
                thread.join().unwrap();
            }
            counted = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        });
        let expected = (2 * each, each, 128 * each);
        assert_eq!(
            counted, expected,
            "leased {leased}, then registered {register}"
        );
        let now = figures();
        assert!(now.0 >= expected.0, "threads that ended keep their counts");
    }
    let text = registry.text();
    for name in ["allocations_total ", "deallocations_total ", "live_bytes "] {
        assert!(text.contains(&format!("\nrust_heap_{name}")), "{text}");
    }
}
