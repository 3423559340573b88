//! A hash table that is read without a lock.
//!
//! Guarantees: an entry that was inserted before a lookup began is found, or the lookup says
//! that it found none and the locked path finds it; an entry stays where it is until the table
//! is dropped.
//!
//! Costs: a lookup is one load for the table, one for each slot that it probes, and the
//! comparison; it writes nothing. An insertion takes a lock that lookups do not know of. Room:
//! two to four pointers an entry; as many again for the smaller tables that grew into this one,
//! which stay for the readers that may still look at them.

use std::ptr::NonNull;

use parking_lot::Mutex;

use crate::shard::{Link, Memory, Versions};

pub(super) struct Table<T> {
    /// A power of two of them, at most half full, so that every probe ends at an empty one.
    slots: Versions<Memory<Link<Entry<T>>>>,
    /// All entries in the order of insertion. Holding it is having the turn to write.
    entries: Mutex<Vec<NonNull<Entry<T>>>>,
}

struct Entry<T> {
    hash: u64,
    /// How many entries were there before.
    order: usize,
    value: T,
}

// SAFETY: a `Table` owns its entries as a `Vec<T>` does.
unsafe impl<T: Send> Send for Table<T> {}
// SAFETY: as above; it hands out `&T`, and takes `T` from any thread.
unsafe impl<T: Send + Sync> Sync for Table<T> {}

const FIRST_SLOTS: usize = 8;

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: Versions::new(Memory::new(FIRST_SLOTS, Link::empty)),
            entries: Mutex::new(Vec::new()),
        }
    }

    /// The entry with this hash that `is` holds of.
    #[inline]
    pub(super) fn get(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        for slot in probe(self.slots.newest(), hash) {
            let entry = slot.get()?;
            if entry.hash == hash && is(&entry.value) {
                return Some(&entry.value);
            }
        }
        None
    }

    /// The entry with this hash that `is` holds of, made and inserted if there is none. Of
    /// several threads that insert the same, one does, and what the others made is dropped:
    /// `make` is not called under the lock, so it may do what it likes.
    #[cold]
    pub(super) fn get_or_insert(
        &self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &T {
        if let Some(found) = self.get(hash, &is) {
            return found;
        }
        let value = make();
        let mut entries = self.entries.lock();
        if let Some(found) = self.get(hash, is) {
            return found;
        }
        let entry = Entry {
            hash,
            order: entries.len(),
            value,
        };
        let entry = NonNull::from(Box::leak(Box::new(entry)));
        entries.push(entry);
        if entries.len() * 2 > self.slots.newest().len() {
            let larger = Memory::new(self.slots.newest().len() * 2, Link::empty);
            for entry in entries.iter() {
                place(&larger, *entry);
            }
            self.slots.publish(larger);
        } else {
            place(self.slots.newest(), entry);
        }
        // SAFETY: entries live until the table is dropped.
        unsafe { &(*entry.as_ptr()).value }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// The entries in the order of insertion; those inserted meanwhile may be missing.
    pub(super) fn values(&self) -> Vec<&T> {
        let mut entries: Vec<&Entry<T>> =
            self.slots.newest().iter().filter_map(Link::get).collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        entries.into_iter().map(|entry| &entry.value).collect()
    }
}

/// The slots that an entry with this hash may be in, in turn.
#[inline]
fn probe<T>(slots: &[Link<Entry<T>>], hash: u64) -> impl Iterator<Item = &Link<Entry<T>>> {
    let mask = slots.len() - 1;
    (0..slots.len()).map(move |i| &slots[(hash as usize).wrapping_add(i) & mask])
}

/// Lets readers of these slots find an entry.
fn place<T>(slots: &[Link<Entry<T>>], entry: NonNull<Entry<T>>) {
    // SAFETY: entries live until the table is dropped.
    let hash = unsafe { entry.as_ref() }.hash;
    for slot in probe(slots, hash) {
        if slot.get().is_none() {
            // SAFETY: the entry outlives the slots, which the same table owns; `Drop` frees
            // both when nobody can reach either.
            unsafe { slot.set(entry) };
            return;
        }
    }
    unreachable!("at most half of the slots are taken");
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        for entry in self.entries.get_mut().drain(..) {
            // SAFETY: it came from a `Box`, and `&mut self` says that no reference is left.
            drop(unsafe { Box::from_raw(entry.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Table;

    #[test]
    fn finds_what_was_inserted_through_growth_and_collisions() {
        let table = Table::new();
        for n in 0..1_000_u64 {
            // Only 16 different hashes: long probes.
            let made = table.get_or_insert(n % 16, |v| *v == n, || n);
            assert_eq!(*made, n);
        }
        for n in 0..1_000 {
            assert_eq!(table.get(n % 16, |v| *v == n), Some(&n));
            assert_eq!(
                table.get_or_insert(n % 16, |v| *v == n, || unreachable!()),
                &n
            );
        }
        assert_eq!(table.get(3, |v| *v == 1_003), None);
        assert!(table.values().into_iter().copied().eq(0..1_000));
    }

    #[test]
    fn an_entry_is_inserted_once_however_many_threads_ask() {
        let table = Table::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..2_000_u64 {
                        let hash = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                        let is = |v: &u64| *v == n;
                        let found = table.get_or_insert(hash, is, || n);
                        assert_eq!(*found, n);
                        assert!(std::ptr::eq(found, table.get(hash, is).unwrap()));
                    }
                });
            }
        });
        assert_eq!(table.len(), 2_000);
        assert_eq!(table.values().len(), 2_000);
    }

    #[test]
    fn making_an_entry_may_use_the_table() {
        let table = Table::new();
        let made = table.get_or_insert(
            1,
            |v| *v == 1,
            || *table.get_or_insert(0, |v| *v == 0, || 0) + 1,
        );
        assert_eq!((*made, table.len()), (1, 2));
    }
}
