//! `rate`: what a counter went up by, extrapolated to the ends of the window.
//!
//! After `extrapolatedRate` in Prometheus's promql/functions.go, operation by operation.

/// What became of a first sample that is far from the start of the window changed in Prometheus in 2024
/// (github.com/prometheus/prometheus/pull/13725).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extrapolation {
    /// First where the counter would have been zero, then half of an interval.
    ZeroFirst,
    /// The other way round.
    ZeroLast,
}

impl Extrapolation {
    /// Of a release of Prometheus: `2.42.0+ds`.
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(if (major, minor) < (2, 52) {
            Self::ZeroFirst
        } else {
            Self::ZeroLast
        })
    }
}

/// Of a counter that was at `first` and `last` at the first and last of these times, in milliseconds, and was not reset
/// in between; the window of so many seconds ends at `end`. `None` with fewer than two samples, as there.
pub(crate) fn rate(
    (first, last): (f64, f64),
    times: &[i64],
    end: i64,
    seconds: i64,
    extrapolation: Extrapolation,
) -> Option<f64> {
    let [start_time, .., end_time] = *times else {
        return None;
    };
    let increase = last - first;
    let in_seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let to_start = in_seconds(start_time - (end - seconds * 1000));
    let to_end = in_seconds(end - end_time);
    let sampled = in_seconds(end_time - start_time);
    let between = sampled / (times.len() - 1) as f64;
    let far = between * 1.1;

    // Where the counter would have been zero: no further than that.
    let not_below_zero = |to_start: f64| {
        if increase > 0.0 && first >= 0.0 {
            to_start.min(sampled * (first / increase))
        } else {
            to_start
        }
    };
    let near = |to_edge: f64| {
        if to_edge < far {
            to_edge
        } else {
            between / 2.0
        }
    };
    let to_start = match extrapolation {
        Extrapolation::ZeroFirst => near(not_below_zero(to_start)),
        Extrapolation::ZeroLast => not_below_zero(near(to_start)),
    };
    let factor = (sampled + to_start + near(to_end)) / sampled / seconds as f64;
    Some(increase * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Extrapolation; 2] = [Extrapolation::ZeroFirst, Extrapolation::ZeroLast];

    fn of(values: (f64, f64), times: &[i64], end: i64, extrapolation: Extrapolation) -> f64 {
        rate(values, times, end, 300, extrapolation).unwrap()
    }

    #[test]
    fn a_window_that_is_full_needs_no_extrapolation() {
        let times: Vec<i64> = (0..=20).map(|i| i * 15_000).collect();
        for extrapolation in BOTH {
            assert_eq!(of((100.0, 400.0), &times, 300_000, extrapolation), 1.0);
            // To the edges, which are near.
            let inside = &times[1..20];
            assert_eq!(of((115.0, 385.0), inside, 300_000, extrapolation), 1.0);
        }
    }

    #[test]
    fn edges_that_are_far_count_as_half_an_interval() {
        let times = [200_000, 210_000, 220_000];
        for extrapolation in BOTH {
            // 20 s with samples, and 5 s at each end.
            let rate = of((1000.0, 1020.0), &times, 300_000, extrapolation);
            assert_eq!(rate, 20.0 * (30.0 / 20.0 / 300.0));
        }
    }

    #[test]
    fn a_counter_is_not_taken_below_zero() {
        let times = [200_000, 210_000, 220_000];
        for extrapolation in BOTH {
            // 2 s before the first sample it was zero.
            let rate = of((2.0, 22.0), &times, 220_000, extrapolation);
            assert_eq!(rate, 20.0 * (22.0 / 20.0 / 300.0));
            assert_eq!(of((7.0, 7.0), &times, 220_000, extrapolation), 0.0);
        }
        // 8 s before it: nearer than an interval, and further than half of one.
        let rates = BOTH.map(|extrapolation| of((8.0, 28.0), &times, 220_000, extrapolation));
        assert_eq!(
            rates,
            [20.0 * (28.0 / 20.0 / 300.0), 20.0 * (25.0 / 20.0 / 300.0)]
        );
    }

    #[test]
    fn one_sample_is_no_rate() {
        assert_eq!(
            rate((1.0, 1.0), &[5], 10, 300, Extrapolation::ZeroLast),
            None
        );
        assert_eq!(
            rate((1.0, 1.0), &[], 10, 300, Extrapolation::ZeroLast),
            None
        );
    }

    #[test]
    fn a_release_has_one_of_the_two() {
        let of = Extrapolation::of_version;
        assert_eq!(of("2.42.0+ds"), Some(Extrapolation::ZeroFirst));
        assert_eq!(of("3.5.3+ds1"), Some(Extrapolation::ZeroLast));
        assert_eq!(of("2.53.0"), Some(Extrapolation::ZeroLast));
        assert_eq!(of("new"), None);
    }
}
