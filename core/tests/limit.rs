//! What a family with a limit answers when it is full, and that it turns nothing away that is
//! there.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::sync::Barrier;

use tallied::{Beyond, Counter, Family, Histogram, Registry, SeriesLimit};

fn family(max: usize, beyond: Beyond<1>) -> Family<Counter, 1> {
    Family::with_limit(["name"], Counter::default, SeriesLimit { max, beyond })
}

fn with_other(max: usize) -> Family<Counter, 1> {
    family(max, Beyond::Series(["other"]))
}

/// The family's series as a scrape has them.
fn series(family: &Family<Counter, 1>) -> Vec<String> {
    let registry = Registry::default();
    registry.register("n", "N", family.clone()).unwrap();
    let text = registry.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(str::to_owned).collect()
}

#[test]
fn what_is_beyond_is_in_the_series_for_it() {
    let family = with_other(2);
    for name in ["a", "b", "c", "d", "a"] {
        family.get_or_create(&[name]).inc();
    }
    let expected = [
        r#"n_total{name="a"} 2"#,
        r#"n_total{name="b"} 1"#,
        r#"n_total{name="other"} 2"#,
    ];
    assert_eq!(series(&family), expected);
    assert_eq!((family.turned_away().get(), family.len()), (2, 3));
    assert!(family.get(&["c"]).is_none());
}

#[test]
fn the_series_for_what_is_beyond_takes_nobodys_place() {
    let family = with_other(2);
    // By its own name, too, and first.
    family.get_or_create(&["other"]).inc();
    for name in ["a", "b", "c"] {
        family.get_or_create(&[name]).inc();
    }
    assert_eq!((family.turned_away().get(), family.len()), (1, 3));
    // A place that became free is another's.
    assert!(family.remove(&["a"]));
    family.get_or_create(&["d"]).inc();
    assert_eq!((family.turned_away().get(), family.len()), (1, 3));
    // It can be removed, and comes again.
    assert!(family.remove(&["other"]));
    family.get_or_create(&["e"]).inc_by(5);
    family.get_or_create(&["other"]).inc();
    let expected = [
        r#"n_total{name="b"} 1"#,
        r#"n_total{name="d"} 1"#,
        r#"n_total{name="other"} 6"#,
    ];
    assert_eq!(series(&family), expected);
    assert_eq!(family.turned_away().get(), 2);
}

#[test]
fn nothing_is_let_in_with_a_limit_of_nothing() {
    let family = with_other(0);
    family.get_or_create(&["a"]).inc();
    assert_eq!(series(&family), [r#"n_total{name="other"} 1"#]);
}

#[test]
fn what_is_detached_is_in_no_exposition() {
    let family = family(1, Beyond::Detached);
    let kept = family.get_or_create_owned(&["a"]);
    family.get_or_create(&["b"]).inc();
    family.get_or_create(&["c"]).inc();
    // One instrument for all of it.
    assert_eq!(family.get_or_create(&["d"]).get(), 2);
    assert_eq!(series(&family), [r#"n_total{name="a"} 0"#]);
    assert_eq!((kept.get(), family.turned_away().get()), (0, 3));
}

#[test]
fn the_limits_answer_is_made_by_the_constructor() {
    let limit = SeriesLimit {
        max: 0,
        beyond: Beyond::Detached,
    };
    let histogram = |bounds: &[f64]| Histogram::new(bounds.iter().copied()).unwrap();
    let family = Family::with_limit(["name"], move || histogram(&[1.0]), limit);
    let given = family.get_or_create_with(&["a"], || histogram(&[1.0, 2.0]));
    assert_eq!(given.buckets().bounds(), [1.0]);
}

/// However many threads make it at once, the only series that there ever is has room.
#[test]
fn what_is_there_is_never_turned_away() {
    const THREADS: u64 = 4;
    for round in 0..2_000 {
        let family = family(1, Beyond::Detached);
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    family.get_or_create(&["x"]).inc();
                });
            }
        });
        assert_eq!(family.turned_away().get(), 0, "round {round}");
        assert_eq!(family.get(&["x"]).unwrap().get(), THREADS);
    }
}

/// Whatever comes and goes, the limit holds, and what was let in or turned away is all of it.
#[test]
fn the_limit_holds_under_load() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 5_000;
    let family = with_other(8);
    let recorded = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (family, recorded) = (&family, &recorded);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = ((round * (thread + 1)) % 16).to_string();
                    family.get_or_create(&[&name]).inc();
                    assert!(family.len() <= 9);
                    if round % 3 == 0 {
                        family.remove(&[&name]);
                    }
                    recorded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(recorded.into_inner(), THREADS * ROUNDS);
    family.retain(|labels, _| labels.values().eq(["other"]));
    let other = family.get(&["other"]).unwrap().get();
    assert_eq!(other, family.turned_away().get());
    // All places are free again.
    for name in 0..8 {
        family.get_or_create(&[&format!("new {name}")]);
    }
    assert_eq!((family.len(), family.turned_away().get()), (9, other));
}
