//! Any bounds: accepted or refused for the reason given, and every value in the bucket that a linear scan
//! finds.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tallied::{Buckets, BucketsError, Histogram, exponential_buckets, linear_buckets};

#[derive(Arbitrary, Debug)]
enum Bounds {
    /// As they come: mostly refused.
    Any(Vec<f64>),
    /// Made fit, so that long ones are accepted too.
    Fit(Vec<f64>),
    Linear(f64, f64, u16),
    Exponential(f64, f64, u16),
}

#[derive(Arbitrary, Debug)]
struct Input {
    bounds: Bounds,
    values: Vec<f64>,
}

fuzz_target!(|input: Input| {
    let bounds: Vec<f64> = match input.bounds {
        Bounds::Any(bounds) => bounds,
        Bounds::Fit(mut bounds) => {
            bounds.retain(|bound| bound.is_finite());
            bounds.sort_by(f64::total_cmp);
            // 0 and -0 are one bound.
            bounds.dedup_by(|a, b| *a == *b);
            bounds
        }
        // A little more than are accepted.
        Bounds::Linear(start, width, n) => linear_buckets(start, width, n % 1_010).collect(),
        Bounds::Exponential(start, factor, n) => {
            exponential_buckets(start, factor, n % 1_010).collect()
        }
    };
    let finite = match bounds.split_last() {
        Some((&f64::INFINITY, rest)) => rest,
        _ => &bounds[..],
    };
    let buckets = match Buckets::new(bounds.iter().copied()) {
        Ok(buckets) => buckets,
        Err(error) => return assert_reason(&error, finite),
    };
    assert!(!finite.is_empty() && finite.len() <= Buckets::MAX);
    assert!(finite.iter().all(|bound| bound.is_finite()));
    assert!(finite.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(buckets.bounds(), finite);

    // The values given, and those where a comparison is most easily wrong.
    let near = finite
        .iter()
        .flat_map(|bound| [bound.next_down(), *bound, bound.next_up()]);
    let extreme = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
    let values = input.values.iter().copied().chain(near).chain(extreme);

    let histogram = Histogram::with_buckets(&buckets);
    let mut expected = vec![0_u64; finite.len() + 1];
    let mut sum = 0.0;
    for value in values {
        let by_scan = finite.iter().position(|bound| value <= *bound);
        let by_scan = by_scan.unwrap_or(finite.len());
        assert_eq!(buckets.index(value), by_scan, "{value} in {finite:?}");
        histogram.observe(value);
        expected[by_scan] += 1;
        sum += value;
    }
    let seen = histogram.get();
    assert_eq!(seen.count, expected.iter().sum::<u64>());
    assert_eq!(seen.buckets, expected);
    assert!(
        seen.sum.to_bits() == sum.to_bits() || (seen.sum.is_nan() && sum.is_nan()),
        "{} and not {sum}",
        seen.sum
    );
});

/// What an error says about the bounds is so.
fn assert_reason(error: &BucketsError, finite: &[f64]) {
    assert!(!error.to_string().is_empty());
    let holds = match *error {
        BucketsError::Empty => finite.is_empty(),
        BucketsError::TooMany { count, max } => count == finite.len() && count > max,
        BucketsError::NotFinite { index, bound } => {
            finite[index].to_bits() == bound.to_bits() && !bound.is_finite()
        }
        BucketsError::Duplicate { index, bound } => {
            finite[index - 1] == bound && finite[index] == bound
        }
        BucketsError::Unsorted {
            index,
            before,
            bound,
        } => finite[index - 1] == before && finite[index] == bound && before > bound,
        _ => false,
    };
    assert!(holds, "{error:?} for {finite:?}");
}
