//! The same load several times, on one server, or on an older and a newer one in turn.

use tallied_processes::interrupt;

use crate::asked::Asked;
use crate::compare::{NEW, OLD};
use crate::exit::Failure;
use crate::load::Measured;
use crate::report::assemble;
use crate::report::data::{Reconciliation, Repetition};
use crate::session::Ended;
use crate::subject::Subject;
use crate::trial::{self, Trial};

/// All of them together.
pub(crate) struct Repeated {
    /// Of the new server.
    pub(crate) measured: Measured,
    pub(crate) ended: Option<Ended>,
    pub(crate) cpu_seconds: Option<f64>,
    /// In the order in which they were made; none where there was one.
    pub(crate) repetitions: Vec<Repetition>,
}

/// Each pair begins with the other one.
pub(crate) fn run(
    asked: &Asked,
    new: &mut Subject,
    mut old: Option<&mut Subject>,
) -> Result<Repeated, Failure> {
    let mut trials: Vec<(&'static str, Trial)> = Vec::new();
    for index in 0..asked.repetitions {
        let turns = match (&old, index % 2) {
            (None, _) => vec![NEW],
            (Some(_), 0) => vec![OLD, NEW],
            (Some(_), _) => vec![NEW, OLD],
        };
        for server in turns {
            if interrupt::is_set() {
                break;
            }
            let subject = match &mut old {
                Some(old) if server == OLD => old,
                _ => &mut *new,
            };
            let what = match asked.repetitions {
                1 => asked.scenario.name.clone(),
                of => format!("{} of {of}, {server}", index + 1),
            };
            let trial = trial::run(asked, subject, &what)?;
            trials.push((server, trial));
        }
    }
    together(trials)
}

fn together(trials: Vec<(&'static str, Trial)>) -> Result<Repeated, Failure> {
    let figures = |trial: &Trial| {
        let measured = &trial.measured;
        assemble::figures(&measured.total, measured.seconds, trial.cpu_seconds)
    };
    let mut repetitions: Vec<Repetition> = trials
        .iter()
        .map(|(server, trial)| Repetition {
            server: (*server).to_owned(),
            figures: figures(trial),
        })
        .collect();
    if repetitions.len() == 1 {
        repetitions.clear();
    }
    let (new, old): (Vec<_>, Vec<_>) = trials.into_iter().partition(|(server, _)| *server == NEW);
    let cpus: Option<Vec<f64>> = new.iter().map(|(_, trial)| trial.cpu_seconds).collect();
    let mut new = new.into_iter().map(|(_, trial)| trial);
    let first = new.next();
    let Trial {
        mut measured,
        mut ended,
        ..
    } = first.ok_or_else(|| anyhow::anyhow!("interrupted before the first load had begun"))?;
    for trial in new {
        measured.add(trial.measured);
        join(&mut ended, trial.ended, NEW);
    }
    for (_, trial) in old {
        join(&mut ended, trial.ended, OLD);
    }
    Ok(Repeated {
        measured,
        ended,
        cpu_seconds: cpus.map(|cpus| assemble::median(&cpus)),
        repetitions,
    })
}

/// What differs on any of them differs; the rows that are shown are those of the new server's first load.
fn join(all: &mut Option<Ended>, one: Option<Ended>, server: &str) {
    let Some((all, one)) = all.as_mut().zip(one) else {
        return;
    };
    all.scrape_times.extend(one.scrape_times);
    let Reconciliation {
        compared,
        mismatches,
        problems,
        ..
    } = one.reconciliation;
    let to = &mut all.reconciliation;
    to.compared += compared;
    to.mismatches
        .extend(mismatches.into_iter().map(|mut mismatch| {
            if server == OLD {
                mismatch.series = format!("{} (of the old server)", mismatch.series);
            }
            mismatch
        }));
    to.problems.extend(problems);
}
