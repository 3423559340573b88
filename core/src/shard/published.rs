//! A value that is made once and read without a lock.
//!
//! Guarantees: who gets a reference sees all that was written to the target before it was
//! published. What was published stays where it is until the owner is dropped.
//!
//! Does not: take anything back while readers may be about.
//!
//! Costs: a read is one Acquire load, on x86-64 a plain one.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::memory::{free, leak};
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

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::Published;
    use crate::shard::model::{Checked, explore};

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
}
