//! A hash table that is read without a lock, and from which entries can be removed.
//!
//! Guarantees: an entry whose insertion happened before a lookup is found; one whose removal
//! happened before a lookup is not. What was [found](Found) stays valid until it is let go of,
//! also when it is removed meanwhile: a removed entry is dropped when no lookup that could have
//! found it is left (`grace.rs`). There are never two entries for which the same `is` holds.
//!
//! Does not: wait. Entries that cannot be dropped yet are kept for the next insertion, removal or
//! walk over the table.
//!
//! Costs: a lookup is two additions in cells of its own thread (which threads beyond the cap share), a
//! load for the table, one for each slot that it probes, and the comparison. Insertions and removals
//! take a lock that lookups do not know of. Room: two to five pointers an entry.

use std::ops::Deref;
use std::ptr::NonNull;

use super::grace::{Counts, Grace, Inside, Limbo};
use super::link::Link;
use super::memory::{Memory, free, leak};
use crate::sync::{Mutex, Ordering, Pointer, Word};

/// Slots of a new table. Under loom two, so that a second entry makes it grow.
const FIRST_SLOTS: usize = if cfg!(all(test, loom)) { 2 } else { 8 };

pub(crate) struct Table<T, C: Counts> {
    /// The slots that lookups begin with; never null.
    newest: Link<Slots<T>>,
    grace: Grace<C>,
    /// How many entries the limit counts.
    len: Word,
    /// How many removals have begun; it wraps.
    removals: Word,
    /// 1 while the one that the limit does not count is there.
    extra: Word,
    turn: Mutex<Turn<T>>,
}

/// What the holder of the lock knows.
struct Turn<T> {
    /// Slots that are not empty: entries, and marks of entries that were removed.
    used: usize,
    /// Of the entries that were ever inserted; it wraps.
    inserted: u32,
    /// The entry that the limit does not count.
    extra: Option<NonNull<Entry<T>>>,
    limbo: Limbo<Retired<T>>,
}

/// What has been taken out of the lookups' reach; dropping it ends it. Who drops it knows that nobody
/// is looking at it: it comes from [`Limbo::reclaim`], or the table is gone.
enum Retired<T> {
    Entry(NonNull<Entry<T>>),
    Slots(NonNull<Slots<T>>),
}

impl<T> Drop for Retired<T> {
    fn drop(&mut self) {
        match *self {
            // SAFETY: nobody can reach it any more.
            Self::Entry(entry) => unsafe { drop_entry(entry) },
            // SAFETY: as above; it came from `leak`.
            Self::Slots(slots) => unsafe { free(slots) },
        }
    }
}

struct Entry<T> {
    hash: u32,
    /// How many entries were inserted before.
    order: u32,
    value: T,
}

/// A power of two of them, and at most half of them used, so that every probe ends at an empty one.
type Slots<T> = Memory<Slot<T>>;

/// A place for a pointer to an entry.
struct Slot<T>(Pointer<Entry<T>>);

/// What stands in a slot.
enum Content<T> {
    /// Nothing, and never anything: a probe ends here.
    Empty,
    /// An entry that was removed: a probe goes on.
    Removed,
    Entry(NonNull<Entry<T>>),
}

impl<T> Slot<T> {
    fn empty() -> Self {
        Self(Pointer::null())
    }

    /// No entry has this address: it is within the first page.
    fn removed() -> *mut Entry<T> {
        NonNull::dangling().as_ptr()
    }

    fn content(pointer: *mut Entry<T>) -> Content<T> {
        match NonNull::new(pointer) {
            None => Content::Empty,
            Some(entry) if entry.as_ptr() == Self::removed() => Content::Removed,
            Some(entry) => Content::Entry(entry),
        }
    }

    /// As a lookup sees it.
    #[inline]
    fn get(&self) -> Content<T> {
        // Acquire: partner of the Release in `put`; we read through the pointer.
        // Test: loom::one_of_two_insertions_is_kept.
        Self::content(self.0.load(Ordering::Acquire))
    }

