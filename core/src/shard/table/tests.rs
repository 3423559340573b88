//! The table on one thread, and on real ones.

use super::super::grace::Counts;
use super::super::handle::Handle;
use super::{FIRST_SLOTS, Full, Room, Table};
use crate::shard::COUNTS;

fn table<T>() -> Table<T, Handle> {
    Table::new([(); 2].map(|()| Handle::new(COUNTS)))
}

fn values<T: Copy, C: Counts>(table: &Table<T, C>) -> Vec<T> {
    let mut values = Vec::new();
    table.for_each(|value| values.push(*value));
    values
}

#[test]
fn finds_what_was_inserted_through_growth_and_collisions() {
    let table = table();
    for n in 0..1_000 {
        // Only 16 different hashes: long probes.
        let made = table.get_or_insert(n % 16, Room::Below(1_000), |v| *v == n, || n);
        assert_eq!(*made.unwrap(), n);
    }
    for n in 0..1_000 {
        assert_eq!(table.get(n % 16, |v| *v == n).as_deref(), Some(&n));
        let again = table.get_or_insert(n % 16, Room::Below(1_000), |v| *v == n, || unreachable!());
        assert_eq!(*again.unwrap(), n);
    }
    assert!(table.get(3, |v| *v == 1_003).is_none());
    assert!(values(&table).into_iter().eq(0..1_000));
}

#[test]
fn an_entry_is_inserted_once_however_many_threads_ask() {
    let table = table();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..2_000_u32 {
                    let hash = n.wrapping_mul(0x9E37_79B9);
                    let is = |v: &u32| *v == n;
                    let found = table
                        .get_or_insert(hash, Room::Below(usize::MAX), is, || n)
                        .unwrap();
                    assert_eq!(*found, n);
                    assert!(std::ptr::eq(&*found, &*table.get(hash, is).unwrap()));
                }
            });
        }
    });
    assert_eq!(table.len(), 2_000);
    assert_eq!(values(&table).len(), 2_000);
}

#[test]
fn making_an_entry_may_use_the_table() {
    let table = table();
    let zero = || {
        *table
            .get_or_insert(0, Room::Below(2), |v| *v == 0, || 0)
            .unwrap()
    };
    let made = table.get_or_insert(1, Room::Below(2), |v| *v == 1, || zero() + 1);
    assert_eq!((*made.unwrap(), table.len()), (1, 2));
}

#[test]
fn a_full_table_takes_no_more_and_still_finds() {
    let table = table();
    for n in 0..3 {
        assert!(
            table
                .get_or_insert(n, Room::Below(3), |v| *v == n, || n)
                .is_ok()
        );
    }
    let refused = table.get_or_insert(3, Room::Below(3), |v| *v == 3, || unreachable!());
    assert!(matches!(refused, Err(Full)));
    assert!(
        table
            .get_or_insert(2, Room::Below(3), |v| *v == 2, || 2)
            .is_ok()
    );
    assert!(table.remove(2, |v| *v == 2));
    assert!(
        table
            .get_or_insert(3, Room::Below(3), |v| *v == 3, || 3)
            .is_ok()
    );
    assert_eq!(values(&table), [0, 1, 3]);
}

#[test]
fn what_comes_and_goes_leaves_no_slots_behind() {
    let table = table();
    for n in 0..10_000_u32 {
        let hash = n.wrapping_mul(0x9E37_79B9);
        assert!(
            table
                .get_or_insert(hash, Room::Below(5), |v| *v == n, || n)
                .is_ok()
        );
        if let Some(old) = n.checked_sub(4) {
            let hash = old.wrapping_mul(0x9E37_79B9);
            assert!(table.remove(hash, |v| *v == old));
        }
    }
    assert_eq!(values(&table), [9_996, 9_997, 9_998, 9_999]);
    assert!(table.owned_slots().len() <= 2 * FIRST_SLOTS);
}

/// Counts how many are alive.
struct Alive<'a>(u32, &'a std::cell::Cell<usize>);

impl<'a> Alive<'a> {
    fn new(n: u32, alive: &'a std::cell::Cell<usize>) -> Self {
        alive.set(alive.get() + 1);
        Self(n, alive)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

#[test]
fn what_is_removed_is_dropped_when_it_was_let_go_of() {
    let alive = std::cell::Cell::new(0);
    let table = table();
    for n in 0..10 {
        let made = table.get_or_insert(
            n,
            Room::Below(10),
            |v: &Alive| v.0 == n,
            || Alive::new(n, &alive),
        );
        assert_eq!(made.unwrap().0, n);
    }
    let held = table.get(3, |v| v.0 == 3).unwrap();
    table.retain(|v| v.0 > 4);
    assert_eq!((held.0, alive.get(), table.len()), (3, 10, 5));
    drop(held);
    // The next that has the lock drops what is left.
    assert!(!table.remove(3, |v| v.0 == 3));
    assert_eq!(alive.get(), 5);
    assert!(table.remove(5, |v| v.0 == 5));
    assert_eq!(alive.get(), 4);
    let held = table.get(6, |v| v.0 == 6);
    assert!(table.remove(6, |v| v.0 == 6));
    drop(held);
    assert_eq!(alive.get(), 4);
    drop(table);
    assert_eq!(alive.get(), 0);
}

#[test]
fn few_entries_keep_few_slots() {
    let table = table();
    for n in 0..10_000_u32 {
        assert!(
            table
                .get_or_insert(n, Room::Below(usize::MAX), |v| *v == n, || n)
                .is_ok()
        );
    }
    table.retain(|n| *n < 3);
    assert_eq!(values(&table), [0, 1, 2]);
    assert!(table.owned_slots().len() <= 2 * FIRST_SLOTS);
}

#[test]
fn a_value_that_panics_when_dropped_keeps_none_of_the_others() {
    struct Panics<'a>(Alive<'a>);
    impl Drop for Panics<'_> {
        fn drop(&mut self) {
            assert_ne!(self.0.0, 50, "on purpose");
        }
    }
    let alive = std::cell::Cell::new(0);
    let table = table();
    for n in 0..100 {
        let made = || Panics(Alive::new(n, &alive));
        assert!(
            table
                .get_or_insert(n, Room::Below(usize::MAX), |_| false, made)
                .is_ok()
        );
    }
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(table)));
    assert!(dropped.is_err());
    assert_eq!(alive.get(), 0);
}
