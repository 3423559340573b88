//! Pointers that are written under somebody's lock, or once, and read without any.
//!
//! Guarantees: who gets a reference sees all that was written to the target before it was
//! published. What was published stays where it is until the owner is dropped.
//!
//! Does not: take anything back while readers may be about.
//!
//! Costs: a read is one Acquire load, on x86-64 a plain one.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::memory::Memory;
use crate::sync::{Ordering, Pointer};

/// A place for one value, published at most once and kept until the place is dropped.
pub(crate) struct Published<T> {
    value: Pointer<T>,
    owns: PhantomData<T>,
}

// SAFETY: like a `Box<T>` that several threads may take `&T` from and any may drop.
unsafe impl<T: Send + Sync> Sync for Published<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Published<T> {}

impl<T> Published<T> {
    #[cfg(not(all(test, loom)))]
    pub(crate) const fn empty() -> Self {
        Self {
            value: Pointer::null(),
            owns: PhantomData,
        }
    }

    #[cfg(all(test, loom))]
    pub(crate) fn empty() -> Self {
        Self {
            value: Pointer::null(),
            owns: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: partner of the Release in `get_or_publish`; we read through the pointer.
        // Tests: loom::target_is_visible, lease::loom::handed_on_with_its_counts.
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: only `get_or_publish` stores here, a pointer to a live value, and only `drop`
        // ends it.
        unsafe { value.as_ref() }
    }

    /// The value that is there, or else the one that `make` makes. When two threads make one
    /// at the same time, one of the two is kept and the other is dropped.
    pub(crate) fn get_or_publish(&self, make: impl FnOnce() -> T) -> &T {
        // Not under loom, for which a load before the exchange hides the readers (`sync.rs`);
        // the exchange below finds what is there just as well.
        #[cfg(not(all(test, loom)))]
        if let Some(value) = self.get() {
            return value;
        }
        let made = leak(make());
        // Release on success: partner of the Acquire in `get`, publishes what `make` wrote.
        // Acquire on failure: we read through the other thread's pointer.
        // Tests: loom::target_is_visible, loom::two_publishers_agree.
        let set = self
            .value
            .set_if_null(made.as_ptr(), Ordering::Release, Ordering::Acquire);
        let kept = match set {
            Ok(()) => made,
            Err(theirs) => {
                // SAFETY: `made` came from `leak` and was shown to nobody.
                unsafe { free(made) };
                // SAFETY: setting fails only where the place is not null.
                unsafe { NonNull::new_unchecked(theirs) }
            }
        };
        // SAFETY: published, so alive until `self` is dropped.
        unsafe { kept.as_ref() }
    }
}

impl<T> Drop for Published<T> {
    fn drop(&mut self) {
        // Owned: `&mut self` orders every earlier access before this one.
        if let Some(value) = NonNull::new(self.value.owned_load()) {
            // SAFETY: from `leak`, and nobody can hold a reference any more.
            unsafe { free(value) };
        }
    }
}

/// Puts a value into memory of the kernel.
fn leak<T>(value: T) -> NonNull<T> {
    let mut value = Some(value);
    let memory = Memory::new(1, || {
        value.take().expect("`make` is called once for one element")
    });
    let start = memory.start();
    std::mem::forget(memory);
    start
}

/// Frees what [`leak`] made.
///
/// # Safety
/// `value` came from `leak`, has not been freed, and nobody holds a reference to it.
unsafe fn free<T>(value: NonNull<T>) {
    // SAFETY: the caller's.
    drop(unsafe { Memory::from_single(value) });
}

/// A value in versions: the newest is what readers get, and the older ones stay for those who
/// still look at them, until the whole is dropped.
///
/// For things that double when they grow, so that all old versions together are no larger than
/// the newest.
pub(crate) struct Versions<T> {
    newest: Pointer<Version<T>>,
    owns: PhantomData<Version<T>>,
}

struct Version<T> {
    value: T,
    older: *mut Version<T>,
}

// SAFETY: like `Published`.
unsafe impl<T: Send + Sync> Sync for Versions<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Versions<T> {}

impl<T> Versions<T> {
    pub(crate) fn new(first: T) -> Self {
        let versions = Self {
            newest: Pointer::null(),
            owns: PhantomData,
        };
        versions.publish(first);
        versions
    }

    #[inline]
    pub(crate) fn newest(&self) -> &T {
        // Acquire: partner of the Release in `publish`; we read through the pointer.
        // Test: loom::newest_version_is_visible.
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: never null from `new` on, and versions live until `self` is dropped.
        unsafe { &(*newest).value }
    }

