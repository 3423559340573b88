//! The one place that names `std::sync` or loom.
//!
//! Outside the models these are the standard library's types, at no cost. In the unit tests of
//! a build with `--cfg loom` they are loom's, which explores every interleaving that the
//! orderings allow. Integration tests and documentation tests of such a build keep the
//! standard library (the pattern of tokio's `src/loom`), so that
//! `RUSTFLAGS="--cfg loom" cargo test -p tallied --release` passes as a whole.

#[cfg(not(all(test, loom)))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, compiler_fence, fence};

    /// The mutex of the kernel's cold paths: the standard library's, because it neither
    /// allocates nor parks through a table, so that a thread which is inside an allocator may
    /// take it (`parking_lot` allocates when it parks).
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        /// Locks; a panic in another holder is ignored, for no holder in the kernel leaves its
        /// state half changed.
        pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

#[cfg(all(test, loom))]
mod imp {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

    /// Loom does not reorder as a compiler does; nothing that it runs comes here.
    pub(crate) fn compiler_fence(_: Ordering) {}

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .expect("no model panics while it holds a lock")
        }
    }
}

use imp::{AtomicPtr, AtomicU64};
pub(crate) use imp::{Mutex, Ordering, compiler_fence, fence};
#[cfg(all(test, loom))]
/// For statics, which loom's types cannot be.
pub(crate) use std::sync::LazyLock;
/// Shares what was made; its counting is not what the models are about.
pub(crate) use std::sync::{Arc, OnceLock, Weak};

/// A 64-bit atomic word that knows of an owner.
pub(crate) struct Word(AtomicU64);

impl Word {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    #[cfg(all(test, loom))]
    pub(crate) fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The value as its only writer sees it: a plain load.
    ///
    /// Under loom this is `unsync_load`: loom keeps one last access per atomic, so an ordinary
    /// load before a store by the same thread would hide the readers' loads from its search
    /// (its issues 166 and 392), and the model would pass after a single execution. As a gain,
    /// `unsync_load` fails when another thread wrote the word and nothing ordered that write
    /// before: it checks the single-writer rule.
    #[inline(always)]
    pub(crate) fn owned_load(&self) -> u64 {
        #[cfg(not(all(test, loom)))]
        {
            // Relaxed: a thread always sees its own last store, and a former owner's stores
            // through the pool's mutex.
            self.0.load(Ordering::Relaxed)
        }
        #[cfg(all(test, loom))]
        {
            // SAFETY: loom reports an unordered concurrent store as an error of the model.
            unsafe { self.0.unsync_load() }
        }
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    /// Replaces the value by what `change` makes of it; tries again when another thread was first.
    pub(crate) fn update(&self, success: Ordering, failure: Ordering, change: impl Fn(u64) -> u64) {
        let mut known = self.0.load(failure);
        while let Err(now) = self
            .0
            .compare_exchange(known, change(known), success, failure)
        {
            known = now;
        }
    }

    #[inline(always)]
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }
}

/// An atomic pointer whose writers take turns, or exchange.
pub(crate) struct Pointer<T>(AtomicPtr<T>);

impl<T> Pointer<T> {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn null() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    #[cfg(all(test, loom))]
    pub(crate) fn null() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The pointer as the writer whose turn it is sees it; see [`Word::owned_load`].
    pub(crate) fn owned_load(&self) -> *mut T {
        #[cfg(not(all(test, loom)))]
        {
            // Relaxed: whatever makes the writers take turns orders the last store before.
            self.0.load(Ordering::Relaxed)
        }
        #[cfg(all(test, loom))]
        {
            // SAFETY: loom reports an unordered concurrent store as an error of the model.
            unsafe { self.0.unsync_load() }
        }
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.0.load(order)
    }

    pub(crate) fn store(&self, target: *mut T, order: Ordering) {
        self.0.store(target, order);
    }

    /// Stores `target` if the pointer is null; otherwise what is there.
    pub(crate) fn set_if_null(
        &self,
        target: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<(), *mut T> {
        self.0
            .compare_exchange(std::ptr::null_mut(), target, success, failure)
            .map(|_| ())
    }
}

/// The end of a word is an access like a write: loom fails the model when another thread's load
/// was not ordered before it, so freeing too early is found out.
#[cfg(all(test, loom))]
impl Drop for Word {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

/// As for [`Word`].
#[cfg(all(test, loom))]
impl<T> Drop for Pointer<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}
