//! What the model knows of an instrument: the numbers, and for a histogram every value.

use tallied::{Buckets, Value};

use super::instruments::{How, Step, What, bounds};

#[derive(Debug)]
pub(crate) enum Expected {
    Counter(u64),
    UpDown(i64),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Observed(f64),
    Histogram(Buckets, Vec<f64>),
}

impl Expected {
    pub(crate) fn new(what: What) -> Self {
        match what {
            What::Counter => Self::Counter(0),
            What::UpDown => Self::UpDown(0),
            What::Integer => Self::Integer(0),
            What::Unsigned => Self::Unsigned(0),
            What::Float => Self::Float(0.0),
            What::Observed => Self::Observed(0.0),
            What::Histogram(number) => Self::Histogram(bounds(number), Vec::new()),
        }
    }

    pub(crate) fn step(&mut self, Step { how, n, value }: Step) {
        let signed = match how {
            How::Up => 1,
            How::Down => -1,
            How::UpBy | How::Set => n as i64,
            How::DownBy => (n as i64).wrapping_neg(),
        };
        match (self, how) {
            (Self::Counter(now), How::Up | How::Down) => *now = now.wrapping_add(1),
            (Self::Counter(now), _) => *now = now.wrapping_add(n),
            (Self::Integer(now), How::Set) => *now = n as i64,
            (Self::UpDown(now) | Self::Integer(now), _) => *now = now.wrapping_add(signed),
            (Self::Unsigned(now), How::Set) => *now = n,
            (Self::Unsigned(now), _) => *now = now.wrapping_add(signed as u64),
            (Self::Float(now), How::Up) => *now += 1.0,
            (Self::Float(now), How::Down) => *now -= 1.0,
            (Self::Float(now), How::UpBy) => *now += value,
            (Self::Float(now), How::DownBy) => *now -= value,
            (Self::Float(now), How::Set) => *now = value,
            (Self::Observed(now), _) if value > *now => *now = value,
            (Self::Observed(_), _) => {}
            (Self::Histogram(_, values), _) => values.push(value),
        }
    }

    #[track_caller]
    pub(crate) fn assert_is(&self, found: &Value) {
        let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        let is = match (self, found) {
            (Self::Counter(now), Value::Counter(found))
            | (Self::Unsigned(now), Value::UnsignedGauge(found)) => now == found,
            (Self::UpDown(now) | Self::Integer(now), Value::IntegerGauge(found)) => now == found,
            (Self::Float(now), Value::FloatGauge(found))
            | (Self::Observed(now), Value::FloatCounter(found)) => same(*now, *found),
            (Self::Histogram(bounds, values), Value::Histogram(found)) => {
                let mut buckets = vec![0; bounds.bounds().len() + 1];
                for value in values {
                    let below = bounds.bounds().iter().position(|bound| value <= bound);
                    buckets[below.unwrap_or(bounds.bounds().len())] += 1;
                }
                found.bounds == *bounds
                    && found.buckets == buckets
                    && found.count == values.len() as u64
                    && same(found.sum, values.iter().fold(0.0, |sum, value| sum + value))
            }
            _ => false,
        };
        assert!(is, "expected {self:?}, found {found:?}");
    }
}
