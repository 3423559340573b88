//! The run, second by second; and where it has more seconds than a plot has room for, in longer stretches.
//!
//! Quantiles cannot be merged, so that a stretch has the worst of its seconds: no peak is lost.
//!
//! A second in which requests were not due all the time is left out: it has fewer of them, and would look like a server that gives up.

use crate::report::data::{Quantiles, Second};

/// Each has a title in two plots.
pub(super) const MOST: usize = 240;

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
    pub(super) target: f64,
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
        let whole = seconds.iter().filter(|second| second.due_seconds >= 1.0);
        let whole: Vec<&Second> = whole.collect();
        let each = whole.len().div_ceil(MOST).max(1);
        Self {
            all: whole.chunks(each).map(merge).collect(),
            seconds: each,
        }
    }
}

fn merge(chunk: &[&Second]) -> Stretch {
    let per_second = |count: fn(&Second) -> u64| {
        chunk.iter().map(|second| count(second)).sum::<u64>() as f64 / chunk.len() as f64
    };
    Stretch {
        at: chunk.last().map_or(0.0, |last| last.at),
        target: chunk.iter().map(|second| second.target).sum::<f64>() / chunk.len() as f64,
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
        p95: worst.p95.max(other.p95),
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
            due_seconds: 1.0,
            target: 0.0,
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
    fn what_is_no_whole_second_is_left_out() {
        let part = |at, due_seconds| Second {
            due_seconds,
            ..second(at, 3, 0.1)
        };
        // Two runs, one after the other: each ends with half a second, and then waits for its last answers.
        let seconds = [
            second(1.0, 10, 0.1),
            second(2.0, 12, 0.1),
            part(3.0, 0.5),
            part(4.0, 0.0),
            second(5.0, 11, 0.1),
            part(6.0, 0.0),
        ];
        let all = Stretches::of(&seconds).all;
        let rates: Vec<(f64, f64)> = all.iter().map(|one| (one.at, one.ended)).collect();
        assert_eq!(rates, [(1.0, 10.0), (2.0, 12.0), (5.0, 11.0)]);
        assert!(Stretches::of(&[]).all.is_empty());
    }

    #[test]
    fn a_long_run_keeps_its_peaks() {
        let seconds: Vec<Second> = (1..=2_500)
            .map(|at| second(f64::from(at), 7, f64::from(at % 100)))
            .collect();
        let stretches = Stretches::of(&seconds);
        assert_eq!((stretches.seconds, stretches.all.len()), (11, 228));
        assert!(stretches.all.iter().all(|stretch| stretch.ended == 7.0));
        let most = stretches.all.iter().map(|stretch| stretch.intended.max);
        assert_eq!(most.fold(0.0, f64::max), 99.0);
    }
}
