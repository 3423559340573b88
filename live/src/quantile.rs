//! Percentiles from buckets, as Prometheus computes them.
//!
//! The formula is that of `histogram_quantile` for classic histograms (`promql/quantile.go`, `BucketQuantile`): linear
//! within the bucket that holds the rank; from 0 in the first bucket, unless its bound is not positive, when it is
//! that bound; and above every bound the highest of them.

/// A percentile, and the bucket that it lies in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantile {
    pub(crate) value: f64,
    /// The bounds of the bucket: the true value lies between them.
    pub(crate) low: f64,
    /// `None` above every bound.
    pub(crate) high: Option<f64>,
}

impl Quantile {
    /// Whether the bucket is so wide that the value says little.
    pub(crate) fn is_wide(&self) -> bool {
        self.high.is_none_or(|high| high > 2.0 * self.low)
    }
}

/// The quantile `q` of observations by bucket (not cumulative), the last above every bound. `None` without
/// observations.
pub(crate) fn quantile(q: f64, bounds: &[f64], counts: &[u64]) -> Option<Quantile> {
    let total = counts.iter().fold(0, |all: u64, n| all.saturating_add(*n));
    let highest = *bounds.last()?;
    if total == 0 {
        return None;
    }
    let mut rank = q * total as f64;
    let mut below: u64 = 0;
    for (at, high) in bounds.iter().copied().enumerate() {
        let count = counts.get(at).copied().unwrap_or(0);
        let cumulative = below.saturating_add(count);
        if (cumulative as f64) < rank {
            below = cumulative;
            continue;
        }
        if at == 0 && high <= 0.0 {
            return Some(Quantile {
                value: high,
                low: high,
                high: Some(high),
            });
        }
        let low = if at == 0 { 0.0 } else { bounds[at - 1] };
        rank -= below as f64;
        let value = match count {
            0 => low,
            count => low + (high - low) * (rank / count as f64),
        };
        return Some(Quantile {
            value,
            low,
            high: Some(high),
        });
    }
    Some(Quantile {
        value: highest,
        low: highest,
        high: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Quantile, quantile};

    fn value(q: f64, bounds: &[f64], counts: &[u64]) -> f64 {
        quantile(q, bounds, counts).unwrap().value
    }

    /// The cases of Prometheus' own test data (`promql/promqltest/testdata/histograms.test`): testhistogram with the
    /// cumulative counts 5, 9 (+Inf 12), and testhistogram2 with 0, 2, 3.
    #[test]
    #[allow(clippy::float_cmp, reason = "the same operations give the same bits")]
    fn values_are_those_of_prometheus() {
        // le 0.1: 5, 0.2: 7, 1e0: 10, +Inf: 12 (positive), cumulative.
        let (bounds, counts) = ([0.1, 0.2, 1.0], [5, 2, 3, 2]);
        assert_eq!(value(0.2, &bounds, &counts), 0.1 * (0.2 * 12.0 / 5.0));
        assert_eq!(
            value(0.5, &bounds, &counts),
            0.1 + 0.1 * ((0.5 * 12.0 - 5.0) / 2.0)
        );
        assert_eq!(
            value(0.8, &bounds, &counts),
            0.2 + (1.0 - 0.2) * ((0.8 * 12.0 - 7.0) / 3.0)
        );
        // Above every bound: the highest.
        assert_eq!(value(0.99, &bounds, &counts), 1.0);
        // Le -0.2: 2, -0.1: 3, 0.3: 5, +Inf: 5: the first bound is not positive.
        let (bounds, counts) = ([-0.2, -0.1, 0.3], [2, 1, 2, 0]);
        assert_eq!(value(0.2, &bounds, &counts), -0.2);
        assert_eq!(
            value(0.5, &bounds, &counts),
            -0.2 + (-0.1 + 0.2) * ((2.5 - 2.0) / 1.0)
        );
        assert_eq!(
            value(1.0, &bounds, &counts),
            -0.1 + (0.3 + 0.1) * (2.0 / 2.0)
        );
    }

    #[test]
    fn a_rank_on_a_bound_stays_below_it() {
        // Rank 5 of 10: the cumulative count of the first bucket is 5, not below the rank.
        assert_eq!(
            quantile(0.5, &[1.0, 2.0], &[5, 5, 0]),
            Some(Quantile {
                value: 1.0,
                low: 0.0,
                high: Some(1.0)
            })
        );
        // Empty buckets in between are passed over.
        assert_eq!(value(0.75, &[1.0, 2.0, 3.0], &[5, 0, 5, 0]), 2.5);
    }

    #[test]
    fn the_bucket_says_how_good_a_value_is() {
        let bounds = [0.1, 0.15, 1.0];
        let at = |counts| quantile(0.5, &bounds, counts).unwrap();
        assert!(at(&[1, 0, 0, 0]).is_wide(), "from 0");
        assert!(!at(&[0, 1, 0, 0]).is_wide());
        assert!(at(&[0, 0, 1, 0]).is_wide());
        let above = at(&[0, 0, 0, 1]);
        assert!(above.is_wide());
        assert_eq!((above.low, above.high), (1.0, None));
        assert_eq!(quantile(0.5, &bounds, &[0; 4]), None);
        assert_eq!(quantile(0.5, &[], &[1]), None);
    }
}
