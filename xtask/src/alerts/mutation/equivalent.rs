//! Mutants that mean the same as the rule, or whose difference nobody sees: no test can notice them, and none has to.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::mutant::Mutant;

pub(super) struct Equivalent {
    /// The mutant's name, or with a `*` at its end the beginning of several.
    name: &'static str,
    reason: &'static str,
}

pub(super) const EQUIVALENT: &[Equivalent] = &[
    Equivalent {
        name: "TalliedWatchdog: 1 → *",
        reason: "it fires whatever its value, and its texts do not show the value",
    },
    Equivalent {
        name: "endpoint:http_request_duration_seconds:p95_rate5m: rate → increase",
        reason: "a quantile is of the buckets' shares, and a factor changes none",
    },
    Equivalent {
        name: "endpoint:http_request_duration_seconds:p95_rate5m: sum → avg",
        reason: "an endpoint's series all have the same bounds, so this too is a factor",
    },
];

impl Equivalent {
    fn is(&self, mutant: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => mutant.starts_with(beginning),
            None => mutant == self.name,
        }
    }
}

/// Why this mutant need not be killed.
pub(super) fn reason(mutant: &str) -> Option<&'static str> {
    EQUIVALENT
        .iter()
        .find(|known| known.is(mutant))
        .map(|known| known.reason)
}

/// Rows that fit no mutant any more say that a rule has changed, and must be thought about anew. Those of rules that are
/// not there at all are of another folder's.
pub(super) fn check(mutants: &[Mutant]) -> Result<()> {
    let rules: BTreeSet<&str> = mutants
        .iter()
        .map(|mutant| mutant.rule.name.as_str())
        .collect();
    for row in EQUIVALENT {
        let is_there = rules
            .iter()
            .any(|rule| row.name.starts_with(&format!("{rule}: ")));
        let fits = mutants.iter().any(|mutant| row.is(&mutant.name));
        ensure!(
            fits || !is_there,
            "no mutant is `{}` any more: correct that row of xtask/src/alerts/mutation/equivalent.rs, or remove it",
            row.name
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_for_one_mutant_or_for_a_beginning() {
        assert!(reason("TalliedWatchdog: 1 → 2").is_some());
        assert!(reason("TalliedWatchdog: another severity").is_none());
        assert!(reason("job:x:rate5m: rate → increase").is_none());
    }
}
