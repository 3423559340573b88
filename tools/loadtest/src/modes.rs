//! The ways to run: a load, or the search for the highest rate.

use anyhow::Context;
use tallied_processes::interrupt;

use crate::asked::Asked;
use crate::calibration::{self, Calibration, How};
use crate::cli::Cli;
use crate::compare::Old;
use crate::exit::{Exit, Failure};
use crate::find_max;
use crate::load::{Measured, Part};
use crate::report::data::{Reconciliation, Report, SCHEMA};
use crate::report::{Directory, assemble, render, say};
use crate::session::Ended;
use crate::subject::Subject;
use crate::{repetitions, trial, validity};

/// A run that is over.
struct Done {
    report: Report,
    /// The seconds of the report.
    parts: Vec<Part>,
    exit: Exit,
}

pub(crate) fn run(cli: &Cli) -> Result<Exit, Failure> {
    let old = cli.compare.as_deref().map(Old::read).transpose();
    let old = old.map_err(Failure::Usage)?;
    let asked = Asked::new(cli, old.as_ref().map(|old| &old.report)).map_err(Failure::Usage)?;
    let directory = cli.report.as_deref().map(Directory::create).transpose();
    let directory = directory.map_err(Failure::Usage)?;
    let mut subject = subject(cli).map_err(Failure::Usage)?;
    let asked = asked.with_metrics_reached().map_err(Failure::Usage)?;
    // Asked before anything is measured.
    drop(trial::begin(&asked, &subject)?);
    let calibration = calibrate(cli, &asked)?;
    let done = match cli.find_max {
        true => search(&asked, &mut subject, calibration.as_ref()),
        false => load(&asked, &mut subject, old.as_ref(), calibration.as_ref()),
    }?;
    say(&format!("\n{}", render(&done.report)));
    if let Some(directory) = directory {
        let page = directory.write(&done.report, &done.parts)?;
        say(&format!("report: {}", page.display()));
        if let (true, Some(binary)) = (cli.keep_server, &cli.server) {
            directory.keep_server(binary)?;
        }
    }
    subject.stop()?;
    Ok(done.exit)
}

fn subject(cli: &Cli) -> anyhow::Result<Subject> {
    match (&cli.target, &cli.server) {
        (Some(url), _) => Subject::running(url),
        (None, Some(binary)) => Subject::start(binary),
        (None, None) => {
            anyhow::bail!("there is no server to test; give --target URL or --server PATH")
        }
    }
}

fn calibrate(cli: &Cli, asked: &Asked) -> Result<Option<Calibration>, Failure> {
    if cli.no_calibration {
        return Ok(None);
    }
    eprintln!("measuring the generator itself, some seconds; --no-calibration leaves it out");
    let how = How {
        rate: asked.peak_rate,
        connections: asked.options.connections,
        threads: asked.options.threads,
        timeout: asked.options.timeout,
    };
    let calibration = calibration::calibrate(&how)?;
    if calibration.keeps < asked.peak_rate {
        eprintln!(
            "the generator does not keep {:.0}/s on this machine; expect an invalid run",
            asked.peak_rate
        );
    }
    Ok(Some(calibration))
}

fn load(
    asked: &Asked,
    subject: &mut Subject,
    old: Option<&Old>,
    calibration: Option<&Calibration>,
) -> Result<Done, Failure> {
    let old_server = old.and_then(|old| old.server.as_deref());
    let mut old_subject = old_server.map(Subject::start).transpose()?;
    let repeated = repetitions::run(asked, subject, old_subject.as_mut())?;
    if let Some(old_subject) = old_subject {
        old_subject.stop()?;
    }
    let (measured, ended) = (&repeated.measured, repeated.ended.as_ref());
    let server = ended.map(|ended| &ended.server);
    let slos: Vec<_> = asked
        .slos
        .iter()
        .map(|slo| slo.check(&asked.scenario, &measured.total, &measured.kinds, server))
        .collect();
    let invalid: Vec<String> = validity::invalid(&measured.total).into_iter().collect();
    let reconciled = reconciliation(ended).map(Reconciliation::holds);
    let met = slos.iter().all(|slo| slo.met);
    let exit = Exit::of(reconciled, measured.interrupted, invalid.is_empty(), met);
    let mut report = report(asked, subject, measured, ended, calibration);
    report.verdict = assemble::verdict(exit, invalid, reconciliation(ended), &slos);
    report.total = assemble::figures(&measured.total, measured.seconds, repeated.cpu_seconds);
    report.comparison = old.map(|old| old.compare(&repeated.repetitions));
    report.repetitions = repeated.repetitions;
    Ok(Done {
        report,
        parts: repeated.measured.parts,
        exit,
    })
}

fn search(
    asked: &Asked,
    subject: &mut Subject,
    calibration: Option<&Calibration>,
) -> Result<Done, Failure> {
    let found = find_max::run(asked, subject)?;
    let best = found
        .steps
        .iter()
        .rfind(|step| Some(step.rate) == found.rate);
    let shown = best
        .or(found.steps.last())
        .context("interrupted before the first step ended")?;
    let ended = found.ended.as_ref();
    let reconciled = reconciliation(ended).map(Reconciliation::holds);
    let valid = found.rate.is_some() || shown.invalid.is_none();
    let exit = Exit::of(reconciled, interrupt::is_set(), valid, found.rate.is_some());
    let invalid = shown.invalid.iter().cloned().collect();
    let mut report = report(asked, subject, &shown.measured, ended, calibration);
    report.run.rate = shown.rate;
    report.verdict = assemble::verdict(exit, invalid, reconciliation(ended), &shown.slos);
    let mut search = assemble::found(&found);
    // On two processors the generator is often what gives up first, and then the server seems not to keep up.
    if let Some(calibration) = calibration.filter(|one| one.may_be_the_limit(found.rate)) {
        search.limited_by.push_str(&format!(
            "; the generator alone keeps {:.0}/s on this machine, so this may be its own limit",
            calibration.keeps
        ));
    }
    report.find_max = Some(search);
    Ok(Done {
        report,
        parts: shown.measured.parts.clone(),
        exit,
    })
}

fn reconciliation(ended: Option<&Ended>) -> Option<&Reconciliation> {
    ended.map(|ended| &ended.reconciliation)
}

/// What both have.
fn report(
    asked: &Asked,
    subject: &Subject,
    measured: &Measured,
    ended: Option<&Ended>,
    calibration: Option<&Calibration>,
) -> Report {
    let (total, seconds) = (&measured.total, measured.seconds);
    Report {
        schema: SCHEMA.to_owned(),
        created: assemble::created(),
        run: assemble::run(asked, &subject.url, measured, ended),
        verdict: assemble::verdict(Exit::Held, Vec::new(), None, &[]),
        generator: assemble::generator(total, calibration),
        total: assemble::figures(total, seconds, None),
        kinds: assemble::kinds(asked, &measured.kinds, seconds),
        seconds: assemble::seconds(&measured.parts),
        intended: assemble::percentiles(&total.latencies.intended),
        service: assemble::percentiles(&total.latencies.service),
        latencies: assemble::latencies(&total.latencies.intended),
        scrapes: ended.map(assemble::scrapes),
        server: ended.map(|ended| ended.server.clone()),
        reconciliation: reconciliation(ended).cloned(),
        find_max: None,
        repetitions: Vec::new(),
        comparison: None,
    }
}
