//! Series that are removed, and made again: what was recorded through a handle stays with the
//! handle, the new series starts at zero, and under load not a count is lost or strays.
//!
//! No test here is timed: the recorders have a given amount to do, and remover and reader go on
//! until they have done it.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tallied::{
    Counter, Family, Histogram, HistogramSnapshot, Metric, SeriesSnapshot, Value,
    pool::set_thread_cap,
};

fn collected(family: &impl Metric) -> Vec<SeriesSnapshot> {
    let mut series = Vec::new();
    family.collect(&mut series);
    series
}

/// The family's series, in their order: label value and total.
fn totals(family: &Family<Counter, 1>) -> Vec<(String, u64)> {
    let one = |series: SeriesSnapshot| match series.value {
        Value::Counter(total) => (series.labels.values().next().unwrap().into_owned(), total),
        other => panic!("{other:?} is no counter's"),
    };
    collected(family).into_iter().map(one).collect()
}

fn is(series: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = series
        .iter()
        .map(|(name, total)| ((*name).to_owned(), *total));
    owned.collect()
}

#[test]
fn a_series_made_again_starts_at_zero() {
    let family = Family::<Counter, 1>::new(["name"]);
    assert!(!family.remove(&["a"]), "there is none");
    for (name, n) in [("a", 1), ("b", 2), ("c", 3)] {
        family.get_or_create(&[name]).inc_by(n);
    }
    let kept = family.get_or_create(&["a"]).clone();
    assert!(family.remove(&["a"]));
    assert!(!family.remove(&["a"]), "it was removed");
    assert!(family.get(&["a"]).is_none());
    assert_eq!(totals(&family), is(&[("b", 2), ("c", 3)]));
    assert_eq!(family.len(), 2);

    kept.inc_by(10);
    assert_eq!(kept.get(), 11, "a kept handle goes on with what it had");
    let again = family.get_or_create_owned(&["a"]);
    assert_eq!(again.get(), 0);
    again.inc_by(5);
    kept.inc();
    assert_eq!((kept.get(), again.get()), (12, 5));
    assert_eq!(totals(&family), is(&[("b", 2), ("c", 3), ("a", 5)]));

    let clone = family.clone();
    family.clear();
    assert!(family.is_empty() && clone.is_empty());
    assert_eq!(totals(&clone), []);
    again.inc();
    assert_eq!(again.get(), 6);
    assert_eq!(clone.get_or_create(&["a"]).get(), 0);
    family.clear();
    family.clear();
    assert!(family.is_empty());
}

/// A removal takes the series it names and no other, however many neighbours in the table came
/// and went.
#[test]
fn the_others_stay_where_they_are_found() {
    const SERIES: u64 = 1_000;
    let family = Family::<Counter, 1>::new(["name"]);
    let name = |n: u64| format!("series {n}");
    // In the order of creation, as the series should be.
    let mut expected = Vec::new();
    let mut walk = Walk(7);
    let compare = |expected: &[u64]| {
        let expected: Vec<_> = expected.iter().map(|n| (name(*n), *n)).collect();
        assert_eq!(totals(&family), expected);
        assert_eq!(family.len(), expected.len());
        for n in 0..SERIES {
            let found = family.get(&[&name(n)]).map(|found| found.get());
            let there = expected.iter().any(|(_, there)| *there == n);
            assert_eq!(found, there.then_some(n));
        }
    };
    for n in 0..SERIES {
        family.get_or_create(&[&name(n)]).inc_by(n);
        expected.push(n);
        if n % 3 == 2 {
            let gone = expected.remove(walk.next(expected.len()));
            assert!(family.remove(&[&name(gone)]));
        }
        if n % 200 == 199 {
            compare(&expected);
        }
    }
    while !expected.is_empty() {
        let gone = expected.remove(walk.next(expected.len()));
        assert!(family.remove(&[&name(gone)]));
        if expected.len() % 200 == 0 {
            compare(&expected);
        }
    }
}

/// A reference is good until it is dropped, whoever removes its series meanwhile; a removal does
/// not wait for it, or a thread that holds one could wait for itself.
#[test]
fn a_reference_outlives_the_removal() {
    let family = Family::<Counter, 1>::new(["name"]);
    let others = Family::<Counter, 1>::new(["name"]);
    for elsewhere in [true, false] {
        let held = family.get_or_create(&["a"]);
        held.inc_by(7);
        let remove = || {
            assert!(family.remove(&["a"]));
            // They would have its cells if it had been freed.
            for n in 0..2_000 {
                let made = others.get_or_create(&[&format!("{elsewhere} {n}")]);
                assert_eq!(made.get(), 0);
                made.inc_by(1_000);
            }
            assert_eq!(family.get_or_create(&["a"]).get(), 0);
        };
        if elsewhere {
            thread::scope(|scope| scope.spawn(remove).join().unwrap());
        } else {
            remove();
        }
        assert_eq!(held.get(), 7);
        held.inc();
        assert_eq!(held.get(), 8);
        let kept = held.clone();
        drop(held);
        assert_eq!(kept.get(), 8);
        assert_eq!(totals(&family), is(&[("a", 0)]));
        family.clear();
    }
    assert!(totals(&others).iter().all(|(_, total)| *total == 1_000));
}

