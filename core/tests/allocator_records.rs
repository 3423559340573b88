//! A global allocator that records each allocation and deallocation on ordinary instruments:
//! no deadlock, no endless recursion, exact totals.
//!
//! Everything is entered from inside the allocator here: the first recording of a thread, which
//! leases its cells; recordings in the middle of that; those of a thread that is ending.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tallied::{Counter, Family, Histogram, UpDownCounter, pool::set_thread_cap};

struct Instruments {
    calls: Counter,
    live: UpDownCounter,
    sizes: Histogram,
}

static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
/// Off while the totals are compared, for reading allocates.
static ON: AtomicBool = AtomicBool::new(false);

// The same totals, the plain way.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static DEALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static DEEPEST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static DEPTH: Cell<u64> = const { Cell::new(0) };
}

/// Runs `record` unless the instruments are not there; nothing else guards it.
fn recording(record: impl FnOnce(&Instruments)) {
    let Some(instruments) = INSTRUMENTS.get().filter(|_| ON.load(Ordering::Relaxed)) else {
        return;
    };
    let depth = DEPTH.with(|depth| {
        depth.set(depth.get() + 1);
        depth.get()
    });
    DEEPEST.fetch_max(depth, Ordering::Relaxed);
    record(instruments);
    DEPTH.with(|depth| depth.set(depth.get() - 1));
}

struct Recording;

// SAFETY: the system's allocator does what has to be done.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        recording(|instruments| {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
            instruments.calls.inc();
            instruments.live.inc();
            instruments.sizes.observe(layout.size() as f64);
        });
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(ptr, layout) };
        recording(|instruments| {
            DEALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            instruments.calls.inc();
            instruments.live.dec();
        });
    }
}

#[global_allocator]
static ALLOCATOR: Recording = Recording;

thread_local! {
    /// Frees memory while the thread's destructors run.
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// What a thread does: allocate, free, keep something to the end, make and drop instruments
/// (which allocates under the kernel's own locks), and read them.
fn busy(rounds: usize) {
    for round in 0..rounds {
        let block = black_box(vec![1_u8; 1 + round * 37 % 5_000]);
        if round % 8 == 0 {
            KEPT.with(|kept| kept.borrow_mut().push(block));
        }
        if round % 16 == 0 {
            let counter = Counter::default();
            counter.inc();
            let family = Family::<Histogram, 1>::new_with_constructor(["round"], || {
                Histogram::new([1.0, 2.0]).unwrap()
            });
            family.get_or_create(&[&round.to_string()]).observe(1.5);
            assert_eq!(counter.get(), 1);
            drop(counter);
            let instruments = INSTRUMENTS.get().unwrap();
            black_box((instruments.calls.get(), instruments.sizes.get()));
        }
    }
}

#[test]
fn an_allocator_may_record() {
    let made = INSTRUMENTS.set(Instruments {
        calls: Counter::default(),
        live: UpDownCounter::default(),
        sizes: Histogram::new([16.0, 256.0, 4_096.0]).unwrap(),
    });
    assert!(made.is_ok());
    // The first recording of all, and with it the pool's set-up, comes out of the allocator.
    ON.store(true, Ordering::Relaxed);
    let all_sizes = || -> u64 { INSTRUMENTS.get().unwrap().sizes.get().count };
    drop(black_box(Box::new(0)));
    // Once with cells for everybody, and once with most threads on the shared ones.
    for cap in [16, 2] {
        set_thread_cap(cap);
        for _ in 0..10 {
            let threads: Vec<_> = (0..6)
                .map(|_| thread::spawn(|| busy(if cfg!(debug_assertions) { 200 } else { 2_000 })))
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }
    ON.store(false, Ordering::Relaxed);

    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let deallocations = DEALLOCATIONS.load(Ordering::Relaxed);
    let instruments = INSTRUMENTS.get().unwrap();
    assert!(
        allocations > 20_000,
        "{allocations} allocations are no load"
    );
    assert_eq!(instruments.calls.get(), allocations + deallocations);
    assert_eq!(
        instruments.live.get(),
        allocations.wrapping_sub(deallocations) as i64
    );
    assert_eq!(all_sizes(), allocations);
    // Below 2⁵³, so exact.
    assert_eq!(
        instruments.sizes.get().sum,
        BYTES.load(Ordering::Relaxed) as f64
    );
    // A thread's first recording, made by its first allocation, may allocate in turn to lease
    // its cells; what that records goes to the shared cells and no deeper.
    let deepest = DEEPEST.load(Ordering::Relaxed);
    assert!(deepest <= 2, "recording recursed to a depth of {deepest}");
}
