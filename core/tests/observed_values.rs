//! Every kind of number, observed: it is counted in the first bucket whose bound it does not
//! exceed, found here by looking at one bound after the other, and is in the sum.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use proptest::prelude::*;
use tallied::{Buckets, Histogram};

/// Increasing; few, as many as are compared one by one, and as many as there may be.
fn any_bounds() -> impl Strategy<Value = Vec<f64>> {
    let bound = prop_oneof![
        4 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        4 => (-20_i32..20).prop_map(|n| f64::from(n) / 4.0),
        1 => prop::sample::select(vec![
            f64::MIN, f64::MAX, f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 5e-324, -5e-324, -0.0,
        ]),
    ];
    let bounds = prop_oneof![
        6 => prop::collection::vec(bound.clone(), 1..12),
        3 => prop::collection::vec(bound.clone(), 22..28),
        1 => prop::collection::vec(bound, Buckets::MAX),
    ];
    bounds.prop_map(|mut bounds| {
        bounds.sort_by(f64::total_cmp);
        // Equal, and not of the same bits: 0 and -0 are one bound.
        bounds.dedup_by(|a, b| a == b);
        bounds
    })
}

fn by_definition(bounds: &[f64], value: f64) -> usize {
    let bucket = bounds.iter().position(|bound| value <= *bound);
    bucket.unwrap_or(bounds.len())
}

proptest! {
    #[test]
    fn every_number_is_counted_in_its_bucket(
        bounds in any_bounds(),
        values in prop::collection::vec(prop::num::f64::ANY, 0..50),
        not_numbers in any::<bool>(),
    ) {
        let near = bounds.iter().flat_map(|b| [b.next_down(), *b, b.next_up(), -b]);
        let special = [
            f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN, f64::MAX,
            f64::MIN_POSITIVE, 5e-324, -5e-324,
        ];
        let values: Vec<f64> = values.into_iter().chain(near).chain(special)
            // Half of the time none that leaves nothing to see in the sum.
            .filter(|value| not_numbers || value.abs() < 1e300)
            .collect();
        let histogram = Histogram::new(bounds.iter().copied()).unwrap();
        let mut buckets = vec![0; bounds.len() + 1];
        // One thread's observations are added in their order, so the sum is the same to the bit.
        let mut sum = 0.0;
        for value in &values {
            histogram.observe(*value);
            buckets[by_definition(&bounds, *value)] += 1;
            sum += value;
        }
        let seen = histogram.get();
        prop_assert_eq!(seen.bounds.bounds(), &*bounds);
        prop_assert_eq!(seen.buckets, buckets);
        prop_assert_eq!(seen.count, values.len() as u64);
        prop_assert!(seen.sum == sum || seen.sum.is_nan() && sum.is_nan(), "{} is not {sum}", seen.sum);
    }
}

/// One value at a time, where a mistake in one could not hide behind a mistake in another.
#[test]
fn each_special_number_goes_where_it_belongs() {
    let bounds = [
        f64::MIN,
        -1.0,
        -5e-324,
        0.0,
        5e-324,
        f64::MIN_POSITIVE,
        1.0,
        f64::MAX,
    ];
    for (value, bucket) in [
        (f64::NEG_INFINITY, 0),
        (f64::MIN, 0),
        (f64::MIN.next_up(), 1),
        (-1.0, 1),
        ((-1.0_f64).next_up(), 2),
        (-f64::MIN_POSITIVE, 2),
        (-5e-324, 2),
        (-0.0, 3),
        (0.0, 3),
        (5e-324, 4),
        (1e-320, 5),
        (f64::MIN_POSITIVE, 5),
        (f64::MIN_POSITIVE.next_up(), 6),
        (1.0, 6),
        (1.0_f64.next_up(), 7),
        (f64::MAX, 7),
        (f64::INFINITY, 8),
        (f64::NAN, 8),
        (-f64::NAN, 8),
    ] {
        let histogram = Histogram::new(bounds).unwrap();
        histogram.observe(value);
        let seen = histogram.get();
        let mut expected = vec![0; 9];
        expected[bucket] = 1;
        assert_eq!(seen.buckets, expected, "{value:e}");
        assert!(
            seen.sum == value || seen.sum.is_nan() && value.is_nan(),
            "{value:e}"
        );
    }
}