/// A reference may be forgotten: that costs memory at most.
#[test]
fn a_forgotten_reference_harms_nobody() {
    let family = Family::<Counter, 1>::new(["name"]);
    for round in 0..100 {
        let forgotten = family.get_or_create(&["a"]);
        forgotten.inc();
        assert_eq!(forgotten.get(), 1, "round {round}");
        std::mem::forget(forgotten);
        assert!(family.remove(&["a"]));
    }
    assert!(family.is_empty());
}

const RECORDERS: usize = 4;
/// One after the other, on each of the recorders' places.
const THREADS: usize = 40;
const RECORDS: usize = if cfg!(debug_assertions) { 1_000 } else { 5_000 };
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// An uneven walk through small numbers.
struct Walk(u32);

impl Walk {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % below
    }
}

/// Lets the others end when the recorders are done, also when that is by a failed assertion.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every instrument that was ever made is kept by its maker: together they hold every increment,
/// whatever became of the series that it was made in.
#[test]
fn every_increment_is_in_some_instrument() {
    for cap in [16, 2] {
        set_thread_cap(cap);
        let made = &*Box::leak(Box::new(Mutex::new(Vec::<Counter>::new())));
        let family = Family::<Counter, 1>::new_with_constructor(["name"], || {
            let counter = Counter::default();
            assert_eq!(counter.get(), 0);
            made.lock().unwrap().push(counter.clone());
            counter
        });
        let record = |place: usize| {
            let mut walk = Walk(place as u32);
            let mut kept = VecDeque::new();
            for n in 0..THREADS * RECORDS {
                let name = [NAMES[walk.next(NAMES.len())]];
                match n % 4 {
                    0 | 1 => family.get_or_create(&name).inc(),
                    2 => kept.push_back(family.get_or_create_owned(&name)),
                    _ => kept.push_back(family.get_or_create(&name).clone()),
                }
                if kept.len() > 8 {
                    kept.pop_front().unwrap().inc_by(1);
                }
            }
            kept.iter().for_each(Counter::inc);
        };
        let done = AtomicBool::new(false);
        let removed: u64 = thread::scope(|scope| {
            let stop = Stop(&done);
            let remover = scope.spawn(|| {
                let (mut removed, mut walk) = (0, Walk(99));
                let done = || done.load(Ordering::Relaxed);
                while removed < 1_000 || !done() {
                    let name = [NAMES[walk.next(NAMES.len())]];
                    if done() {
                        // Nobody else makes any.
                        family.get_or_create(&name);
                    }
                    removed += u64::from(family.remove(&name));
                }
                removed
            });
            let record = &record;
            let recorders: Vec<_> = (0..RECORDERS)
                .map(|place| scope.spawn(move || record(place)))
                .collect();
            for recorder in recorders {
                recorder.join().unwrap();
            }
            drop(stop);
            remover.join().unwrap()
        });
        let made = made.lock().unwrap();
        let total: u64 = made.iter().map(Counter::get).sum();
        assert_eq!(total, (RECORDERS * THREADS * RECORDS) as u64, "cap {cap}");
        assert!(made.len() as u64 >= removed, "{} made", made.len());
        drop(family);
        let after: u64 = made.iter().map(Counter::get).sum();
        assert_eq!(after, total, "the family takes no counts with it");
    }
}

/// A histogram's one bound is its number, so that a thread knows which one it records in; and the
/// number is also the only value that is ever observed in it. So one count that strayed from
/// another histogram shows in the sum.
fn number(histogram: &Histogram) -> u64 {
    histogram.buckets().bounds()[0] as u64
}

fn assert_own(seen: &HistogramSnapshot) {
    let number = seen.bounds.bounds()[0];
    assert_eq!(seen.buckets, [seen.count, 0], "in number {number}");
    assert_eq!(seen.sum, number * seen.count as f64, "in number {number}");
}

/// How often each number was observed.
type Tally = BTreeMap<u64, u64>;

/// Observes, and takes a note of it.
fn observe(histogram: &Histogram, tally: &mut Tally) {
    let number = number(histogram);
    histogram.observe(number as f64);
    *tally.entry(number).or_default() += 1;
}

/// Looks a series up and records in it when a thread's thread-locals are destroyed.
struct AtEnd(Family<Histogram, 1>, &'static Mutex<Tally>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let mut tally = Tally::new();
        for name in NAMES {
            observe(&self.0.get_or_create(&[name]), &mut tally);
        }
        add(&mut self.1.lock().unwrap(), tally);
    }
}

fn add(all: &mut Tally, tally: Tally) {
    for (number, n) in tally {
        *all.entry(number).or_default() += n;
    }
}

