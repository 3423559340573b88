//! A value that is replaced under a lock and read without one.
//!
//! Guarantees: who gets a reference sees all that was written to that version before it was
//! published. Versions stay where they are until the whole is dropped.
//!
//! Does not: take old versions back while readers may look at them. It is for things that double
//! when they grow, so that all old versions together are no larger than the newest.
//!
//! Costs: a read is one Acquire load, on x86-64 a plain one.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::memory::{free, leak};
use crate::sync::{Ordering, Pointer};

/// The newest version is what readers get; the older ones stay for those who still look at them.
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

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::Versions;
    use crate::shard::model::{Checked, explore};

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
}
