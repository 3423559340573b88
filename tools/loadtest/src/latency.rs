//! Latencies, to three digits, in microseconds.

use std::time::Duration;

use hdrhistogram::Histogram;

/// One that takes longer counts as so long.
const MOST: Duration = Duration::from_secs(3_600);
const DIGITS: u8 = 3;

/// Two views of the same requests.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    /// From when a request was due until its last byte was there: what a user would have waited.
    pub(crate) intended: Histogram<u64>,
    /// From when it was sent.
    pub(crate) service: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self {
            intended: histogram(),
            service: histogram(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.intended, &other.intended);
        add(&mut self.service, &other.service);
    }
}

/// One that grows with what it is given.
pub(crate) fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new(DIGITS).expect("three digits are allowed");
    histogram.auto(true);
    histogram
}

pub(crate) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let micros = time.min(MOST).as_micros();
    // It grows, so that it takes any value; and an hour of microseconds is far from overflow.
    let _ = histogram.record(u64::try_from(micros).unwrap_or(u64::MAX));
}

pub(crate) fn add(to: &mut Histogram<u64>, from: &Histogram<u64>) {
    // It grows.
    let _ = to.add(from);
}

/// The value at a quantile from 0 to 1, in seconds.
pub(crate) fn at(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_three_digits_and_takes_anything() {
        let mut histogram = histogram();
        for time in [Duration::ZERO, Duration::from_millis(250), Duration::MAX] {
            record(&mut histogram, time);
        }
        assert_eq!(histogram.len(), 3);
        assert!((at(&histogram, 0.5) - 0.25).abs() < 0.000_5);
        assert!((at(&histogram, 1.0) - 3_600.0).abs() < 10.0);
    }
}
