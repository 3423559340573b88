//! What a series holds when it is read: plain data.

use super::{Buckets, Labels};
use crate::error::BucketsError;
use crate::start_time::StartTime;

/// One series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesSnapshot {
    /// The values of the family's labels.
    pub labels: Labels,
    /// What was recorded.
    pub value: Value,
    /// When a counter or a histogram began to count; `None` for a gauge, and where it is not known.
    pub start_time: Option<StartTime>,
}

/// What a series holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A counter's total.
    Counter(u64),
    /// The total of a counter that does not count whole units.
    FloatCounter(f64),
    /// The value of a gauge of `i64`, or of an up-down counter.
    IntegerGauge(i64),
    /// The value of a gauge of `u64`.
    UnsignedGauge(u64),
    /// The value of a gauge of `f64`.
    FloatGauge(f64),
    /// A histogram.
    Histogram(HistogramSnapshot),
}

/// The observations of one histogram series: all of them whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// The upper bounds.
    pub bounds: Buckets,
    /// Observations in each bucket alone (not cumulative), and last those above every bound.
    pub buckets: Vec<u64>,
    /// Observations in all buckets.
    pub count: u64,
    /// The sum of the observed values.
    pub sum: f64,
}

impl HistogramSnapshot {
    /// A histogram that was counted elsewhere: the observations in each bucket alone (not
    /// cumulative), and last those above every bound.
    ///
    /// # Errors
    /// When there is not one bucket more than there are bounds.
    pub fn new(bounds: Buckets, buckets: Vec<u64>, sum: f64) -> Result<Self, BucketsError> {
        let expected = bounds.bounds().len() + 1;
        if buckets.len() != expected {
            return Err(BucketsError::WrongCount {
                count: buckets.len(),
                expected,
            });
        }
        Ok(Self {
            count: buckets.iter().fold(0, |all, n| u64::wrapping_add(all, *n)),
            bounds,
            buckets,
            sum,
        })
    }
}
