//! Figures beside each other: how many, how many to the bit, and by how many units in the last place the rest differ.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};

use super::arithmetic::{Range, ulps_apart};
use super::figures::Figures;
use super::series::shown;
use crate::prometheus::api::Labels;

/// A range that is wider than this says nothing: a quantile that lies on the border of two buckets, for one.
const WIDEST: u64 = 256;
/// So many of what differs are printed.
const PRINTED: usize = 10;

/// What was seen, by the name and the labels of the recorded series.
pub(super) type Seen = BTreeMap<Labels, f64>;

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Tally {
    figures: usize,
    to_the_bit: usize,
    /// Of all others, the largest difference, and the largest that the order of additions allows.
    ulps: u64,
    allowed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.figures += other.figures;
        self.to_the_bit += other.to_the_bit;
        self.ulps = self.ulps.max(other.ulps);
        self.allowed = self.allowed.max(other.allowed);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figures, others) = (self.figures, self.figures - self.to_the_bit);
        write!(f, "{figures} figures, ")?;
        match others {
            0 => write!(f, "all to the bit")?,
            _ => write!(
                f,
                "all to the bit but {others}, which differ by {} ulps at most",
                self.ulps
            )?,
        }
        write!(f, " (the order of additions allows {})", self.allowed)
    }
}

/// # Errors
/// When a figure is missing on one side, or is not what some order of additions gives.
pub(super) fn compare(what: &str, ours: &Figures, seen: &Seen) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (labels, &range) in ours {
        let Some(&seen) = seen.get(labels) else {
            wrong.push(format!(
                "{}: not there; expected {}",
                shown(labels),
                number(range.value)
            ));
            continue;
        };
        tally.figures += 1;
        if !range.contains(seen) {
            wrong.push(format!("{}: {}", shown(labels), difference(range, seen)));
        } else if range.ulps() > WIDEST {
            wrong.push(format!(
                "{}: the order of additions leaves {} ulps, which says nothing; was the load cut short by a busy machine?",
                shown(labels),
                range.ulps()
            ));
        } else if ulps_apart(range.value, seen) == 0 {
            tally.to_the_bit += 1;
        } else {
            tally.ulps = tally.ulps.max(ulps_apart(range.value, seen));
        }
        tally.allowed = tally.allowed.max(farthest(range));
    }
    let superfluous = seen
        .iter()
        .filter(|(labels, _)| !ours.contains_key(*labels));
    wrong.extend(superfluous.map(|(labels, seen)| {
        format!(
            "{}: {}, and by the expositions it is not there",
            shown(labels),
            number(*seen)
        )
    }));
    if wrong.is_empty() && tally.figures > 0 {
        return Ok(tally);
    }
    bail!(
        "{what}: {} of {} figures are not those of the servers' expositions:\n  {}",
        wrong.len(),
        ours.len(),
        wrong[..wrong.len().min(PRINTED)].join("\n  ")
    )
}

/// How far from the number itself the range goes.
fn farthest(range: Range) -> u64 {
    ulps_apart(range.low, range.value).max(ulps_apart(range.value, range.high))
}

pub(super) fn difference(range: Range, seen: f64) -> String {
    format!(
        "{}, by the expositions {}: {} ulps of {} at most",
        number(seen),
        number(range.value),
        ulps_apart(range.value, seen),
        farthest(range)
    )
}

/// With the 17 digits that tell each number from the next.
pub(super) fn number(of: f64) -> String {
    format!("{of:.16e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::series::NAME;

    fn labels(name: &str) -> Labels {
        Labels::from([(NAME.to_owned(), name.to_owned())])
    }

    fn against(seen: &[(&str, f64)]) -> Result<Tally> {
        let sum = Range::sum(&[0.1, 0.2, 0.3].map(Range::exact));
        let ours = Figures::from([
            (labels("a"), Range::exact(2.0)),
            (labels("b"), sum),
            (labels("c"), Range::NAN),
        ]);
        let seen = seen.iter().map(|&(name, value)| (labels(name), value));
        compare("a test", &ours, &seen.collect())
    }

    #[test]
    fn what_an_order_of_additions_gives_is_right() {
        let plain = 0.1 + 0.2 + 0.3;
        let tally = against(&[("a", 2.0), ("b", plain), ("c", f64::NAN)]).unwrap();
        assert_eq!((tally.figures, tally.to_the_bit, tally.ulps), (3, 2, 1));
        assert!(tally.allowed >= 1, "{tally}");
    }

    #[test]
    fn anything_else_is_named_with_both_numbers() {
        let error = |seen: &[(&str, f64)]| against(seen).unwrap_err().to_string();
        let wrong = error(&[("a", 2.0_f64.next_up()), ("b", 0.6), ("c", f64::NAN)]);
        assert!(wrong.contains("1 of 3 figures"), "{wrong}");
        assert!(
            wrong.contains(
                "a{}: 2.0000000000000004e0, by the expositions 2.0000000000000000e0: 1 ulps of 0"
            ),
            "{wrong}"
        );
        assert!(error(&[("a", 2.0), ("b", 0.600001), ("c", f64::NAN)]).contains("b{}"));
        assert!(error(&[("a", 2.0), ("b", 0.6), ("c", 0.0)]).contains("c{}"));
        assert!(error(&[("a", 2.0), ("b", 0.6)]).contains("c{}: not there"));
        let more = [("a", 2.0), ("b", 0.6), ("c", f64::NAN), ("d", 1.0)];
        assert!(error(&more).contains("d{}: 1.0000000000000000e0, and by"));
    }

    #[test]
    fn a_range_that_says_nothing_is_refused() {
        let wide = Range {
            low: 1.0,
            value: 1.5,
            high: 2.0,
        };
        let ours = Figures::from([(labels("a"), wide)]);
        let seen = Seen::from([(labels("a"), 1.5)]);
        assert!(compare("a test", &ours, &seen).is_err());
        assert!(compare("a test", &Figures::new(), &Seen::new()).is_err());
    }
}
