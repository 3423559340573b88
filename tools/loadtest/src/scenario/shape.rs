//! The shape of the load over its time, and the times at which requests are due.
//!
//! The rate is a factor of time, linear in each stage. Its integral is the number of requests that are due by then;
//! a request is due where the integral reaches its place. So a schedule is absolute: nothing that happens to a request moves
//! the next one.

use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;

use super::Arrival;

/// So that shares add up.
const MOST_SHARE: f64 = 1e6;

/// A part of the time, in which the rate goes evenly from one factor to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stage {
    /// Of the whole time, relative to the other stages.
    pub(crate) share: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape(Vec<Stage>);

impl Shape {
    pub(crate) fn constant() -> Self {
        Self(vec![Stage {
            share: 1.0,
            from: 1.0,
            to: 1.0,
        }])
    }

    pub(crate) fn new(stages: Vec<Stage>) -> Result<Self> {
        let valid = |value: f64| value.is_finite() && value >= 0.0;
        for stage in &stages {
            ensure!(
                valid(stage.share) && stage.share > 0.0 && stage.share <= MOST_SHARE,
                "a stage's share is {}; give a number above 0 and at most {MOST_SHARE}",
                stage.share
            );
            ensure!(
                valid(stage.from) && valid(stage.to),
                "a stage's rate goes from {} to {}; give factors of 0 or more",
                stage.from,
                stage.to
            );
        }
        ensure!(
            stages.iter().any(|stage| stage.from + stage.to > 0.0),
            "all stages have a rate of 0; give one of them another"
        );
        Ok(Self(stages))
    }

    /// The highest factor.
    pub(crate) fn peak(&self) -> f64 {
        let factors = self.0.iter().flat_map(|stage| [stage.from, stage.to]);
        factors.fold(0.0, f64::max)
    }

    /// At a part of the time, from 0 to 1.
    pub(crate) fn factor_at(&self, part: f64) -> f64 {
        let total: f64 = self.0.iter().map(|stage| stage.share).sum();
        let mut left = part * total;
        for stage in &self.0 {
            if left <= stage.share {
                return stage.from + (stage.to - stage.from) * left / stage.share;
            }
            left -= stage.share;
        }
        0.0
    }

    /// The times from the start at which requests are due, in a warm-up at the first rate that is not 0, and in
    /// the time after it.
    pub(crate) fn schedule(
        &self,
        rate: f64,
        warm_up: Duration,
        duration: Duration,
        arrival: Arrival,
        rng: Rng,
    ) -> Schedule {
        let total: f64 = self.0.iter().map(|stage| stage.share).sum();
        let first = self.0.iter().flat_map(|stage| [stage.from, stage.to]);
        let first = first
            .into_iter()
            .find(|&factor| factor > 0.0)
            .unwrap_or(1.0);
        let mut pieces = vec![Piece {
            seconds: warm_up.as_secs_f64(),
            from: rate * first,
            to: rate * first,
        }];
        pieces.extend(self.0.iter().map(|stage| Piece {
            seconds: duration.as_secs_f64() * stage.share / total,
            from: rate * stage.from,
            to: rate * stage.to,
        }));
        Schedule {
            pieces,
            arrival,
            rng,
            piece: 0,
            passed_seconds: 0.0,
            passed_requests: 0.0,
            place: 0.0,
        }
    }
}

/// A stage in seconds and requests a second.
#[derive(Debug)]
struct Piece {
    seconds: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn requests(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.seconds
    }

    /// The time in the piece by which so many requests are due: the root of `from·t + slope·t²/2 = requests`, in
    /// the form that loses no digits where the slope is small.
    fn time_of(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * requests)
            .max(0.0)
            .sqrt();
        2.0 * requests / (self.from + root)
    }
}

