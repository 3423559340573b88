//! The models of the table.

use std::collections::BTreeSet;

use loom::sync::Arc;
use loom::thread;

use super::{Full, Room, Table};
use crate::shard::grace::model::{ModelCounts, i_am};
use crate::shard::lease::Pool;
use crate::shard::model::{Checked, explore};
use crate::shard::slot::Run;

/// An entry whose end is a write that loom compares with every look at it.
struct Value {
    key: u64,
    made_by: u64,
    alive: std::sync::Arc<Checked>,
}

impl Value {
    fn new(key: u64, made_by: u64) -> Self {
        let alive = std::sync::Arc::new(Checked::new(1));
        Self {
            key,
            made_by,
            alive,
        }
    }

    /// Who made it; fails when it has been dropped, or might be.
    fn look(&self) -> u64 {
        assert_eq!(self.alive.get(), 1);
        self.made_by
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.set(0);
    }
}

type Model = Arc<Table<Value, ModelCounts>>;

/// All keys have the same hash: they probe the same slots.
const HASH: u32 = 1;
const ANY: Room = Room::Below(usize::MAX);

fn table() -> Model {
    Arc::new(Table::new(ModelCounts::both()))
}

fn insert(table: &Model, key: u64, made_by: u64) -> u64 {
    let make = || Value::new(key, made_by);
    let found = table.get_or_insert(HASH, ANY, |value| value.key == key, make);
    found.unwrap().look()
}

fn get(table: &Model, key: u64) -> Option<u64> {
    let found = table.get(HASH, |value| value.key == key);
    found.map(|value| value.look())
}

fn remove(table: &Model, key: u64) -> bool {
    table.remove(HASH, |value| value.key == key)
}

fn spawn<R: 'static>(
    me: usize,
    table: &Model,
    run: impl FnOnce(&Model) -> R + 'static,
) -> thread::JoinHandle<R> {
    let table = table.clone();
    thread::spawn(move || {
        i_am(me);
        run(&table)
    })
}

#[test]
fn one_of_two_insertions_is_kept() {
    let seen = explore("table: two insert the same, one looks", None, |outcome| {
        let table = table();
        let inserters = [1, 2].map(|me| spawn(me, &table, move |t| insert(t, 7, me as u64)));
        let found = get(&table, 7);
        let [a, b] = inserters.map(|thread| thread.join().unwrap());
        assert_eq!(a, b);
        assert_eq!((get(&table, 7), table.len()), (Some(a), 1));
        outcome.reached((found, a));
    });
    assert_eq!(
        seen,
        BTreeSet::from([(None, 1), (None, 2), (Some(1), 1), (Some(2), 2)])
    );
}

/// An entry is taken out, another one takes its slot, and the first is made again in a later slot: a
/// walk over the slots meets both, and shows one at the most.
#[test]
fn shown_once_while_it_is_made_again() {
    let seen = explore("table: made again under a walk", Some(3), |outcome| {
        let table = table();
        // Room for two, so that the table does not grow meanwhile.
        insert(&table, 1, 1);
        insert(&table, 3, 1);
        remove(&table, 3);
        let writer = spawn(1, &table, |table| {
            remove(table, 1);
            insert(table, 2, 2);
            insert(table, 1, 3);
        });
        let mut shown = Vec::new();
        table.for_each(|value| shown.push((value.key, value.look())));
        writer.join().unwrap();
        let ones = shown.iter().filter(|(key, _)| *key == 1).count();
        assert!(ones <= 1, "shown beside its successor: {shown:?}");
        outcome.reached(shown);
    });
    assert_eq!(
        seen,
        BTreeSet::from([
            vec![],
            vec![(1, 1)],
            vec![(1, 3)],
            vec![(2, 2)],
            vec![(2, 2), (1, 3)],
        ])
    );
}

/// The second entry makes the table grow; the old slots are freed when nobody probes them.
#[test]
fn found_while_the_table_grows() {
    let seen = explore("table: grows under two lookups", Some(3), |outcome| {
        let table = table();
        insert(&table, 1, 1);
        let grower = spawn(1, &table, |table| insert(table, 2, 2));
        assert_eq!(get(&table, 1), Some(1), "lost while the table grew");
        let second = get(&table, 2);
        grower.join().unwrap();
        assert_eq!((get(&table, 1), get(&table, 2)), (Some(1), Some(2)));
        outcome.reached(second);
    });
    assert_eq!(seen, BTreeSet::from([None, Some(2)]));
}

/// A lookup finds the entry, or finds nothing; what it found it may look at.
#[test]
fn removed_while_it_is_looked_at() {
    let seen = explore("table: two look, one removes", Some(3), |outcome| {
        let table = table();
        insert(&table, 7, 0);
        let readers = [1, 2].map(|me| spawn(me, &table, |table| get(table, 7)));
        assert!(remove(&table, 7));
        assert_eq!((get(&table, 7), table.len()), (None, 0));
        outcome.reached(readers.map(|reader| reader.join().unwrap().is_some()));
    });
    assert_eq!(
        seen,
        BTreeSet::from([[false, false], [false, true], [true, false], [true, true]])
    );
}

