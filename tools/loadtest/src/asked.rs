//! What was asked for, checked and completed: the mistakes of a command line are found here, before anything is started.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Resource, getrlimit};

use crate::cli::{Cli, HIGHEST_RATE, LONGEST};
use crate::report::data::{Report, Run};
use crate::scenario::{Arrival, Scenario, Shape};
use crate::session::{Options, Pace};
use crate::slo::Slo;
use crate::target::Url;

/// Where none is given.
const SCENARIO: &str = "mixed";
/// So many pairs that agree are a difference for all figures that are compared: 2 in 2⁸ is below a sixth of a twentieth.
const PAIRS: usize = 8;
const WARM_UP: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 256;
const TIMEOUT: Duration = Duration::from_secs(10);
const SCRAPES_PER_SECOND: f64 = 1.0;
/// What is open besides the connections.
const OTHER_FILES: u64 = 64;
/// Of a search.
const STEP: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Asked {
    /// As it was given.
    pub(crate) scenario_source: String,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) pace: Pace,
    pub(crate) options: Options,
    pub(crate) slos: Vec<Slo>,
    pub(crate) metrics_url: Option<Url>,
    /// The highest rate of the shape.
    pub(crate) peak_rate: f64,
    pub(crate) repetitions: usize,
}

impl Asked {
    /// What is not given is as in the older report, if there is one.
    pub(crate) fn new(cli: &Cli, old: Option<&Report>) -> Result<Self> {
        let run = old.map(|old| &old.run);
        let old_source = run.map(|run| run.scenario_source.as_str());
        let scenario_source = cli.scenario.as_deref().or(old_source).unwrap_or(SCENARIO);
        let scenario = Scenario::find(scenario_source)?;
        let old_time = |of: fn(&Run) -> f64| run.map(|run| time_of_report(of(run))).transpose();
        // A search looks for one rate, so it holds one.
        let (shape, duration) = match cli.find_max {
            true => (Shape::constant(), STEP),
            false => (scenario.shape.clone(), scenario.duration),
        };
        let pace = Pace {
            rate: cli
                .rate
                .or(run.map(|run| run.rate))
                .unwrap_or(scenario.rate),
            warm_up: cli
                .warm_up
                .or(old_time(|run| run.warm_up_seconds)?)
                .unwrap_or(WARM_UP),
            duration: cli
                .duration
                .or(old_time(|run| run.duration_seconds)?)
                .unwrap_or(duration),
            // Short enough to be typed.
            seed: cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
            shape,
        };
        let peak_rate = pace.rate * pace.shape.peak();
        ensure!(
            peak_rate > 0.0 && peak_rate <= HIGHEST_RATE,
            "the highest rate of the scenario would be {peak_rate}; give one above 0 and at most {HIGHEST_RATE}"
        );
        ensure!(
            !cli.find_max || pace.rate >= 1.0,
            "--rate {} is where the search begins; give 1 or more",
            pace.rate
        );
        let metrics_url = cli.metrics_url.as_deref().map(Url::parse);
        let repetitions = if old.is_some() { PAIRS } else { 1 };
        let asked = Self {
            scenario_source: scenario_source.to_owned(),
            repetitions: cli.repetitions.map_or(repetitions, usize::from),
            peak_rate,
            slos: slos(cli, &scenario)?,
            options: options(cli, &scenario, run)?,
            scenario: Arc::new(scenario),
            pace,
            metrics_url: metrics_url.transpose()?,
        };
        if let Some(old) = old {
            asked.check_same(old)?;
        }
        Ok(asked)
    }

    /// With the address of the metrics that takes a connection, of those that the URL's host has.
    pub(crate) fn with_metrics_reached(mut self) -> Result<Self> {
        if self.options.reconcile {
            let reached = self.metrics_url.take().map(Url::reached).transpose();
            self.metrics_url = reached.map_err(|error| {
                anyhow!("there are no metrics: {error:#}; give their address with --metrics-url, or --no-reconcile to measure alone")
            })?;
        }
        Ok(self)
    }

