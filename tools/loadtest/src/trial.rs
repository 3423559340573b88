//! One load on one server, measured and reconciled.

use tallied_processes::kernel::CpuTimes;

use crate::asked::Asked;
use crate::exit::Failure;
use crate::load::Measured;
use crate::progress::Progress;
use crate::session::{Ended, Pace, Session};
use crate::subject::Subject;

pub(crate) struct Trial {
    pub(crate) measured: Measured,
    /// `None` where nothing was to be reconciled.
    pub(crate) ended: Option<Ended>,
    /// Processor time of the server for each request, the scrapes' included; `None` where it is not ours.
    pub(crate) cpu_seconds: Option<f64>,
}

/// `what` is what the progress line calls it.
pub(crate) fn run(asked: &Asked, subject: &mut Subject, what: &str) -> Result<Trial, Failure> {
    let mut session = begin(asked, subject)?;
    let before = subject.cpu_times();
    let measured = load(&mut session, &asked.pace, subject, what)?;
    let after = subject.cpu_times();
    let requests = session.ended_requests().max(1);
    let used = |before: &CpuTimes, after: CpuTimes| {
        after.since(before).used.as_secs_f64() / requests as f64
    };
    let cpu_seconds = before
        .zip(after)
        .map(|(before, after)| used(&before, after));
    Ok(Trial {
        measured,
        ended: session.end()?,
        cpu_seconds,
    })
}

/// What the server of a session cannot be is a mistake of whoever asked for it.
pub(crate) fn begin(asked: &Asked, subject: &Subject) -> Result<Session, Failure> {
    let scenario = asked.scenario.clone();
    let metrics_url = asked.metrics_url.as_ref();
    Session::begin(&subject.url, metrics_url, scenario, asked.options.clone())
        .map_err(Failure::Usage)
}

/// A load with its progress shown; it ends when the server does.
pub(crate) fn load(
    session: &mut Session,
    pace: &Pace,
    subject: &mut Subject,
    what: &str,
) -> Result<Measured, Failure> {
    let whole = pace.warm_up + pace.duration;
    let mut progress = Progress::new(what, whole, session.ended_requests());
    let measured = session.load(pace, |live, last| {
        progress.look(live, last);
        subject.check_alive()
    });
    progress.finish();
    Ok(measured?)
}
