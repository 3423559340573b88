//! Sample by sample: what the servers expose, what Prometheus has stored of it, and what VictoriaMetrics got.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail, ensure};

use super::comparison::number;
use super::member::Member;
use super::series::{Settled, is_settled, shown, without_target};
use super::victoria_metrics::PRECISION;
use crate::prometheus::api::{Api, Labels, Sample, Stream};

/// What may become of a number on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kept {
    /// Nothing.
    ToTheBit,
    /// Whole numbers stay, of others so much may be lost.
    Within(f64),
}

impl Kept {
    /// As VictoriaMetrics keeps it.
    pub(super) const AS_A_DECIMAL: Self = Self::Within(PRECISION);

    fn is_it(self, original: f64, stored: f64) -> bool {
        if original.to_bits() == stored.to_bits() || original == 0.0 && stored == 0.0 {
            return true;
        }
        match self {
            Self::ToTheBit => false,
            Self::Within(part) => {
                original.fract() != 0.0 && (stored - original).abs() <= part * original.abs()
            }
        }
    }
}

/// How the numbers came through.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Passed {
    samples: usize,
    to_the_bit: usize,
    /// The greatest relative difference.
    difference: f64,
}

impl Passed {
    pub(super) fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.to_the_bit += other.to_the_bit;
        self.difference = self.difference.max(other.difference);
    }

    fn note(&mut self, original: f64, stored: f64) {
        self.samples += 1;
        if original.to_bits() == stored.to_bits() {
            self.to_the_bit += 1;
        } else {
            let difference = ((stored - original) / original).abs();
            self.difference = self.difference.max(difference);
        }
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (samples, others) = (self.samples, self.samples - self.to_the_bit);
        write!(f, "{samples} samples, ")?;
        match others {
            0 => write!(f, "all to the bit"),
            _ => write!(
                f,
                "all to the bit but {others}, which differ by a part of {:.1e} at most",
                self.difference
            ),
        }
    }
}

/// That a database has a server's settled samples, and no others, at a time when they stand still.
pub(super) fn check_exposed(
    what: &str,
    api: &Api,
    member: &Member,
    exposed: &Settled,
    at: i64,
    kept: Kept,
) -> Result<Passed> {
    let selector = format!("{{job=\"tallied\",instance=\"{}\"}}", member.instance);
    let stored = api.instant(&selector, at)?;
    let what = format!("{what}, of {}", member.name);
    compare(&what, exposed, stored, kept)
}

fn compare(what: &str, exposed: &Settled, stored: Vec<Sample>, kept: Kept) -> Result<Passed> {
    let stored = stored
        .into_iter()
        .filter(|sample| is_settled(&sample.labels));
    let mut stored: Settled = stored
        .map(|sample| (without_target(sample.labels), sample.value))
        .collect();
    let mut passed = Passed::default();
    for (labels, &value) in exposed {
        match stored.remove(labels) {
            Some(seen) if kept.is_it(value, seen) => passed.note(value, seen),
            Some(seen) => bail!(
                "{what}: {} is {}, and the server exposes {}",
                shown(labels),
                number(seen),
                number(value)
            ),
            None => bail!("{what}: {} is not there", shown(labels)),
        }
    }
    if let Some((labels, _)) = stored.first_key_value() {
        bail!(
            "{what}: {} is there, and the server has none",
            shown(labels)
        );
    }
    ensure!(passed.samples > 0, "{what}: there is nothing");
    Ok(passed)
}

/// By series, its samples by their times.
type Samples = BTreeMap<Labels, BTreeMap<i64, f64>>;