    /// Loads that are not the same cannot be compared.
    fn check_same(&self, old: &Report) -> Result<()> {
        ensure!(
            self.repetitions >= PAIRS,
            "--repetitions {}: fewer than {PAIRS} pairs cannot tell a difference from noise; give {PAIRS} or more",
            self.repetitions
        );
        let (pace, options) = (&self.pace, &self.options);
        let kinds = self
            .scenario
            .kinds
            .iter()
            .map(|kind| (&kind.name, kind.weight));
        let old_kinds = old.kinds.iter().map(|kind| (&kind.name, kind.weight));
        ensure!(
            kinds.eq(old_kinds),
            "the scenario {} has other requests, or weights, than in the older report; make that again",
            self.scenario.name
        );
        let old = &old.run;
        for (what, ours, theirs) in [
            ("--rate", pace.rate, old.rate),
            (
                "--duration",
                pace.duration.as_secs_f64(),
                old.duration_seconds,
            ),
            ("--warm-up", pace.warm_up.as_secs_f64(), old.warm_up_seconds),
            (
                "--connections",
                options.connections as f64,
                old.connections as f64,
            ),
            ("--threads", options.threads as f64, old.threads as f64),
            (
                "--timeout",
                options.timeout.as_secs_f64(),
                old.timeout_seconds,
            ),
            (
                "--scrapes-per-second",
                options.scrapes_per_second,
                old.scrapes_per_second,
            ),
        ] {
            ensure!(
                ours == theirs,
                "{what}: the older report has {theirs}, and this is {ours}; leave it out, or give the same"
            );
        }
        ensure!(
            options.arrival.name() == old.arrival,
            "--arrival: the older report has {}; leave it out, or give the same",
            old.arrival
        );
        Ok(())
    }
}

fn slos(cli: &Cli, scenario: &Scenario) -> Result<Vec<Slo>> {
    let mut slos = cli.slo.clone();
    if cli.find_max && slos.iter().all(Slo::is_of_errors) {
        slos.push(Slo::parse("p99<250ms")?);
    }
    if !slos.iter().any(Slo::is_of_errors) {
        slos.push(Slo::few_errors());
    }
    for slo in &slos {
        slo.check_kind(scenario)?;
        ensure!(
            !(slo.is_of_server() && (cli.find_max || cli.no_reconcile)),
            "`{slo}`: how the server grows is seen in the scrapes of one load; leave --find-max and --no-reconcile out"
        );
    }
    Ok(slos)
}

fn options(cli: &Cli, scenario: &Scenario, old: Option<&Run>) -> Result<Options> {
    let arrival = cli
        .arrival
        .as_deref()
        .or(old.map(|old| old.arrival.as_str()));
    let threads = cli.threads.map(usize::from).or(old.map(|old| old.threads));
    let connections = cli.connections.map(usize::from);
    let connections = connections
        .or(old.map(|old| old.connections))
        .unwrap_or(CONNECTIONS);
    let old_timeout = old
        .map(|old| time_of_report(old.timeout_seconds))
        .transpose()?;
    let scrapes = cli
        .scrapes_per_second
        .or(old.map(|old| old.scrapes_per_second));
    let options = Options {
        arrival: arrival
            .and_then(Arrival::from_name)
            .unwrap_or(scenario.arrival),
        connections,
        threads: threads.unwrap_or_else(half_of_the_processors),
        timeout: cli.timeout.or(old_timeout).unwrap_or(TIMEOUT),
        scrapes_per_second: scrapes.unwrap_or(SCRAPES_PER_SECOND),
        reconcile: !cli.no_reconcile,
        own_server: cli.target.is_none(),
    };
    ensure!(
        (1..=connections).contains(&options.threads),
        "--threads {} and --connections {connections}: each thread needs a connection; give fewer threads, or more connections",
        options.threads
    );
    if let Some(most) = getrlimit(Resource::Nofile).current {
        ensure!(
            connections as u64 + OTHER_FILES <= most,
            "--connections {connections}: this process may open {most} files; raise that (ulimit -n), or give fewer connections"
        );
    }
    Ok(options)
}

/// A time that a report has, which somebody may have written by hand.
fn time_of_report(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| *time <= LONGEST)
        .with_context(|| format!("the older report has a time of {seconds} seconds; make it again"))
}

/// The other half is the server's.
fn half_of_the_processors() -> usize {
    thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}
