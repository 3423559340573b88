//! What a client knows of a histogram that it does not see: each observation lies in an interval.
//!
//! A client that has a whole answer knows its size, and that the server took no longer than it waited itself. One that
//! left knows less, and of some requests not even whether the server has seen them. So each bucket, the sum and the
//! count have a least and a most, and a server that counts right lies between. Where the client knows all, the two meet.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The least and the most that something can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) least: f64,
    /// In JSON, which has no infinity, none is `null`.
    #[serde(serialize_with = "or_null", deserialize_with = "or_infinity")]
    pub(crate) most: f64,
}

fn or_null<S: Serializer>(most: &f64, to: S) -> Result<S::Ok, S::Error> {
    most.is_finite().then_some(most).serialize(to)
}

fn or_infinity<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

impl Range {
    pub(crate) fn exactly(value: f64) -> Self {
        Self {
            least: value,
            most: value,
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least == self.most, self.most == f64::INFINITY) {
            (true, _) => write!(f, "{}", self.least),
            (_, true) => write!(f, "{} or more", self.least),
            _ => write!(f, "{} to {}", self.least, self.most),
        }
    }
}

/// How many of something there are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Tally {
    /// One more; a `maybe` may not be there.
    pub(crate) fn add(&mut self, maybe: bool) {
        self.least += u64::from(!maybe);
        self.most += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.least += other.least;
        self.most += other.most;
    }

    pub(crate) fn range(&self) -> Range {
        Range {
            least: self.least as f64,
            most: self.most as f64,
        }
    }
}

/// The observations of one histogram.
#[derive(Debug, Clone, Default)]
pub(crate) struct Envelope {
    /// Of the finite buckets, ascending.
    bounds: Vec<f64>,
    /// Observations that are certainly there, by the first bucket that they are certainly in; not cumulative.
    certainly_in: Vec<u64>,
    /// Observations that may be there, by the first bucket that they can be in.
    maybe_in: Vec<u64>,
    count: Tally,
    sum: (f64, f64),
}

impl Envelope {
    pub(crate) fn new(bounds: &[f64]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            certainly_in: vec![0; bounds.len()],
            maybe_in: vec![0; bounds.len()],
            ..Self::default()
        }
    }

    /// An observation between `least` and `most`; a `maybe` may not be there at all.
    pub(crate) fn observe(&mut self, least: f64, most: f64, maybe: bool) {
        let bucket = |value: f64| self.bounds.partition_point(|&bound| bound < value);
        let (first, certain) = (bucket(least), bucket(most));
        if let Some(count) = self.maybe_in.get_mut(first) {
            *count += 1;
        }
        if let Some(count) = self.certainly_in.get_mut(certain)
            && !maybe
        {
            *count += 1;
        }
        self.count.add(maybe);
        self.sum.0 += if maybe { 0.0 } else { least };
        self.sum.1 += most;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let add = |to: &mut [u64], from: &[u64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        };
        add(&mut self.certainly_in, &other.certainly_in);
        add(&mut self.maybe_in, &other.maybe_in);
        self.count.merge(&other.count);
        self.sum.0 += other.sum.0;
        self.sum.1 += other.sum.1;
    }

    pub(crate) fn count(&self) -> Tally {
        self.count
    }

    pub(crate) fn sum(&self) -> Range {
        Range {
            least: self.sum.0,
            most: self.sum.1,
        }
    }

    /// The cumulative count of each finite bucket.
    pub(crate) fn buckets(&self) -> Vec<(f64, Tally)> {
        let mut so_far = Tally::default();
        let both = self.certainly_in.iter().zip(&self.maybe_in);
        let cumulative = both.map(|(&least, &most)| {
            so_far.merge(&Tally { least, most });
            so_far
        });
        self.bounds.iter().copied().zip(cumulative).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(envelope: &Envelope) -> Vec<(u64, u64)> {
        let tallies = envelope.buckets().into_iter();
        tallies
            .map(|(_, tally)| (tally.least, tally.most))
            .collect()
    }

    #[test]
    fn what_is_known_leaves_no_room() {
        let mut envelope = Envelope::new(&[1.0, 2.0, 5.0]);
        // A bound is in its bucket.
        for value in [0.5, 1.0, 1.5, 5.0, 7.0] {
            envelope.observe(value, value, false);
        }
        assert_eq!(buckets(&envelope), [(2, 2), (3, 3), (4, 4)]);
        assert_eq!(envelope.count(), Tally { least: 5, most: 5 });
        assert_eq!(
            envelope.sum(),
            Range {
                least: 15.0,
                most: 15.0
            }
        );
    }

    #[test]
    fn an_interval_is_in_a_bucket_from_its_upper_end_on_and_may_be_from_its_lower() {
        let mut envelope = Envelope::new(&[1.0, 2.0, 5.0]);
        envelope.observe(0.5, 3.0, false);
        envelope.observe(1.5, f64::INFINITY, false);
        assert_eq!(buckets(&envelope), [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(envelope.sum().to_string(), "2 or more");
    }

    #[test]
    fn what_may_not_be_there_is_in_no_least() {
        let mut envelope = Envelope::new(&[1.0]);
        envelope.observe(1.0, 1.0, true);
        let mut other = Envelope::new(&[1.0]);
        other.observe(0.5, 0.5, false);
        envelope.merge(&other);
        assert_eq!(buckets(&envelope), [(1, 2)]);
        assert_eq!(envelope.count(), Tally { least: 1, most: 2 });
        assert_eq!(
            envelope.sum(),
            Range {
                least: 0.5,
                most: 1.5
            }
        );
        assert_eq!(envelope.count().range().to_string(), "1 to 2");
    }
}