    /// As the holder of the lock sees it.
    fn owned(&self) -> Content<T> {
        Self::content(self.0.owned_load())
    }

    fn put(&self, entry: NonNull<Entry<T>>) {
        // Release: partner of the Acquire in `get`. Test: loom::one_of_two_insertions_is_kept.
        self.0.store(entry.as_ptr(), Ordering::Release);
    }

    fn mark_removed(&self) {
        // Release: partner of the Acquire in `get`; who sees the mark sees that a removal has begun.
        // Test: loom::not_turned_away_while_it_is_removed. (The heavy fence of the grace period is what orders
        // it before the entry's end.)
        self.0.store(Self::removed(), Ordering::Release);
    }
}

/// The table is full, and what was looked for is not in it: both at one moment.
#[derive(Debug)]
pub(crate) struct Full;

/// Whether there is room for one more entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    /// If there are fewer than this.
    Below(usize),
    /// For this one there is; and it does not count. There is one such entry at a time.
    Extra,
}

/// How many entries an insertion or a removal drops at most: whoever comes by pays for a few of those
/// that could not be dropped when they were removed.
const A_FEW: usize = 64;

/// An entry that was found; it stays valid until this is dropped.
pub(crate) struct Found<'table, T, C: Counts> {
    value: NonNull<T>,
    /// Keeps the value.
    _inside: Inside<'table, C>,
}

// SAFETY: it is a `&T` that any thread may let go of: `Inside` counts in the cells of whichever
// thread drops it.
unsafe impl<T: Sync, C: Counts + Sync> Send for Found<'_, T, C> {}
// SAFETY: as above; it hands out `&T` alone.
unsafe impl<T: Sync, C: Counts + Sync> Sync for Found<'_, T, C> {}

impl<T, C: Counts> Deref for Found<'_, T, C> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `Table::find` found it after `_inside` had entered, so it is dropped only after
        // `_inside` has left.
        unsafe { self.value.as_ref() }
    }
}

// SAFETY: a `Table` owns its entries as a `Vec<T>` does, and drops them on whichever thread.
unsafe impl<T: Send, C: Counts + Send> Send for Table<T, C> {}
// SAFETY: as above; it hands out `&T`, and takes `T` from any thread and drops it on any.
unsafe impl<T: Send + Sync, C: Counts + Sync> Sync for Table<T, C> {}

impl<T, C: Counts> Table<T, C> {
    pub(crate) fn new(counts: [C; 2]) -> Self {
        let newest = Link::empty();
        // SAFETY: freed by `Drop`, or when it was retired and no lookup is left.
        unsafe { newest.set(leak(Memory::new(FIRST_SLOTS, Slot::empty))) };
        Self {
            newest,
            grace: Grace::new(counts),
            len: Word::zero(),
            removals: Word::zero(),
            extra: Word::zero(),
            turn: Mutex::new(Turn {
                used: 0,
                inserted: 0,
                extra: None,
                limbo: Limbo::new(),
            }),
        }
    }

    /// The entry with this hash that `is` holds of.
    #[inline]
    pub(crate) fn get(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<Found<'_, T, C>> {
        self.find(self.grace.enter(), hash, is)
    }

