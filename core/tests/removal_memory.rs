//! Series that are removed leave no memory behind: it follows the peak, not the total.
//!
//! The resident size belongs to the process, so this test has one to itself.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod resident;

use tallied::{Counter, Family, Histogram};

use resident::resident;

#[test]
fn memory_does_not_grow_with_series_that_are_gone() {
    const SERIES: u64 = 100_000;
    let counters = Family::<Counter, 1>::new(["name"]);
    let sizes = Family::<Histogram, 1>::new_with_constructor(["name"], || {
        Histogram::new([1.0, 2.0]).unwrap()
    });
    let stays = counters.get_or_create(&["stays"]).clone();
    let come_and_go = |n: u64| {
        let name = format!("series {n}");
        let counter = counters.get_or_create(&[&name]);
        assert_eq!(counter.get(), 0);
        counter.inc();
        drop(counter);
        let size = sizes.get_or_create_owned(&[&name]);
        assert_eq!(size.get().count, 0);
        size.observe(1.5);
        stays.inc();
        assert!(counters.remove(&[&name]));
        if n % 100 == 0 {
            sizes.clear();
        }
    };
    (0..1_000).for_each(come_and_go);
    let before = resident();
    (1_000..SERIES).for_each(come_and_go);
    let grown = resident().saturating_sub(before);
    // Without it, 5 MB for the cells alone, and more than 30 MB for entries and labels.
    let limit = 2 << 20;
    assert!(grown < limit, "{grown} bytes more, {SERIES} series later");
    assert_eq!(stays.get(), SERIES);
    assert_eq!(counters.len(), 1);
}
