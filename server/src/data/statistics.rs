//! The statistics of a list of numbers.
//!
//! Guaranteed for finite values: every figure is finite; `min ≤ p50 ≤ p95 ≤ max` and
//! `min ≤ mean ≤ max`; the order of the values makes no difference. Costs a sort.

use serde::Serialize;

/// What is computed of a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Statistics {
    count: usize,
    min: f64,
    max: f64,
    mean: f64,
    /// Of the values as they are, not as a sample of others: the root of the mean squared
    /// distance from the mean. 0 for one value.
    standard_deviation: f64,
    p50: f64,
    p95: f64,
}

impl Statistics {
    /// `None` for no values, or where one is not finite.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let (mean, standard_deviation) = mean_and_deviation(&values, min, max);
        Some(Self {
            count: values.len(),
            min,
            max,
            mean,
            standard_deviation,
            p50: quantile(&values, 0.50),
            p95: quantile(&values, 0.95),
        })
    }
}

/// In two passes over sorted values, both with compensated sums.
fn mean_and_deviation(values: &[f64], min: f64, max: f64) -> (f64, f64) {
    // A power of two changes no digit, and keeps sums and squares between the overflow and the
    // underflow: after scaling, the largest magnitude is between 2^-474 and 2^500.
    let magnitude = min.abs().max(max.abs());
    let scale = if magnitude > 2_f64.powi(500) {
        2_f64.powi(-600)
    } else if magnitude < 2_f64.powi(-400) {
        2_f64.powi(600)
    } else {
        1.0
    };
    let count = values.len() as f64;
    let scaled = || values.iter().map(|value| value * scale);
    let (low, high) = (min * scale, max * scale);
    // Rounding may carry a result over a bound that holds for the exact one.
    let mean = (sum(scaled()) / count).clamp(low, high);
    let variance = sum(scaled().map(|value| (value - mean) * (value - mean))) / count;
    // No list deviates more than one that has its halves at the ends (Popoviciu's inequality).
    let deviation = variance.sqrt().min((high - low) / 2.0);
    (mean / scale, deviation / scale)
}

/// Neumaier's sum: the error does not grow with the number of terms.
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() {
            (sum - next) + term
        } else {
            (term - next) + sum
        };
        sum = next;
    }
    sum + lost
}

