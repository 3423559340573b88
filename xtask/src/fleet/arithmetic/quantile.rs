//! `histogram_quantile`: the bucket in which the rank lies, and the place in it, linearly.
//!
//! After `BucketQuantile` in Prometheus's promql/quantile.go. Sums of the same requests may come out a little different
//! for two bounds; both releases then take the one for the other, 2.42 the larger and 3.5 the lower bound's, and the ranges
//! here have both.

use super::Range;

/// Of cumulative rates, each with its bound, in the order of the bounds; the last is that of infinity. NaN where nothing was
/// observed, or without a finite bound.
pub(crate) fn quantile(q: f64, buckets: &[(f64, Range)]) -> Range {
    let Some((&(infinity, all), finite)) = buckets.split_last() else {
        return Range::NAN;
    };
    let Some(&(highest, _)) = finite.last() else {
        return Range::NAN;
    };
    if infinity != f64::INFINITY || all.value == 0.0 {
        return Range::NAN;
    }
    let counts = increasing(buckets);
    let rank = counts[finite.len()].times(q);

    let mut found: Option<Range> = None;
    let mut add = |range: Range| {
        found = Some(found.map_or(range, |found| found.or(range)));
    };
    for (index, &(bound, _)) in finite.iter().enumerate() {
        let count = counts[index];
        // Below the rank in every order of additions.
        if count.high < rank.low {
            continue;
        }
        let (start, below) = match index {
            0 => (0.0, Range::exact(0.0)),
            _ => (finite[index - 1].0, counts[index - 1]),
        };
        add(rank
            .minus(below)
            .over(count.minus(below))
            .times(bound - start)
            .plus(start));
        // Not below it in any.
        if count.low >= rank.high {
            return found.unwrap_or(Range::NAN);
        }
    }
    add(Range::exact(highest));
    found.unwrap_or(Range::NAN)
}

/// A count is at least that of the bound before it; where the two may be the same, each may be the other.
fn increasing(buckets: &[(f64, Range)]) -> Vec<Range> {
    let mut counts: Vec<Range> = Vec::with_capacity(buckets.len());
    for &(_, count) in buckets {
        counts.push(match counts.last() {
            Some(&before) if count.low <= before.high => before.or(count),
            _ => count,
        });
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(q: f64, counts: &[(f64, f64)]) -> Range {
        let buckets: Vec<(f64, Range)> = counts
            .iter()
            .map(|&(bound, count)| (bound, Range::exact(count)))
            .collect();
        quantile(q, &buckets)
    }

    #[test]
    fn lies_in_its_bucket_linearly() {
        let counts = [(0.5, 10.0), (1.0, 30.0), (2.5, 30.0), (f64::INFINITY, 40.0)];
        assert_eq!(of(0.5, &counts), Range::exact(0.75));
        assert_eq!(of(0.125, &counts), Range::exact(0.25));
        // Above the highest bound there is no place to say.
        assert_eq!(of(0.95, &counts), Range::exact(2.5));
    }

    #[test]
    fn nothing_observed_has_none() {
        assert!(of(0.95, &[(1.0, 0.0), (f64::INFINITY, 0.0)]).value.is_nan());
        assert!(of(0.95, &[(f64::INFINITY, 3.0)]).value.is_nan());
        assert!(of(0.95, &[(1.0, 3.0)]).value.is_nan());
        assert!(of(0.95, &[]).value.is_nan());
    }

    #[test]
    fn a_sum_that_rounds_differently_moves_the_end_by_as_little() {
        let near = |of: f64| Range {
            low: of.next_down(),
            value: of,
            high: of.next_up(),
        };
        let buckets = [
            (0.1, near(0.3)),
            (0.25, near(0.3)),
            (0.5, near(0.4)),
            (f64::INFINITY, near(0.4)),
        ];
        let p95 = quantile(0.95, &buckets);
        assert!(p95.contains(0.25 + 0.25 * ((0.95 * 0.4 - 0.3) / (0.4 - 0.3))));
        assert!(p95.ulps() > 0 && p95.ulps() < 64, "{p95:?}");
        // The border of two buckets is in both: no jump.
        let border = quantile(
            0.75,
            &[
                (0.1, near(0.3)),
                (0.25, near(0.4)),
                (f64::INFINITY, near(0.4)),
            ],
        );
        assert!(
            border.contains(0.1) && border.high - border.low < 1e-12,
            "{border:?}"
        );
    }
}