    #[inline]
    fn find<'table>(
        &'table self,
        inside: Inside<'table, C>,
        hash: u32,
        is: impl Fn(&T) -> bool,
    ) -> Option<Found<'table, T, C>> {
        // Whoever enters sees slots, for they are replaced and never taken away.
        let slots = self.newest.get()?;
        for slot in probe(slots, hash) {
            match slot.get() {
                Content::Empty => return None,
                Content::Removed => {}
                Content::Entry(entry) => {
                    // SAFETY: it was in a slot after `inside` had entered.
                    let entry = unsafe { entry.as_ref() };
                    if entry.hash == hash && is(&entry.value) {
                        return Some(Found {
                            value: NonNull::from(&entry.value),
                            _inside: inside,
                        });
                    }
                }
            }
        }
        None
    }

    /// The entry with this hash that `is` holds of, made and inserted if there is none and there is
    /// room. Of several threads that insert the same, one does, and what the others made is dropped:
    /// `make` is not called under the lock, so it may do what it likes.
    #[cold]
    pub(crate) fn get_or_insert(
        &self,
        hash: u32,
        room: Room,
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> Result<Found<'_, T, C>, Full> {
        // Not under loom, for which this thread's loads would hide the others' (`sync.rs`); below
        // it is looked for again.
        #[cfg(not(all(test, loom)))]
        if let Some(outcome) = self.look_before_inserting(hash, room, &is) {
            return outcome;
        }
        // Before anything is made: its fence publishes nothing, so the models see what does.
        let inside = self.grace.enter();
        let value = make();
        let mut turn = self.turn.lock();
        let freed = turn.limbo.reclaim(&self.grace, A_FEW);
        let outcome = if let Some((_, entry)) = self.owned_find(hash, |entry| is(&entry.value)) {
            Ok(Self::found(entry, inside))
        } else if matches!(room, Room::Below(max) if self.owned_len() >= max) {
            Err(Full)
        } else {
            let entry = self.insert(&mut turn, hash, value, room);
            Ok(Self::found(entry, inside))
        };
        drop(turn);
        // Dropping an entry runs its owner's code: not under the lock.
        drop(freed);
        outcome
    }

    /// What can be said without the lock: it is there, or there is no room for it. So a full table
    /// turns away without a lock.
    fn look_before_inserting(
        &self,
        hash: u32,
        room: Room,
        is: impl Fn(&T) -> bool,
    ) -> Option<Result<Found<'_, T, C>, Full>> {
        let inside = self.grace.enter();
        // Acquire: partners of the Releases in `take_out` and `insert`; in this order, and the lookup
        // after them. Who sees so many entries sees the entries; and when no removal has begun
        // meanwhile, an entry that is missing was missing all the time that the table was full.
        // Tests: loom::not_turned_away_while_it_is_inserted, … removed, turned_away_only_when_full.
        let removals = self.removals.load(Ordering::Acquire);
        let full =
            matches!(room, Room::Below(max) if self.len.load(Ordering::Acquire) as usize >= max);
        if let Some(found) = self.find(inside, hash, is) {
            return Some(Ok(found));
        }
        // Relaxed: it comes after the Acquire loads of the lookup.
        (full && self.removals.load(Ordering::Relaxed) == removals).then_some(Err(Full))
    }

    /// Takes out the entry with this hash that `is` holds of.
    pub(crate) fn remove(&self, hash: u32, is: impl Fn(&T) -> bool) -> bool {
        let mut turn = self.turn.lock();
        let found = self.take_out(&mut turn, hash, |entry| is(&entry.value));
        let freed = turn.limbo.reclaim(&self.grace, A_FEW);
        drop(turn);
        drop(freed);
        found
    }

    /// Takes out the entries that `keep` does not hold of. It is called without the lock; entries
    /// inserted meanwhile may be left out.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&T) -> bool) {
        let inside = self.grace.enter();
        for entry in self.entries() {
            // SAFETY: it was in a slot after `inside` had entered.
            let this = unsafe { entry.as_ref() };
            if !keep(&this.value) {
                let mut turn = self.turn.lock();
                self.take_out(&mut turn, this.hash, |other| std::ptr::eq(other, this));
            }
        }
        drop(inside);
        let mut turn = self.turn.lock();
        let len = self.owned_len();
        // Many more than are needed would be walked over at each scrape.
        if self.owned_slots().len() > 4 * slots_for(len) {
            self.rebuild(&mut turn, len);
        }
        drop(turn);
        self.reclaim();
    }

    fn take_out(&self, turn: &mut Turn<T>, hash: u32, is: impl Fn(&Entry<T>) -> bool) -> bool {
        let found = self.owned_find(hash, is);
        if let Some((slot, entry)) = found {
            if turn.extra == Some(entry) {
                turn.extra = None;
                self.extra.store(0, Ordering::Relaxed);
            } else {
                // Relaxed: the next store publishes it.
                self.len
                    .store(self.owned_len() as u64 - 1, Ordering::Relaxed);
            }
            // Release: partner of the Acquire in `look_before_inserting`. Between the two others: who
            // sees that a removal has begun sees that there is room, and who sees the mark sees that
            // a removal has begun. Test: loom::not_turned_away_while_it_is_removed.
            let removals = self.removals.owned_load().wrapping_add(1);
            self.removals.store(removals, Ordering::Release);
            slot.mark_removed();
            turn.limbo.retire(Retired::Entry(entry));
        }
        found.is_some()
    }

    /// Drops what was taken out and cannot be reached any more.
    fn reclaim(&self) {
        let freed = self.turn.lock().limbo.reclaim(&self.grace, usize::MAX);
        drop(freed);
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        // Relaxed: a number that may be old by the time it is used, in any order.
        (self.len.load(Ordering::Relaxed) + self.extra.load(Ordering::Relaxed)) as usize
    }

    /// Calls `each` with the entries in the order of insertion (of the last 2³² ones), without the
    /// lock; those inserted meanwhile may be missing.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&T)) {
        // So that what could not be dropped when it was removed goes at the next scrape.
        self.reclaim();
        let _inside = self.grace.enter();
        for entry in self.entries() {
            // SAFETY: it was in a slot after `_inside` had entered.
            each(&unsafe { entry.as_ref() }.value);
        }
    }

    /// The entries in the order of insertion, and none beside its successor. The caller is inside.
    fn entries(&self) -> Vec<NonNull<Entry<T>>> {
        let slots = self.newest.get().into_iter().flat_map(|slots| slots.iter());
        let mut entries: Vec<_> = slots
            .filter_map(|slot| match slot.get() {
                // SAFETY: it was in a slot after the caller had entered.
                Content::Entry(entry) => Some((unsafe { entry.as_ref() }.order, entry, slot)),
                Content::Empty | Content::Removed => None,
            })
            .collect();
        // One that was taken out while the slots were read may stand beside the one that came in its
        // place: whoever has seen the later one sees that the earlier one is out. What is out is not
        // dropped while the caller is inside, so an equal pointer is the same entry.
        entries
            .retain(|(_, entry, slot)| matches!(slot.get(), Content::Entry(now) if now == *entry));
        entries.sort_unstable_by_key(|(order, ..)| *order);
        entries.into_iter().map(|(_, entry, _)| entry).collect()
    }

    /// An entry that is in a slot, as the lock's holder knows; who came in before it lets go of the lock.
    fn found(entry: NonNull<Entry<T>>, inside: Inside<'_, C>) -> Found<'_, T, C> {
        // SAFETY: it is in a slot, and whoever could take it out waits for the lock.
        let value = NonNull::from(unsafe { &entry.as_ref().value });
        Found {
            value,
            _inside: inside,
        }
    }

    /// The slots as the lock's holder sees them.
    fn owned_slots(&self) -> &Slots<T> {
        // SAFETY: never null, and only the lock's holder retires slots.
        unsafe { &*self.newest.owned() }
    }

    fn owned_len(&self) -> usize {
        self.len.owned_load() as usize
    }

    fn owned_find(
        &self,
        hash: u32,
        is: impl Fn(&Entry<T>) -> bool,
    ) -> Option<(&Slot<T>, NonNull<Entry<T>>)> {
        for slot in probe(self.owned_slots(), hash) {
            match slot.owned() {
                Content::Empty => return None,
                Content::Removed => {}
                Content::Entry(at) => {
                    // SAFETY: it is in a slot, and only the lock's holder retires entries.
                    let entry = unsafe { at.as_ref() };
                    if entry.hash == hash && is(entry) {
                        return Some((slot, at));
                    }
                }
            }
        }
        None
    }

    /// Inserts what is not there.
    fn insert(&self, turn: &mut Turn<T>, hash: u32, value: T, room: Room) -> NonNull<Entry<T>> {
        let entry = NonNull::from(Box::leak(Box::new(Entry {
            hash,
            order: turn.inserted,
            value,
        })));
        turn.inserted = turn.inserted.wrapping_add(1);
        let len = self.owned_len() + 1;
        if (turn.used + 1) * 2 > self.owned_slots().len() {
            self.rebuild(turn, len);
        }
        if place(self.owned_slots(), hash, entry) {
            turn.used += 1;
        }
        match room {
            // Release: partner of the Acquire in `look_before_inserting`: who sees that there are so
            // many finds them. Test: loom::not_turned_away_while_it_is_inserted.
            Room::Below(_) => self.len.store(len as u64, Ordering::Release),
            Room::Extra => {
                turn.extra = Some(entry);
                self.extra.store(1, Ordering::Relaxed);
            }
        }
        entry
    }

    /// Replaces the slots by as many as `len` entries want, without the marks of removed ones.
    fn rebuild(&self, turn: &mut Turn<T>, len: usize) {
        // As `leak` made it: not from a reference, for it is freed by it.
        let Some(old) = NonNull::new(self.newest.owned()) else {
            unreachable!("a table always has slots");
        };
        // One more, for the one that does not count.
        let new = Memory::new(slots_for(len + 1), Slot::empty);
        turn.used = 0;
        for slot in self.owned_slots().iter() {
            if let Content::Entry(entry) = slot.owned() {
                // SAFETY: it is in a slot, and only the lock's holder retires entries.
                place(&new, unsafe { entry.as_ref() }.hash, entry);
                turn.used += 1;
            }
        }
        // SAFETY: as in `new`.
        unsafe { self.newest.set(leak(new)) };
        turn.limbo.retire(Retired::Slots(old));
    }
}