/// What was sent on, and what arrived. The sender's labels are not on its own series.
pub(super) fn check_sent(
    original: &[Stream],
    stored: &[Stream],
    sender: &Labels,
) -> Result<Passed> {
    let of = |streams: &[Stream], add: &Labels| {
        let mut samples = Samples::new();
        for stream in streams {
            let mut labels = stream.labels.clone();
            labels.extend(add.clone());
            // A number that is none is nothing to store.
            let numbers = stream.samples.iter().filter(|(_, value)| !value.is_nan());
            samples.entry(labels).or_default().extend(numbers.copied());
        }
        samples.retain(|_, samples| !samples.is_empty());
        samples
    };
    let (original, mut stored) = (of(original, sender), of(stored, &Labels::new()));
    let mut passed = Passed::default();
    for (labels, samples) in &original {
        let mut arrived = stored.remove(labels).unwrap_or_default();
        for (at, &value) in samples {
            match arrived.remove(at) {
                Some(seen) if Kept::AS_A_DECIMAL.is_it(value, seen) => passed.note(value, seen),
                Some(seen) => bail!(
                    "{} at {at} arrived as {}, and was {}",
                    shown(labels),
                    number(seen),
                    number(value)
                ),
                None => bail!("{} at {at} has not arrived", shown(labels)),
            }
        }
        if let Some((at, _)) = arrived.first_key_value() {
            bail!("{} at {at} was never sent", shown(labels));
        }
    }
    if let Some((labels, _)) = stored.first_key_value() {
        bail!("{} was never sent", shown(labels));
    }
    ensure!(passed.samples > 0, "nothing was sent");
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::series::NAME;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        pairs.collect()
    }

    #[test]
    fn a_stored_sample_is_that_of_the_server() {
        let series = |value: &str| labels(&[(NAME, "a"), ("endpoint", value)]);
        let exposed = Settled::from([(series("/"), 1.0), (series("/data"), 0.1)]);
        let stored = |values: &[(&str, f64)]| -> Vec<Sample> {
            let sample = |&(endpoint, value): &(&str, f64)| {
                let mut labels = series(endpoint);
                labels.insert("instance".to_owned(), "x".to_owned());
                Sample { labels, value }
            };
            values.iter().map(sample).collect()
        };
        let check = |values: &[(&str, f64)], kept| compare("it", &exposed, stored(values), kept);
        let passed = check(
            &[("/", 1.0), ("/data", 0.1), ("/metrics", 7.0)],
            Kept::ToTheBit,
        );
        assert_eq!(
            (passed.as_ref().unwrap().samples, passed.unwrap().to_the_bit),
            (2, 2)
        );
        let off = [("/", 1.0), ("/data", 0.1_f64.next_up())];
        let error = check(&off, Kept::ToTheBit).unwrap_err().to_string();
        assert!(
            error.contains("is 1.0000000000000002e-1, and the server"),
            "{error}"
        );
        assert_eq!(check(&off, Kept::AS_A_DECIMAL).unwrap().to_the_bit, 1);
        // A count is kept whole.
        let count = [("/", 1.0_f64.next_up()), ("/data", 0.1)];
        assert!(check(&count, Kept::AS_A_DECIMAL).is_err());
        let far = [("/", 1.0), ("/data", 0.1 * (1.0 + 2e-12))];
        assert!(check(&far, Kept::AS_A_DECIMAL).is_err());
        assert!(check(&[("/", 1.0)], Kept::ToTheBit).is_err());
        let more = [("/", 1.0), ("/data", 0.1), ("/x", 1.0)];
        assert!(check(&more, Kept::ToTheBit).is_err());
    }

    #[test]
    fn what_arrives_is_what_was_sent_with_the_labels_of_the_sender() {
        let stream = |pairs: &[(&str, &str)], samples: &[(i64, f64)]| Stream {
            labels: labels(pairs),
            samples: samples.to_vec(),
        };
        let sender = labels(&[("replica", "a")]);
        let sent = [
            stream(&[(NAME, "a")], &[(1, 1.0), (2, f64::NAN), (3, 0.1)]),
            stream(&[(NAME, "b")], &[(1, f64::NAN)]),
        ];
        let arrived = |samples: &[(i64, f64)]| {
            check_sent(
                &sent,
                &[stream(&[(NAME, "a"), ("replica", "a")], samples)],
                &sender,
            )
        };
        assert_eq!(arrived(&[(1, 1.0), (3, 0.1)]).unwrap().to_the_bit, 2);
        let error = |samples: &[(i64, f64)]| arrived(samples).unwrap_err().to_string();
        assert!(error(&[(1, 1.0)]).contains("at 3 has not arrived"));
        assert!(error(&[(1, 1.5), (3, 0.1)]).contains("arrived as"));
        assert!(error(&[(1, 1.0), (3, 0.1), (4, 1.0)]).contains("never sent"));
        let unnamed = check_sent(
            &sent,
            &[stream(&[(NAME, "a")], &[(1, 1.0), (3, 0.1)])],
            &sender,
        );
        assert!(unnamed.is_err());
    }
}
