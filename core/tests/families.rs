//! Families under load: threads create the same series and different ones at once, with readers
//! in the midst. Each series exists once, in the order of creation, and holds all that was
//! recorded in it.
//!
//! No test here is timed: the writers have a given amount to do, and the readers read until they
//! have done it.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tallied::{Buckets, Counter, Family, Histogram, Metric, Registry, SeriesSnapshot, Value};

const WRITERS: usize = 6;
/// The table of a family doubles some nine times on the way there.
const SHARED: usize = 2_000;
const OWN: usize = 300;
/// Each writer's recordings in each shared series are worth a digit of their own, so that the
/// total says who recorded how often: writer i adds 64ⁱ.
const DIGIT: u64 = 64;
/// Below `DIGIT`.
const ROUNDS: u64 = 10;

/// Bucket i only gets the value 64ⁱ, so that the sum follows from the buckets.
const VALUES: [f64; WRITERS] = [1.0, 64.0, 4_096.0, 262_144.0, 16_777_216.0, 1_073_741_824.0];

fn name(n: usize) -> String {
    format!("series {n}")
}

/// The series' names, which have to be different ones.
fn names(series: &[SeriesSnapshot]) -> Vec<Cow<'_, str>> {
    let names: Vec<Cow<'_, str>> = series
        .iter()
        .map(|series| series.labels.values().next().unwrap())
        .collect();
    let different: HashSet<&str> = names.iter().map(|name| &**name).collect();
    assert_eq!(different.len(), names.len(), "a series exists twice");
    names
}

/// What a series holds: as a counter, or as the sum of a histogram, which has to be whole.
fn total(series: &SeriesSnapshot) -> u64 {
    match &series.value {
        Value::Counter(total) => *total,
        Value::Histogram(seen) => {
            let count: u64 = seen.buckets.iter().sum();
            assert_eq!(seen.count, count, "torn: {seen:?}");
            let buckets = seen.buckets.iter().zip(VALUES);
            let sum: f64 = buckets.map(|(n, value)| *n as f64 * value).sum();
            assert_eq!(seen.sum, sum, "torn: {seen:?}");
            sum as u64
        }
        other => panic!("{other:?} was not registered"),
    }
}

