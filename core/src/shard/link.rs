//! A pointer that is set by writers in turn and followed without a lock.
//!
//! Guarantees: who follows it sees all that was written to the target before it was set.
//!
//! Does not: keep the target alive.
//!
//! Costs: an Acquire load, on x86-64 a plain one.

use std::ptr::NonNull;

use crate::sync::{Ordering, Pointer};

/// A pointer to something that somebody else owns.
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

    /// What the writer whose turn it is set last.
    pub(crate) fn owned(&self) -> *mut T {
        self.0.owned_load()
    }

    /// # Safety
    /// The target outlives every use of what [`get`](Self::get) returns. Writers take turns.
    pub(crate) unsafe fn set(&self, target: NonNull<T>) {
        // Release: partner of the Acquire in `get`. Test: loom::link_target_is_visible.
        self.0.store(target.as_ptr(), Ordering::Release);
    }

    /// Leads nowhere from now on. Writers take turns.
    #[cfg(all(test, loom))]
    pub(crate) fn clear(&self) {
        // Relaxed: there is nothing behind it to be seen.
        self.0.store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom {
    use std::collections::BTreeSet;

    use loom::sync::Arc;
    use loom::thread;

    use super::Link;
    use crate::shard::memory::Memory;
    use crate::shard::model::{Checked, explore};

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
