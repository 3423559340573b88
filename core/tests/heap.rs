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

/// What the difference of two figures is, less what the same run without churn costs.
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

    let run = |rounds: usize, leased: bool| {
        let before = figures();
        let barrier = Barrier::new(THREADS);
        let handles: Vec<_> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        if leased {
                            counter.inc();
                        }
                        barrier.wait();
                        churn(rounds, false);
                        churn(rounds, true);
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap())
                .collect()
        });
        drop(handles);
        let after = figures();
        (
            after.0 - before.0,
            after.1 - before.1,
            after.2.wrapping_sub(before.2),
        )
    };
    let each = (THREADS * ROUNDS) as u64;
    // Before and after registration, without and with leases: what starting the threads takes is
    // the difference to a run of no rounds.
    for registered in [false, true] {
        if registered {
            heap::register(&registry).unwrap();
        }
        for leased in [false, true] {
            run(0, leased);
            let idle = run(0, leased);
            let busy = run(ROUNDS, leased);
            assert_eq!(
                busy.0 - idle.0,
                2 * each,
                "registered {registered}, leased {leased}"
            );
            assert_eq!(
                busy.1 - idle.1,
                each,
                "registered {registered}, leased {leased}"
            );
            assert_eq!(busy.2.wrapping_sub(idle.2), 128 * each);
        }
    }
    let text = registry.text();
    for name in ["allocations_total ", "deallocations_total ", "live_bytes "] {
        assert!(text.contains(&format!("\nrust_heap_{name}")), "{text}");
    }
}