/// Lets readers end when the writers are done, also when that is by a failed assertion.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn threads_that_create_series_meet_in_each() {
    let counters = Family::<Counter, 1>::new(["name"]);
    let buckets = Buckets::new(VALUES).unwrap();
    let histograms =
        Family::new_with_constructor(["name"], move || Histogram::with_buckets(&buckets));
    let registry = Registry::default();
    registry.register("counts", "", counters.clone()).unwrap();
    registry.register("sizes", "", histograms.clone()).unwrap();

    let done = AtomicBool::new(false);
    let start = Barrier::new(WRITERS);
    let write = |writer: usize| {
        let digit = DIGIT.pow(writer as u32);
        start.wait();
        for round in 0..ROUNDS as usize {
            for n in 0..SHARED {
                // Half of the writers go along side by side and meet at every new series; the
                // others begin elsewhere, so that they find some series and make others.
                let n = match writer % 2 {
                    0 => n,
                    _ => (n + SHARED * (writer + round) / WRITERS) % SHARED,
                };
                counters.get_or_create(&[&name(n)]).inc_by(digit);
                histograms.get_or_create(&[&name(n)]).observe(digit as f64);
            }
            for n in 0..OWN {
                let own = format!("{writer} {round} {n}");
                assert!(counters.get(&[&own]).is_none(), "nobody else makes {own}");
                let made = counters.get_or_create(&[&own]);
                assert_eq!(made.get(), 0);
                made.inc_by(digit);
                assert_eq!(counters.get(&[&own]).unwrap().get(), digit);
            }
        }
    };
    let read = |by_registry: bool| {
        let mut last: [Vec<SeriesSnapshot>; 2] = Default::default();
        while !done.load(Ordering::Relaxed) {
            let next = if by_registry {
                let families = registry.snapshot().families;
                let mut families = families.into_iter().map(|family| family.series);
                [families.next().unwrap(), families.next().unwrap()]
            } else {
                let mut next: [Vec<SeriesSnapshot>; 2] = Default::default();
                counters.collect(&mut next[0]);
                histograms.collect(&mut next[1]);
                next
            };
            for (last, next) in last.iter().zip(&next) {
                let names = names(next);
                // Series are appended: what was seen before is seen again, in its place among
                // the others, and holds no less.
                let mut following = names.iter().zip(next);
                for before in last {
                    let name = before.labels.values().next().unwrap();
                    let after = following.find(|(next, _)| **next == name);
                    let after = after
                        .unwrap_or_else(|| panic!("{name} is gone, or moved"))
                        .1;
                    assert!(total(before) <= total(after), "{name} steps back");
                }
            }
            last = next;
        }
    };
    let (write, read) = (&write, &read);
    thread::scope(|scope| {
        let stop = Stop(&done);
        let readers = [true, false].map(|by_registry| scope.spawn(move || read(by_registry)));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        drop(stop);
        for reader in readers {
            reader.join().unwrap();
        }
    });

    let all = WRITERS * ROUNDS as usize * OWN;
    assert_eq!(counters.len(), SHARED + all);
    assert_eq!(histograms.len(), SHARED);
    let mut found = Vec::new();
    counters.collect(&mut found);
    let names_found = names(&found);
    assert_eq!(names_found.len(), SHARED + all);
    for writer in 0..WRITERS {
        let made = (0..ROUNDS).flat_map(|round| (0..OWN).map(move |n| (round, n)));
        let made = made.map(|(round, n)| format!("{writer} {round} {n}"));
        let own = format!("{writer} ");
        let found = names_found.iter().filter(|name| name.starts_with(&own));
        assert!(made.eq(found.cloned()), "not in the order of creation");
    }
    let digits: u64 = (0..WRITERS as u32).map(|writer| DIGIT.pow(writer)).sum();
    for series in &found {
        let name = series.labels.values().next().unwrap();
        let expected = match name.split_once(' ').unwrap() {
            ("series", _) => ROUNDS * digits,
            (writer, _) => DIGIT.pow(writer.parse().unwrap()),
        };
        assert_eq!(total(series), expected, "{name}");
    }
    found.clear();
    histograms.collect(&mut found);
    assert_eq!(names(&found).len(), SHARED);
    for series in &found {
        assert_eq!(total(series), ROUNDS * digits, "{:?}", series.labels);
    }
}

/// Of the instruments that several threads make for one series, one is kept, and the cells of
/// the others are others' again: with a hundred series at once, over and over.
#[test]
fn instruments_that_lost_a_race_leave_nothing() {
    const FAMILIES: usize = 40;
    const SERIES: usize = 100;
    let made = &*Box::leak(Box::new(AtomicU64::new(0)));
    let all_there = Barrier::new(WRITERS);
    let families: Vec<_> = (0..FAMILIES)
        .map(|_| {
            Family::new_with_constructor(["name"], || {
                made.fetch_add(1, Ordering::Relaxed);
                let counter = Counter::default();
                // Not dropped before the others have looked for the series, and made one.
                thread::yield_now();
                counter
            })
        })
        .collect();
    let meet_in_all = || {
        // Checked at the end: a panic here would leave the others at their barrier.
        let mut leaked = 0;
        for family in &families {
            all_there.wait();
            for n in 0..SERIES {
                family.get_or_create(&[&name(n)]).inc();
                // With the cells of one that lost.
                let other = Counter::default();
                leaked += other.get();
                other.inc_by(1_000);
            }
        }
        leaked
    };
    let leaked: u64 = thread::scope(|scope| {
        let threads = [(); WRITERS].map(|()| scope.spawn(meet_in_all));
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(leaked, 0, "counts of dropped instruments are in new ones");
    for family in &families {
        let mut found = Vec::new();
        family.collect(&mut found);
        assert_eq!(names(&found).len(), SERIES);
        for series in &found {
            assert_eq!(total(series), WRITERS as u64, "{:?}", series.labels);
        }
    }
    let made = made.load(Ordering::Relaxed);
    assert!(made > (FAMILIES * SERIES) as u64, "no two threads met");
}