/// How many slots so many entries want: an eighth of them at least can come and go before the next
/// time.
fn slots_for(entries: usize) -> usize {
    let wanted = (2 * entries + entries / 4).next_power_of_two();
    wanted.max(FIRST_SLOTS)
}

/// The slots that an entry with this hash may be in, in turn.
#[inline]
fn probe<T>(slots: &[Slot<T>], hash: u32) -> impl Iterator<Item = &Slot<T>> {
    let mask = slots.len() - 1;
    (0..slots.len()).map(move |i| &slots[(hash as usize).wrapping_add(i) & mask])
}

/// Lets lookups find an entry, in the first slot that holds none; says whether it was empty.
fn place<T>(slots: &[Slot<T>], hash: u32, entry: NonNull<Entry<T>>) -> bool {
    for slot in probe(slots, hash) {
        match slot.owned() {
            Content::Entry(_) => {}
            Content::Empty => {
                slot.put(entry);
                return true;
            }
            Content::Removed => {
                slot.put(entry);
                return false;
            }
        }
    }
    unreachable!("at most half of the slots are used");
}

/// # Safety
/// Nobody can reach the entry any more.
unsafe fn drop_entry<T>(entry: NonNull<Entry<T>>) {
    #[cfg(not(all(test, loom)))]
    // SAFETY: it came from a `Box`; the caller's promise.
    drop(unsafe { Box::from_raw(entry.as_ptr()) });
    // Under loom its memory stays, so that a model which is wrong fails in the value's own
    // check and not by what the memory has become.
    #[cfg(all(test, loom))]
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::drop_in_place(&raw mut (*entry.as_ptr()).value);
    }
}

impl<T, C: Counts> Drop for Table<T, C> {
    fn drop(&mut self) {
        // `&mut self` says that no lookup is left. A value that panics when it is dropped keeps none
        // of the others: the vector goes on with them.
        let mut all = Vec::new();
        for slot in self.owned_slots().iter() {
            if let Content::Entry(entry) = slot.owned() {
                all.push(Retired::Entry(entry));
            }
        }
        all.extend(NonNull::new(self.newest.owned()).map(Retired::Slots));
    }
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(loom)))]
mod tests;
