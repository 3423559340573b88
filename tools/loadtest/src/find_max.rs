//! The search for the highest rate that meets the objectives.
//!
//! The rate is doubled until a step misses, and then the gap is halved until it is small. A step that misses is tried once
//! more, for machines have hiccups.

use tallied_processes::interrupt;

use crate::asked::Asked;
use crate::cli::HIGHEST_RATE;
use crate::exit::Failure;
use crate::load::Measured;
use crate::report::data::Slo;
use crate::report::say;
use crate::session::{Ended, Pace};
use crate::subject::Subject;
use crate::{trial, validity};

/// The search ends when the lowest rate that missed is at most so much above the highest that met.
const CLOSE_ENOUGH: f64 = 1.05;
/// Of the requests of a step that may find all connections taken: when it is more, a backlog grows.
const MOST_WAITING: f64 = 0.1;
const LOWEST: f64 = 1.0;

pub(crate) struct Step {
    pub(crate) rate: f64,
    pub(crate) measured: Measured,
    pub(crate) slos: Vec<Slo>,
    /// Why it says nothing about the server.
    pub(crate) invalid: Option<String>,
}

impl Step {
    fn holds(&self) -> bool {
        self.invalid.is_none() && self.missed().is_empty()
    }

    /// The objectives that were missed, and whether the server did not keep up, which a short step may hide from them.
    pub(crate) fn missed(&self) -> Vec<String> {
        let missed = self.slos.iter().filter(|slo| !slo.met);
        let mut missed: Vec<String> = missed.map(ToString::to_string).collect();
        let counts = &self.measured.total.counts;
        if counts.waited as f64 > MOST_WAITING * counts.due as f64 {
            missed.push(format!(
                "not kept up: {} of {} requests found all connections taken",
                counts.waited, counts.due
            ));
        }
        missed
    }
}

pub(crate) struct Found {
    /// `None` where no rate was low enough.
    pub(crate) rate: Option<f64>,
    pub(crate) limited_by: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) ended: Option<Ended>,
}

/// Where the search is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bracket {
    /// The highest rate that met.
    met: Option<f64>,
    /// The lowest that missed.
    missed: Option<f64>,
}

impl Bracket {
    /// `None` at the end.
    fn next(self, first: f64) -> Option<f64> {
        let next = match (self.met, self.missed) {
            (None, None) => first,
            (Some(met), None) => met * 2.0,
            (None, Some(missed)) => missed / 2.0,
            (Some(met), Some(missed)) if missed / met <= CLOSE_ENOUGH => return None,
            (Some(met), Some(missed)) => (met + missed) / 2.0,
        };
        let next = next.round();
        // Whole numbers may have nothing between them.
        let tried = self.met == Some(next) || self.missed == Some(next);
        ((LOWEST..=HIGHEST_RATE).contains(&next) && !tried).then_some(next)
    }

    fn note(&mut self, rate: f64, holds: bool) {
        match holds {
            true => self.met = Some(self.met.map_or(rate, |met| met.max(rate))),
            false => self.missed = Some(self.missed.map_or(rate, |missed| missed.min(rate))),
        }
    }
}

pub(crate) fn run(asked: &Asked, subject: &mut Subject) -> Result<Found, Failure> {
    let mut session = trial::begin(asked, subject)?;
    let mut steps: Vec<Step> = Vec::new();
    let mut bracket = Bracket {
        met: None,
        missed: None,
    };
    while let Some(rate) = bracket.next(asked.pace.rate) {
        let again = steps.last().is_some_and(|last| last.rate == rate);
        let pace = Pace {
            rate,
            // The same requests at each rate would find the same records.
            seed: asked.pace.seed.wrapping_add(steps.len() as u64),
            ..asked.pace.clone()
        };
        let measured = trial::load(&mut session, &pace, subject, &format!("{rate:.0}/s"))?;
        let check = |slo: &crate::slo::Slo| {
            slo.check(&asked.scenario, &measured.total, &measured.kinds, None)
        };
        let step = Step {
            rate,
            slos: asked.slos.iter().map(check).collect(),
            invalid: validity::invalid(&measured.total),
            measured,
        };
        if interrupt::is_set() {
            break;
        }
        say(&line(&step));
        let holds = step.holds();
        steps.push(step);
        if holds || again {
            bracket.note(rate, holds);
        }
    }
    let limited_by = limited_by(&steps, bracket);
    Ok(Found {
        rate: bracket.met,
        limited_by,
        steps,
        ended: session.end()?,
    })
}

fn limited_by(steps: &[Step], bracket: Bracket) -> String {
    let Some(missed) = bracket.missed else {
        return match interrupt::is_set() {
            true => "interrupted before a rate missed".to_owned(),
            false => "no rate that was tried missed".to_owned(),
        };
    };
    let step = steps.iter().rev().find(|step| step.rate == missed);
    match step {
        Some(Step {
            invalid: Some(why), ..
        }) => format!("at {missed:.0}/s {why}"),
        Some(step) => {
            format!("at {missed:.0}/s {}", step.missed().join("; "))
        }
        None => String::new(),
    }
}

fn line(step: &Step) -> String {
    use crate::latency::at;
    use crate::report::units::time as shown;
    let times = &step.measured.total.latencies.intended;
    let of = |quantile| shown(at(times, quantile));
    let why: Vec<String> = step
        .missed()
        .into_iter()
        .chain(step.invalid.clone())
        .collect();
    let verdict = if why.is_empty() {
        "met".to_owned()
    } else {
        why.join("; ")
    };
    format!(
        "{:>9.0}/s  p50 {:>8}  p95 {:>8}  p99 {:>8}  p99.9 {:>8}  {verdict}",
        step.rate,
        of(0.5),
        of(0.95),
        of(0.99),
        of(0.999)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the search finds on a server that keeps so many.
    fn search(keeps: f64, first: f64) -> (Option<f64>, usize) {
        let mut bracket = Bracket {
            met: None,
            missed: None,
        };
        let mut tries = 0;
        while let Some(rate) = bracket.next(first) {
            bracket.note(rate, rate <= keeps);
            tries += 1;
        }
        (bracket.met, tries)
    }

    #[test]
    fn the_search_comes_within_a_twentieth_from_both_sides() {
        for keeps in 1..=20 {
            let (found, tries) = search(f64::from(keeps), 8.0);
            assert_eq!(found, Some(f64::from(keeps)));
            assert!(tries < 25, "{tries}");
        }
        for keeps in [30.0, 999.0, 12_345.0, 100_000.0] {
            for first in [10.0, 500.0, 50_000.0] {
                let (found, tries) = search(keeps, first);
                let found = found.unwrap();
                assert!(
                    found <= keeps && found * CLOSE_ENOUGH * 1.05 >= keeps,
                    "{keeps}: {found}"
                );
                assert!(tries < 25, "{tries}");
            }
        }
    }

    #[test]
    fn the_search_ends_where_nothing_or_everything_is_met() {
        assert_eq!(search(0.0, 100.0).0, None);
        assert!(search(f64::INFINITY, 100.0).0.unwrap() > HIGHEST_RATE / 2.0);
    }
}