/// Between the two values next to the place `(n - 1)·p`, linearly: definition 7 of Hyndman and
/// Fan, "Sample Quantiles in Statistical Packages" (1996), which spreadsheets and NumPy have as
/// their default.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * p;
    let (low, share) = (place.floor() as usize, place.fract());
    let below = sorted[low];
    let above = sorted[(low + 1).min(sorted.len() - 1)];
    let distance = above - below;
    // Neither way leads beyond the two: the share is below 1, which takes off more than the
    // rounding of the distance may have added.
    if distance.is_finite() {
        below + distance * share
    } else {
        // They have opposite signs, so this sum cannot overflow.
        below * (1.0 - share) + above * share
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Statistics;

    fn of(values: &[f64]) -> Statistics {
        Statistics::of(values.to_vec()).unwrap()
    }

    fn near(left: f64, right: f64) {
        assert!(
            (left - right).abs() <= 1e-12 * right.abs(),
            "{left} {right}"
        );
    }

    #[test]
    fn by_hand() {
        // Mean 40/8 = 5; squared distances 9+1+1+1+0+0+4+16 = 32; √(32/8) = 2.
        let s = of(&[4.0, 2.0, 4.0, 5.0, 4.0, 5.0, 7.0, 9.0]);
        assert_eq!((s.count, s.min, s.max), (8, 2.0, 9.0));
        assert_eq!((s.mean, s.standard_deviation), (5.0, 2.0));
        // Sorted 2 4 4 4 5 5 7 9: place 7·0.5 = 3.5 is between 4 and 5, 7·0.95 = 6.65 between 7
        // and 9.
        assert_eq!(s.p50, 4.5);
        near(s.p95, 7.0 + 0.65 * 2.0);

        let s = of(&[1.0, 2.0, 6.0]);
        assert_eq!((s.mean, s.p50), (3.0, 2.0));
        // Squared distances 4+1+9 = 14.
        near(s.standard_deviation, (14.0_f64 / 3.0).sqrt());
        near(s.p95, 2.0 + 0.9 * 4.0);
    }

    #[test]
    fn of_one_value_is_that_value() {
        for value in [7.5, 0.0, -3.0, f64::MAX, 5e-324] {
            let s = of(&[value]);
            assert_eq!([s.min, s.max, s.mean, s.p50, s.p95], [value; 5]);
            assert_eq!(s.standard_deviation, 0.0);
        }
    }

    #[test]
    fn of_nothing_or_no_number_there_are_none() {
        assert!(Statistics::of(vec![]).is_none());
        assert!(Statistics::of(vec![1.0, f64::NAN]).is_none());
        assert!(Statistics::of(vec![f64::INFINITY]).is_none());
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let s = of(&[f64::MAX, f64::MAX, f64::MAX]);
        assert_eq!((s.mean, s.standard_deviation), (f64::MAX, 0.0));
        let s = of(&[-f64::MAX, f64::MAX]);
        assert_eq!((s.mean, s.p50, s.standard_deviation), (0.0, 0.0, f64::MAX));
        near(s.p95, 0.9 * f64::MAX);
    }

    #[test]
    fn the_smallest_numbers_do_not_underflow() {
        let s = of(&[-4e-320, 4e-320]);
        assert_eq!((s.mean, s.standard_deviation), (0.0, 4e-320));
        let s = of(&[1e-200, 3e-200]);
        near(s.standard_deviation, 1e-200);
    }

    #[test]
    fn a_large_offset_does_not_drown_the_deviation() {
        // The textbook's E[x²] - E[x]² is 0 or worse here.
        let s = of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        near(s.mean, 1e9 + 10.0);
        near(s.standard_deviation, 22.5_f64.sqrt());
        // Nor do large terms that cancel.
        assert_eq!(of(&[1e16, 1.0, -1e16, 1.0]).mean, 0.5);
    }

    #[test]
    fn rounding_carries_nothing_over_a_bound() {
        // 41 times 0.1 and divided by 41 is more than 0.1.
        let s = of(&[0.1; 41]);
        assert_eq!((s.mean, s.standard_deviation), (0.1, 0.0));
        // Two neighbours: there is no number between them to be the mean.
        let s = of(&[1.0, 1.0 + f64::EPSILON]);
        assert_eq!(s.standard_deviation, f64::EPSILON / 2.0);
    }

    fn finite() -> impl Strategy<Value = f64> {
        use prop::num::f64;
        f64::POSITIVE | f64::NEGATIVE | f64::NORMAL | f64::SUBNORMAL | f64::ZERO
    }

    fn lists() -> impl Strategy<Value = Vec<f64>> {
        prop_oneof![
            prop::collection::vec(finite(), 1..50),
            prop::collection::vec(-1e3..1e3, 1..50),
        ]
    }

    proptest! {
        #[test]
        fn the_figures_are_in_order(values in lists()) {
            let s = of(&values);
            prop_assert!(s.min <= s.p50 && s.p50 <= s.p95 && s.p95 <= s.max, "{:?}", s);
            prop_assert!(s.min <= s.mean && s.mean <= s.max, "{:?}", s);
            prop_assert!(s.standard_deviation >= 0.0 && s.standard_deviation.is_finite());
        }

        #[test]
        fn the_order_of_the_values_does_not_matter(
            (values, shuffled) in lists().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle()))
        ) {
            prop_assert_eq!(of(&values), of(&shuffled));
        }

        #[test]
        fn a_shift_shifts_the_mean_alone(values in prop::collection::vec(-1e3..1e3, 1..50)) {
            let (s, t) = (of(&values), of(&values.iter().map(|v| v + 1e3).collect::<Vec<_>>()));
            prop_assert!((t.mean - s.mean - 1e3).abs() < 1e-9);
            prop_assert!((t.standard_deviation - s.standard_deviation).abs() < 1e-9);
        }
    }
}
