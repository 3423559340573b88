//! Memory of the kernel, taken from the system allocator.
//!
//! Guarantees: a global allocator that records metrics is never entered again by the kernel
//! while it makes room for a recording, so that recording inside an allocator cannot recurse.
//!
//! Costs: what the system's `malloc` costs; blocks are made once per thread and never moved.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ops::Deref;
use std::ptr::NonNull;

/// A slice that never moves and never grows, aligned to two cache lines: neighbours share none,
/// and the adjacent-line prefetcher couples none.
pub(crate) struct Memory<T> {
    start: NonNull<T>,
    len: usize,
}

const ALIGN: usize = 128;

// SAFETY: a `Memory` owns its elements as a `Box<[T]>` does.
unsafe impl<T: Send> Send for Memory<T> {}
// SAFETY: as above; it hands out `&T` alone.
unsafe impl<T: Sync> Sync for Memory<T> {}

impl<T> Memory<T> {
    fn layout(len: usize) -> Layout {
        let layout = Layout::array::<T>(len).and_then(|layout| layout.align_to(ALIGN));
        layout.expect("a block is far smaller than the address space")
    }

    /// `len` elements, each from `make`.
    pub(crate) fn new(len: usize, mut make: impl FnMut() -> T) -> Self {
        let layout = Self::layout(len);
        assert!(layout.size() > 0, "the kernel makes no empty slices");
        // SAFETY: the size is not zero.
        let raw = unsafe { System.alloc(layout) };
        let Some(start) = NonNull::new(raw.cast::<T>()) else {
            handle_alloc_error(layout)
        };
        for i in 0..len {
            // SAFETY: i < len, inside the allocation.
            let element = unsafe { start.add(i) };
            // SAFETY: it is valid for writes and aligned, and holds nothing yet.
            unsafe { element.write(make()) };
        }
        Self { start, len }
    }

    /// The first element; it stays where it is until the `Memory` is dropped.
    pub(crate) fn start(&self) -> NonNull<T> {
        self.start
    }
}

impl<T> Deref for Memory<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `new` initialised `len` elements from `start` on, and only `drop` ends them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        let elements = NonNull::slice_from_raw_parts(self.start, self.len);
        // SAFETY: `new` initialised them, and nobody else drops them.
        unsafe { elements.drop_in_place() };
        // SAFETY: allocated by `new` from `System` with this layout.
        unsafe { System.dealloc(self.start.as_ptr().cast(), Self::layout(self.len)) };
    }
}

/// Puts a value into memory of the kernel, aligned as it has to be and no more.
pub(super) fn leak<T>(value: T) -> NonNull<T> {
    const { assert!(size_of::<T>() > 0, "the kernel makes nothing empty") };
    let layout = Layout::new::<T>();
    // SAFETY: the size is not zero.
    let raw = unsafe { System.alloc(layout) };
    let Some(place) = NonNull::new(raw.cast::<T>()) else {
        handle_alloc_error(layout)
    };
    // SAFETY: it is valid for writes and aligned, and holds nothing yet.
    unsafe { place.write(value) };
    place
}

/// Frees what [`leak`] made.
///
/// # Safety
/// `value` came from `leak`, has not been freed, and nobody holds a reference to it.
pub(super) unsafe fn free<T>(value: NonNull<T>) {
    // SAFETY: the caller's promise.
    unsafe { value.drop_in_place() };
    // SAFETY: allocated by `leak` from `System` with this layout.
    unsafe { System.dealloc(value.as_ptr().cast(), Layout::new::<T>()) };
}