/// The slot of a removed entry is used again, before another entry in the same probe.
#[test]
fn made_again_after_removal() {
    let seen = explore("table: removed and made again", Some(3), |outcome| {
        let table = table();
        insert(&table, 1, 1);
        insert(&table, 2, 1);
        let maker = spawn(1, &table, |table| {
            assert!(remove(table, 1));
            assert_eq!(insert(table, 1, 2), 2);
        });
        let first = get(&table, 1);
        assert_eq!(get(&table, 2), Some(1), "a probe ended at a removed entry");
        let second = get(&table, 1);
        assert!(first <= second || second.is_none());
        maker.join().unwrap();
        assert_eq!((get(&table, 1), table.len()), (Some(2), 2));
        outcome.reached((first, second));
    });
    let (old, new) = (Some(1), Some(2));
    assert_eq!(
        seen,
        BTreeSet::from([
            (None, None),
            (None, new),
            (old, None),
            (old, old),
            (old, new),
            (new, new)
        ])
    );
}

/// What a table with room for one says of entry 1, without the lock: it is there, or
/// turned away, or nothing.
fn said_of_1(table: &Model) -> Option<bool> {
    let said = table.look_before_inserting(HASH, Room::Below(1), |value| value.key == 1);
    said.map(|outcome| outcome.is_ok())
}

/// What makes the table full is in it.
#[test]
fn not_turned_away_while_it_is_inserted() {
    let seen = explore("table: the only one is inserted", None, |outcome| {
        let table = table();
        let maker = spawn(1, &table, |table| insert(table, 1, 1));
        outcome.reached(said_of_1(&table));
        maker.join().unwrap();
        assert_eq!(said_of_1(&table), Some(true));
    });
    assert_eq!(seen, BTreeSet::from([None, Some(true)]));
}

/// When it is gone, there is room.
#[test]
fn not_turned_away_while_it_is_removed() {
    let seen = explore("table: the only one is removed", None, |outcome| {
        let table = table();
        insert(&table, 1, 1);
        let remover = spawn(1, &table, |table| remove(table, 1));
        outcome.reached(said_of_1(&table));
        assert!(remover.join().unwrap());
        assert_eq!(said_of_1(&table), None);
    });
    assert_eq!(seen, BTreeSet::from([None, Some(true)]));
}

/// A table with room for one: what is in it all the time, or once it is full, is not turned away.
#[test]
fn turned_away_only_when_full() {
    let seen = explore(
        "table: full, one looks without the lock",
        Some(3),
        |outcome| {
            let table = table();
            let room = Room::Below(1);
            let maker = spawn(1, &table, move |table| {
                let make = |key| move || Value::new(key, key);
                let found = table.get_or_insert(HASH, room, |value| value.key == 1, make(1));
                assert!(found.is_ok());
                drop(found);
                assert!(remove(table, 1));
                let found = table.get_or_insert(HASH, room, |value| value.key == 2, make(2));
                assert!(found.is_ok());
            });
            // Of the two that are ever in it, one at a time and each alone: 1 is not turned away
            // before 2 is there.
            let first = table.look_before_inserting(HASH, room, |value| value.key == 1);
            let first = first.map(|outcome| outcome.is_ok());
            if first == Some(false) {
                assert_eq!(
                    get(&table, 2),
                    Some(2),
                    "turned away while it was there, or room was"
                );
            }
            maker.join().unwrap();
            let last = table.look_before_inserting(HASH, room, |value| value.key == 1);
            assert!(matches!(last, Some(Err(Full))));
            outcome.reached(first);
        },
    );
    assert_eq!(seen, BTreeSet::from([None, Some(true), Some(false)]));
}

/// A series: cells that are given back when it is dropped.
struct Series {
    key: u64,
    run: Run,
    pool: Arc<Pool>,
}

impl Drop for Series {
    fn drop(&mut self) {
        self.pool.give_back(self.run);
    }
}

/// A series is removed while another thread records in it, and the next one is made at once:
/// it never has the counts of the first.
#[test]
fn recorded_in_while_it_is_removed() {
    let seen = explore(
        "table: cells used again after removal",
        Some(3),
        |outcome| {
            let pool = Arc::new(Pool::new(2));
            let make = {
                let pool = pool.clone();
                move |key| {
                    let (run, pool) = (pool.take(1), pool.clone());
                    Series { key, run, pool }
                }
            };
            let table = Arc::new(Table::<Series, _>::new(ModelCounts::both()));
            let get_or_make = |key| {
                let found = table.get_or_insert(HASH, ANY, |s| s.key == key, || make(key));
                found.unwrap()
            };
            let first = get_or_make(1).run;
            let recorder = {
                let (table, pool) = (table.clone(), pool.clone());
                thread::spawn(move || {
                    i_am(1);
                    let found = table.get(HASH, |series| series.key == 1);
                    let found = found.inspect(|series| {
                        let mut lease = pool.lease().unwrap();
                        lease.cells(series.run)[0].add(1);
                    });
                    found.is_some()
                })
            };
            table.remove(HASH, |series| series.key == 1);
            let next = get_or_make(2);
            assert_eq!(pool.sum(next.run, 0), 0);
            let used_again = next.run == first;
            let recorded = recorder.join().unwrap();
            assert_eq!(pool.sum(next.run, 0), 0);
            outcome.reached((recorded, used_again));
        },
    );
    assert_eq!(
        seen,
        BTreeSet::from([(false, false), (false, true), (true, false), (true, true)])
    );
}
