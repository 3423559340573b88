//! Recording on a series that exists allocates nothing.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Barrier;

use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, ObservedCounter, UpDownCounter,
    pool::set_thread_cap, pool::shards,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of the calling thread's allocations.
struct Counting;

fn count() {
    ALLOCATIONS.with(|n| n.set(n.get() + 1));
}

// SAFETY: the system's allocator does what has to be done; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread allocates in `run`.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

struct Instruments {
    counter: Counter,
    up_down: UpDownCounter,
    histogram: Histogram,
    gauge: Gauge,
    float_gauge: Gauge<f64>,
    observed: ObservedCounter,
    requests: Family<Counter, 3>,
    seconds: Family<Histogram, 1>,
}

impl Instruments {
    fn new() -> Self {
        let buckets = Buckets::new([0.1, 1.0]).unwrap();
        Self {
            counter: Counter::default(),
            up_down: UpDownCounter::default(),
            histogram: Histogram::with_buckets(&buckets),
            gauge: Gauge::default(),
            float_gauge: Gauge::default(),
            observed: ObservedCounter::default(),
            requests: Family::new(["method", "endpoint", "status_code"]),
            seconds: Family::new_with_constructor(["method"], move || {
                Histogram::with_buckets(&buckets)
            }),
        }
    }

    fn record(&self) {
        self.counter.inc();
        self.counter.inc_by(2);
        self.up_down.inc();
        self.up_down.dec();
        self.histogram.observe(0.5);
        self.gauge.set(7);
        self.gauge.inc();
        self.float_gauge.dec_by(0.5);
        self.observed.observe_total(1.0);
        self.requests.get_or_create(&["GET", "/data", "200"]).inc();
        let known = self.requests.get(&["GET", "/data", "200"]);
        known.expect("made before").inc();
        self.seconds.get_or_create(&["GET"]).observe(0.01);
    }
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    assert_eq!(
        allocations(|| {
            black_box(Vec::<u8>::with_capacity(8)).reserve_exact(64);
        }),
        2
    );
}

/// On cells of its own, and, beyond the cap, on shared ones: no allocation, after the first use
/// on a thread.
#[test]
fn recording_allocates_nothing() {
    let instruments = Instruments::new();
    let record_often = || {
        instruments.record();
        allocations(|| (0..3_000).for_each(|_| instruments.record()))
    };
    assert_eq!(record_often(), 0, "allocations in 3,000 rounds");

    // Whichever thread of this process has cells already keeps them; of the two that start now,
    // one at least is beyond the cap.
    set_thread_cap(1);
    let before = shards();
    let both = Barrier::new(2);
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let allocations = record_often();
                both.wait();
                allocations
            })
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 0, "allocations in 3,000 rounds");
        }
    });
    assert_eq!(shards(), before, "nobody got cells beyond the cap");
    assert_eq!(instruments.counter.get(), 3 * 3 * 3_001);
}
