//! The run, second by second; and where it has more seconds than a plot has room for, in longer stretches.
//!
//! Quantiles cannot be merged, so that a stretch has the worst of its seconds: no peak is lost.

use crate::report::data::{Quantiles, Second};

/// Some for each pixel or two of a plot.
pub(super) const MOST: usize = 1_000;

#[derive(Debug)]
pub(super) struct Stretches {
    pub(super) all: Vec<Stretch>,
    /// In each of them.
    pub(super) seconds: usize,
}

/// Counts are per second.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) at: f64,
    pub(super) ended: f64,
    pub(super) good: f64,
    pub(super) errors: f64,
    pub(super) late: f64,
    pub(super) in_flight: u64,
    pub(super) intended: Quantiles,
    pub(super) service: Quantiles,
}

impl Stretches {
    pub(super) fn of(seconds: &[Second]) -> Self {
        let each = seconds.len().div_ceil(MOST).max(1);
        let mut start = seconds.first().map_or(0.0, |first| first.at - 1.0);
        let all = seconds.chunks(each).map(|chunk| {
            let stretch = merge(chunk, start);
            start = stretch.at;
            stretch
        });
        Self {
            all: all.collect(),
            seconds: each,
        }
    }
}

fn merge(chunk: &[Second], start: f64) -> Stretch {
    let at = chunk.last().map_or(start, |last| last.at);
    // The last second of a run may be a part of one.
    let length = if at > start { at - start } else { 1.0 };
    let per_second =
        |count: fn(&Second) -> u64| chunk.iter().map(count).sum::<u64>() as f64 / length;
    Stretch {
        at,
        ended: per_second(|second| second.ended),
        good: per_second(|second| second.good),
        errors: per_second(|second| second.errors),
        late: per_second(|second| second.late),
        in_flight: chunk
            .iter()
            .map(|second| second.in_flight)
            .max()
            .unwrap_or(0),
        intended: worst(chunk.iter().map(|second| second.intended)),
        service: worst(chunk.iter().map(|second| second.service)),
    }
}

fn worst(all: impl Iterator<Item = Quantiles>) -> Quantiles {
    all.fold(Quantiles::default(), |worst, other| Quantiles {
        count: worst.count + other.count,
        mean: worst.mean.max(other.mean),
        p50: worst.p50.max(other.p50),
        p90: worst.p90.max(other.p90),
        p99: worst.p99.max(other.p99),
        p999: worst.p999.max(other.p999),
        max: worst.max.max(other.max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: f64, ended: u64, max: f64) -> Second {
        let times = Quantiles {
            count: ended,
            max,
            ..Quantiles::default()
        };
        Second {
            at,
            ended,
            good: ended,
            errors: 0,
            late: 0,
            in_flight: ended,
            intended: times,
            service: times,
        }
    }

    #[test]
    fn a_part_of_a_second_counts_as_such() {
        let stretches = Stretches::of(&[second(1.0, 10, 0.1), second(1.5, 10, 0.1)]);
        let rates: Vec<f64> = stretches.all.iter().map(|stretch| stretch.ended).collect();
        assert_eq!(rates, [10.0, 20.0]);
        assert!(Stretches::of(&[]).all.is_empty());
    }

    #[test]
    fn a_long_run_keeps_its_peaks() {
        let seconds: Vec<Second> = (1..=2_500)
            .map(|at| second(f64::from(at), 7, f64::from(at % 100)))
            .collect();
        let stretches = Stretches::of(&seconds);
        assert_eq!((stretches.seconds, stretches.all.len()), (3, 834));
        assert!(stretches.all.iter().all(|stretch| stretch.ended == 7.0));
        let most = stretches.all.iter().map(|stretch| stretch.intended.max);
        assert_eq!(most.fold(0.0, f64::max), 99.0);
    }
}