/// The times from the start at which requests are due, in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    pieces: Vec<Piece>,
    arrival: Arrival,
    rng: Rng,
    piece: usize,
    passed_seconds: f64,
    passed_requests: f64,
    place: f64,
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.place += match self.arrival {
            Arrival::Constant => 1.0,
            // 1 - u is never 0.
            Arrival::Poisson => -(1.0 - self.rng.f64()).ln(),
        };
        loop {
            let piece = self.pieces.get(self.piece)?;
            let inside = self.place - self.passed_requests;
            if inside <= piece.requests() && piece.requests() > 0.0 {
                let time = self.passed_seconds + piece.time_of(inside).min(piece.seconds);
                return Some(Duration::from_secs_f64(time));
            }
            self.passed_requests += piece.requests();
            self.passed_seconds += piece.seconds;
            self.piece += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(shape: &Shape, arrival: Arrival, warm_up: f64, seconds: f64) -> Vec<f64> {
        let (warm_up, duration) = (
            Duration::from_secs_f64(warm_up),
            Duration::from_secs_f64(seconds),
        );
        let schedule = shape.schedule(100.0, warm_up, duration, arrival, Rng::with_seed(1));
        schedule.map(|time| time.as_secs_f64()).collect()
    }

    #[test]
    fn a_constant_rate_is_even_through_the_warm_up() {
        let times = times(&Shape::constant(), Arrival::Constant, 1.0, 2.0);
        assert_eq!(times.len(), 300);
        for (index, time) in times.iter().enumerate() {
            assert!((time - (index + 1) as f64 / 100.0).abs() < 1e-6, "{time}");
        }
    }

    #[test]
    fn a_poisson_schedule_is_in_order_and_has_the_rate() {
        let times = times(&Shape::constant(), Arrival::Poisson, 0.0, 100.0);
        assert!(times.is_sorted());
        // Its standard deviation is 100.
        assert!((9_500..10_500).contains(&times.len()), "{}", times.len());
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let long = gaps.iter().filter(|&&gap| gap > 0.01).count() as f64;
        // e⁻¹ of exponential gaps are longer than their mean.
        assert!((0.34..0.40).contains(&(long / gaps.len() as f64)));
    }

    #[test]
    fn a_ramp_has_half_of_its_requests_and_a_spike_its_own() {
        let shape = Shape::new(vec![
            Stage {
                share: 1.0,
                from: 0.0,
                to: 1.0,
            },
            Stage {
                share: 1.0,
                from: 1.0,
                to: 1.0,
            },
            Stage {
                share: 1.0,
                from: 5.0,
                to: 5.0,
            },
            Stage {
                share: 1.0,
                from: 0.0,
                to: 0.0,
            },
        ])
        .unwrap();
        assert_eq!(shape.peak(), 5.0);
        let times = times(&shape, Arrival::Constant, 0.0, 4.0);
        let between = |least: f64, most: f64| {
            times
                .iter()
                .filter(|&&time| time > least && time <= most)
                .count()
        };
        assert_eq!(times.len(), 650);
        assert_eq!((between(0.0, 0.5), between(0.5, 1.0)), (12, 38));
        assert_eq!((between(1.0, 2.0), between(2.0, 3.0)), (100, 500));
        assert!(times.is_sorted());
    }

    #[test]
    fn the_rate_is_known_at_each_time() {
        let stage = |share, from, to| Stage { share, from, to };
        let shape = Shape::new(vec![stage(1.0, 0.0, 1.0), stage(3.0, 4.0, 4.0)]).unwrap();
        let factors = [0.0, 0.125, 0.25, 0.5, 1.0, 1.5].map(|part| shape.factor_at(part));
        assert_eq!(factors, [0.0, 0.5, 1.0, 4.0, 4.0, 0.0]);
        assert_eq!(Shape::constant().factor_at(0.7), 1.0);
    }

    #[test]
    fn stages_that_are_no_load_are_refused() {
        let stage = |share, from, to| Shape::new(vec![Stage { share, from, to }]);
        assert!(stage(1.0, 0.0, 1.0).is_ok());
        for (share, from, to) in [
            (0.0, 1.0, 1.0),
            (1.0, -1.0, 1.0),
            (1.0, 0.0, 0.0),
            (f64::NAN, 1.0, 1.0),
            (1e7, 1.0, 1.0),
            (1.0, 1.0, f64::INFINITY),
        ] {
            assert!(stage(share, from, to).is_err());
        }
    }
}