thread_local! {
    static BEFORE: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// A thread's work: looks up, records, keeps some handles for a while.
fn look_up_and_record(family: &Family<Histogram, 1>, seed: usize, all: &'static Mutex<Tally>) {
    // One destroyed before the thread gives its cells back, one after.
    BEFORE.with(|end| *end.borrow_mut() = Some(AtEnd(family.clone(), all)));
    let mut walk = Walk(seed as u32);
    let (mut tally, mut kept) = (Tally::new(), VecDeque::new());
    for _ in 0..RECORDS {
        let name = [NAMES[walk.next(NAMES.len())]];
        match walk.next(6) {
            0 | 1 => observe(&family.get_or_create(&name), &mut tally),
            2 => {
                if let Some(found) = family.get(&name) {
                    assert_own(&found.get());
                    observe(&found, &mut tally);
                }
            }
            3 => {
                // Two references at once, the first dropped first.
                let first = family.get_or_create(&name);
                let second = family.get_or_create(&[NAMES[walk.next(NAMES.len())]]);
                observe(&first, &mut tally);
                drop(first);
                observe(&second, &mut tally);
            }
            4 => kept.push_back(family.get_or_create_owned(&name)),
            _ => kept.push_back(family.get_or_create(&name).clone()),
        }
        if kept.len() > walk.next(12) {
            let handle = kept.pop_front().unwrap();
            observe(&handle, &mut tally);
            assert_own(&handle.get());
        }
    }
    AFTER.with(|end| *end.borrow_mut() = Some(AtEnd(family.clone(), all)));
    add(&mut all.lock().unwrap(), tally);
}

/// One thread removes, threads that come and go look up and record, one reads. Of the histograms
/// that were made, some are kept to the end, and hold exactly what the threads say that they
/// recorded in them; the cells of all the others are used again, and again.
#[test]
fn no_count_gets_into_a_series_that_was_made_later() {
    for cap in [16, 2] {
        set_thread_cap(cap);
        let made = &*Box::leak(Box::new(AtomicU64::new(0)));
        let sample = &*Box::leak(Box::new(Mutex::new(Vec::new())));
        let all = &*Box::leak(Box::new(Mutex::new(Tally::new())));
        let family = Family::<Histogram, 1>::new_with_constructor(["name"], || {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            let histogram = Histogram::new([number as f64]).unwrap();
            let seen = histogram.get();
            assert_eq!((seen.count, seen.sum), (0, 0.0), "number {number}");
            if number % 8 == 0 {
                sample.lock().unwrap().push(histogram.clone());
            }
            histogram
        });
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let stop = Stop(&done);
            let remover = scope.spawn(|| {
                let (mut tally, mut walk) = (Tally::new(), Walk(99));
                let mut removed = 0;
                while removed < 1_000 || !done.load(Ordering::Relaxed) {
                    let name = [NAMES[walk.next(NAMES.len())]];
                    let kept = family.get_or_create_owned(&name);
                    if walk.next(16) == 0 {
                        family.clear();
                    } else {
                        removed += u64::from(family.remove(&name));
                    }
                    observe(&kept, &mut tally);
                    assert_own(&kept.get());
                }
                add(&mut all.lock().unwrap(), tally);
            });
            let reader = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let found = collected(&family);
                    let names: HashSet<_> = found
                        .iter()
                        .flat_map(|series| series.labels.values())
                        .collect();
                    assert_eq!(names.len(), found.len(), "a series exists twice");
                    for series in &found {
                        let Value::Histogram(seen) = &series.value else {
                            panic!("{series:?} is no histogram")
                        };
                        assert_own(seen);
                    }
                }
            });
            let recorders: Vec<_> = (0..RECORDERS)
                .map(|place| {
                    let family = &family;
                    scope.spawn(move || {
                        for n in 0..THREADS {
                            let family = family.clone();
                            let seed = place * THREADS + n;
                            // `join` waits for its thread-locals' destructors, too.
                            thread::spawn(move || look_up_and_record(&family, seed, all))
                                .join()
                                .unwrap();
                        }
                    })
                })
                .collect();
            for recorder in recorders {
                recorder.join().unwrap();
            }
            drop(stop);
            remover.join().unwrap();
            reader.join().unwrap();
        });

        let mut tally = all.lock().unwrap();
        let mut exact = |histogram: &Histogram| {
            let (number, seen) = (number(histogram), histogram.get());
            assert_own(&seen);
            // Those that lost the race for their series were recorded in by nobody.
            let recorded = tally.entry(number).or_default();
            assert_eq!(seen.count, *recorded, "number {number}, cap {cap}");
        };
        let sample = sample.lock().unwrap();
        sample.iter().for_each(&mut exact);
        for name in NAMES {
            family.get(&[name]).iter().for_each(|found| exact(found));
        }
        assert!(sample.len() > 100, "{} are no sample", sample.len());
    }
}