    /// Makes `value` the newest. Publishers take turns: the caller holds a lock.
    pub(crate) fn publish(&self, value: T) {
        let version = leak(Version {
            value,
            older: self.newest.owned_load(),
        });
        // Release: partner of the Acquire in `newest`. Test: loom::newest_version_is_visible.
        self.newest.store(version.as_ptr(), Ordering::Release);
    }
}

impl<T> Drop for Versions<T> {
    fn drop(&mut self) {
        // Owned: `&mut self` orders every earlier access before this one.
        let mut next = self.newest.owned_load();
        while let Some(version) = NonNull::new(next) {
            // SAFETY: every version in the chain is alive until it is freed just below.
            next = unsafe { version.as_ref().older };
            // SAFETY: from `leak`, freed once, and nobody can hold a reference any more.
            unsafe { free(version) };
        }
    }
}

/// A pointer to something that somebody else owns, set at most once.
pub(crate) struct Link<T>(Pointer<T>);

impl<T> Link<T> {
    pub(crate) fn empty() -> Self {
        Self(Pointer::null())
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: partner of the Release in `set`; we read through the pointer.
        // Test: loom::link_target_is_visible.
        let target = self.0.load(Ordering::Acquire);
        // SAFETY: `set`'s caller promised that the target outlives the link.
        unsafe { target.as_ref() }
    }

    /// # Safety
    /// The target outlives every use of this link.
    pub(crate) unsafe fn set(&self, target: NonNull<T>) {
        // Release: partner of the Acquire in `get`. Test: loom::link_target_is_visible.
        self.0.store(target.as_ptr(), Ordering::Release);
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::{Link, Memory, Published, Versions};
    use crate::shard::model::explore;

    /// A value whose reads loom checks against the write that made it.
    struct Checked(UnsafeCell<u64>);

    // SAFETY: loom reports a read that is not ordered after the write.
    unsafe impl Sync for Checked {}

    impl Checked {
        fn new(value: u64) -> Self {
            let checked = Self(UnsafeCell::new(0));
            // SAFETY: loom's pointer to a live cell that nobody else has yet.
            checked.0.with_mut(|at| unsafe { *at = value });
            checked
        }

        fn get(&self) -> u64 {
            // SAFETY: loom checks that no write is concurrent.
            self.0.with(|at| unsafe { *at })
        }
    }

    #[test]
    fn target_is_visible() {
        let seen = explore("published: one publishes, one reads", None, |outcome| {
            let place = Arc::new(Published::<Checked>::empty());
            let publisher = {
                let place = place.clone();
                thread::spawn(move || place.get_or_publish(|| Checked::new(7)).get())
            };
            outcome.reached(place.get().map(Checked::get));
            assert_eq!(publisher.join().unwrap(), 7);
            assert_eq!(place.get().map(Checked::get), Some(7));
        });
        assert_eq!(seen, BTreeSet::from([None, Some(7)]));
    }

    #[test]
    fn two_publishers_agree() {
        let seen = explore("published: two publish", None, |outcome| {
            let place = Arc::new(Published::<Checked>::empty());
            let other = {
                let place = place.clone();
                thread::spawn(move || place.get_or_publish(|| Checked::new(1)).get())
            };
            let ours = place.get_or_publish(|| Checked::new(2)).get();
            assert_eq!(other.join().unwrap(), ours);
            outcome.reached(ours);
        });
        assert_eq!(seen, BTreeSet::from([1, 2]));
    }

    #[test]
    fn newest_version_is_visible() {
        let seen = explore(
            "versions: one publishes, one reads twice",
            None,
            |outcome| {
                let versions = Arc::new(Versions::new(Checked::new(1)));
                let publisher = {
                    let versions = versions.clone();
                    thread::spawn(move || versions.publish(Checked::new(2)))
                };
                let old = versions.newest();
                let first = old.get();
                let second = versions.newest().get();
                assert!(first <= second);
                publisher.join().unwrap();
                assert_eq!(versions.newest().get(), 2);
                assert_eq!(old.get(), first, "an older version stays");
                outcome.reached((first, second));
            },
        );
        assert_eq!(seen, BTreeSet::from([(1, 1), (1, 2), (2, 2)]));
    }

    #[test]
    fn link_target_is_visible() {
        let seen = explore("link: one sets, one follows", None, |outcome| {
            let target = Arc::new(Memory::new(1, || Checked::new(0)));
            let link = Arc::new(Link::empty());
            let setter = {
                let (target, link) = (target.clone(), link.clone());
                thread::spawn(move || {
                    // SAFETY: the reader below has not got the link's target before it is set.
                    target[0].0.with_mut(|at| unsafe { *at = 7 });
                    // SAFETY: `target` is dropped after the last use of `link`.
                    unsafe { link.set(target.start()) };
                })
            };
            outcome.reached(link.get().map(Checked::get));
            setter.join().unwrap();
        });
        assert_eq!(seen, BTreeSet::from([None, Some(7)]));
    }
}
