//! The bounds of a histogram's buckets, and which bucket a value belongs to.

use crate::error::BucketsError;
use crate::shard::{HEADER, MAX_RUN};
use crate::sync::Arc;

/// The upper bounds of a histogram's buckets: finite, strictly increasing, at least one. A last
/// bucket, `+Inf`, takes what lies above them.
///
/// Bounds are inclusive: a value equal to a bound belongs to that bound's bucket, as `le` says.
/// Cloning is cheap, and histograms of one family share their bounds.
///
/// ```
/// use tallied::{Buckets, BucketsError};
///
/// let buckets = Buckets::new([0.1, 0.5, 1.0, f64::INFINITY]).unwrap();
/// assert_eq!(buckets.bounds(), [0.1, 0.5, 1.0]);
/// assert!(matches!(Buckets::new([0.5, 0.1]), Err(BucketsError::Unsorted { .. })));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets(Arc<[f64]>);

impl Buckets {
    /// The most bounds that a histogram can have: two digits are usual, and a copy of many more
    /// would take longer than the time between two observations of a busy thread.
    pub const MAX: usize = 1_000;

    /// Checks bounds. `+Inf` may stand at the end and means nothing more than its absence.
    ///
    /// # Errors
    /// When there is no finite bound, more than [`MAX`](Self::MAX), a NaN or -Inf, or two bounds
    /// that are equal or in the wrong order. Each error names the bound.
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Self, BucketsError> {
        let mut bounds: Vec<f64> = bounds.into_iter().collect();
        if bounds.last() == Some(&f64::INFINITY) {
            bounds.pop();
        }
        if bounds.is_empty() {
            return Err(BucketsError::Empty);
        }
        if bounds.len() > Self::MAX {
            return Err(BucketsError::TooMany {
                count: bounds.len(),
                max: Self::MAX,
            });
        }
        if let Some((index, bound)) = bounds.iter().enumerate().find(|(_, bound)| bound.is_nan()) {
            return Err(BucketsError::NotFinite {
                index,
                bound: *bound,
            });
        }
        for (index, pair) in bounds.windows(2).enumerate() {
            let (before, bound) = (pair[0], pair[1]);
            if before == bound {
                return Err(BucketsError::Duplicate {
                    index: index + 1,
                    bound,
                });
            }
            if before > bound {
                return Err(BucketsError::Unsorted {
                    index: index + 1,
                    before,
                    bound,
                });
            }
        }
        if let Some((index, bound)) = bounds.iter().enumerate().find(|(_, b)| b.is_infinite()) {
            return Err(BucketsError::NotFinite {
                index,
                bound: *bound,
            });
        }
        Ok(Self(bounds.into()))
    }

    /// The finite bounds, increasing.
    pub fn bounds(&self) -> &[f64] {
        &self.0
    }

    /// Whether these are not only equal, but the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bucket of a value: the first whose bound is not below it. Everything above the last
    /// bound, +Inf, and NaN (which is below nothing) belongs to the last bucket, `+Inf`.
    #[inline]
    pub fn index(&self, value: f64) -> usize {
        // Comparing with all of a few bounds needs no branch that could be mispredicted.
        if self.0.len() <= LINEAR {
            self.0
                .iter()
                .map(|bound| usize::from(outside(value, *bound)))
                .sum()
        } else {
            self.0.partition_point(|bound| outside(value, *bound))
        }
    }
}

const LINEAR: usize = 24;

const _: () = assert!(HEADER + Buckets::MAX < MAX_RUN);

/// Whether a value lies above a bound, as NaN does.
#[inline(always)]
#[expect(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "NaN has to be outside of every bucket"
)]
fn outside(value: f64, bound: f64) -> bool {
    !(value <= bound)
}

/// `length` bounds, each `factor` times the one before: for values that spread over orders of
/// magnitude. Mirrors prometheus-client's function of this name. With a factor of 1 or less they
/// are not increasing, and [`Buckets::new`] refuses them.
///
/// ```
/// let bounds = tallied::exponential_buckets(0.001, 2.0, 4);
/// assert_eq!(bounds.collect::<Vec<_>>(), [0.001, 0.002, 0.004, 0.008]);
/// ```
pub fn exponential_buckets(start: f64, factor: f64, length: u16) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(start), move |bound| Some(bound * factor)).take(length.into())
}

/// `length` bounds, each `width` above the one before. Mirrors prometheus-client's function of
/// this name.
///
/// ```
/// let bounds = tallied::linear_buckets(10.0, 5.0, 3);
/// assert_eq!(bounds.collect::<Vec<_>>(), [10.0, 15.0, 20.0]);
/// ```
pub fn linear_buckets(start: f64, width: f64, length: u16) -> impl Iterator<Item = f64> {
    (0..length).map(move |i| start + width * f64::from(i))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::{Buckets, LINEAR};
    use crate::error::BucketsError;

    fn bounds(at_most: usize) -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            1..at_most,
        )
        .prop_map(|mut bounds| {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup_by(|a, b| a == b);
            bounds
        })
    }

    /// The definition: the first bound that the value does not exceed.
    fn by_definition(bounds: &[f64], value: f64) -> usize {
        bounds
            .iter()
            .position(|bound| value <= *bound)
            .unwrap_or(bounds.len())
    }

    proptest! {
        #[test]
        fn index_is_the_first_bound_not_below(
            bounds in bounds(3 * LINEAR),
            values in prop::collection::vec(prop::num::f64::ANY, 1..50),
        ) {
            let buckets = Buckets::new(bounds.clone()).unwrap();
            let near = bounds.iter().flat_map(|b| [b.next_down(), *b, b.next_up()]);
            let special = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
            for value in values.into_iter().chain(near).chain(special) {
                prop_assert_eq!(buckets.index(value), by_definition(&bounds, value), "{}", value);
            }
        }

        #[test]
        fn bounds_are_accepted_exactly_when_they_increase(
            bounds in prop::collection::vec(prop_oneof![prop::num::f64::ANY, (-2_i8..3).prop_map(f64::from)], 0..6)
        ) {
            let finite = match bounds.split_last() {
                Some((last, rest)) if *last == f64::INFINITY => rest,
                _ => &bounds[..],
            };
            let increases = !finite.is_empty()
                && finite.iter().all(|bound| bound.is_finite())
                && finite.windows(2).all(|pair| pair[0] < pair[1]);
            prop_assert_eq!(Buckets::new(bounds.clone()).is_ok(), increases);
        }
    }

    #[test]
    fn errors_name_the_bound() {
        let refused = |bounds: &[f64]| Buckets::new(bounds.iter().copied()).unwrap_err();
        assert_eq!(refused(&[]), BucketsError::Empty);
        assert_eq!(refused(&[f64::INFINITY]), BucketsError::Empty);
        assert_eq!(
            refused(&[1.0, 2.0, 2.0]),
            BucketsError::Duplicate {
                index: 2,
                bound: 2.0
            }
        );
        assert_eq!(
            refused(&[1.0, 3.0, 2.0]),
            BucketsError::Unsorted {
                index: 2,
                before: 3.0,
                bound: 2.0
            }
        );
        assert!(matches!(
            refused(&[1.0, f64::NAN]),
            BucketsError::NotFinite { index: 1, .. }
        ));
        assert!(matches!(
            refused(&[f64::NEG_INFINITY, 1.0]),
            BucketsError::NotFinite { index: 0, .. }
        ));
        assert!(matches!(
            Buckets::new((0..70_000).map(f64::from)).unwrap_err(),
            BucketsError::TooMany { count: 70_000, .. }
        ));
    }
}
