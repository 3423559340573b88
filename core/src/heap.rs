//! What the process allocates: a counting global allocator, and its metrics.
//!
//! | metric | type | meaning |
//! | --- | --- | --- |
//! | `rust_heap_allocations_total` | counter | allocations; a `realloc` is none |
//! | `rust_heap_deallocations_total` | counter | deallocations |
//! | `rust_heap_live_bytes` | gauge | bytes that were allocated and not deallocated yet |
//!
//! ```
//! use tallied::Registry;
//! use tallied::heap::{self, CountingAllocator};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator::SYSTEM;
//!
//! let registry = Registry::default();
//! heap::register(&registry)?;
//! # let kept = vec![1_u8; 1 << 20];
//! assert!(registry.text().contains("rust_heap_allocations_total"));
//! # assert!(heap::live_bytes() > 1 << 20);
//! # Ok::<(), tallied::RegisterError>(())
//! ```
//!
//! Guarantees: each allocation is counted, on whichever thread and at whichever time, before the
//! first lease and in the last thread-local destructor. Counting neither locks nor allocates.
//!
//! Costs: a thread that owns cells adds to them; the others share a few words, with two atomic
//! additions each: some 1 and 8 nanoseconds an allocation or deallocation (`benches/`, `heap`), and
//! more when several threads add to those words at once. A thread gets its cells when it first records
//! in any instrument after [`register`]. If it has recorded before `register`, it gets them with
//! its first recording that comes after an allocation or deallocation of its own.
//!
//! The sizes are those that were asked for, without the allocator's own overhead.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::error::RegisterError;
use crate::instrument::{Instrument, Sealed, Value};
use crate::kind::Kind;
use crate::registry::Registry;
use crate::shard::heap::{ALLOCATED_BYTES, ALLOCATIONS, DEALLOCATED_BYTES, DEALLOCATIONS};
use crate::shard::heap::{count, share, sum};

/// Counts what passes through another allocator: the system's, unless another is given.
#[derive(Debug, Default)]
pub struct CountingAllocator<A = System>(A);

impl CountingAllocator {
    /// Counts what the system's allocator does.
    pub const SYSTEM: Self = Self(System);
}

impl<A> CountingAllocator<A> {
    /// Counts what this allocator does.
    pub const fn new(inner: A) -> Self {
        Self(inner)
    }
}

// SAFETY: every method passes its arguments on to an allocator and returns what that returned;
// counting neither allocates nor unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        let memory = unsafe { self.0.alloc(layout) };
        allocated(memory, layout.size());
        memory
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        let memory = unsafe { self.0.alloc_zeroed(layout) };
        allocated(memory, layout.size());
        memory
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { self.0.dealloc(memory, layout) };
        count(DEALLOCATIONS, 1, DEALLOCATED_BYTES, layout.size() as u64);
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's.
        let new = unsafe { self.0.realloc(memory, layout, new_size) };
        if !new.is_null() {
            let (old, new) = (layout.size() as u64, new_size as u64);
            count(ALLOCATED_BYTES, new, DEALLOCATED_BYTES, old);
        }
        new
    }
}

#[inline]
fn allocated(memory: *mut u8, size: usize) {
    if !memory.is_null() {
        count(ALLOCATIONS, 1, ALLOCATED_BYTES, size as u64);
    }
}

/// Allocations so far; 0 where no [`CountingAllocator`] is the global one.
pub fn allocations() -> u64 {
    sum(ALLOCATIONS)
}

/// Deallocations so far.
pub fn deallocations() -> u64 {
    // Before the allocations, if both are asked for: each follows its allocation.
    sum(DEALLOCATIONS)
}

/// Bytes that were allocated and not deallocated yet.
pub fn live_bytes() -> u64 {
    let deallocated = sum(DEALLOCATED_BYTES);
    sum(ALLOCATED_BYTES).wrapping_sub(deallocated)
}

/// Registers the metrics, and lets threads count in cells of their own from their next recordings on.
///
/// # Errors
/// When the registry holds metrics of these names already.
pub fn register(registry: &Registry) -> Result<(), RegisterError> {
    share();
    registry.register(
        "rust_heap_allocations",
        "Heap allocations",
        Figure::Allocations,
    )?;
    registry.register(
        "rust_heap_deallocations",
        "Heap deallocations",
        Figure::Deallocations,
    )?;
    registry.register_with_unit(
        "rust_heap_live_bytes",
        "Bytes that were allocated on the heap and not deallocated yet",
        crate::Unit::Bytes,
        LiveBytes,
    )?;
    Ok(())
}

enum Figure {
    Allocations,
    Deallocations,
}

impl Sealed for Figure {}

impl Instrument for Figure {
    const KIND: Kind = Kind::Counter;

    fn read(&self) -> Value {
        Value::Counter(match self {
            Self::Allocations => allocations(),
            Self::Deallocations => deallocations(),
        })
    }
}

struct LiveBytes;

impl Sealed for LiveBytes {}

impl Instrument for LiveBytes {
    const KIND: Kind = Kind::Gauge;

    fn read(&self) -> Value {
        Value::UnsignedGauge(live_bytes())
    }
}
