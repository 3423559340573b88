//! What was asked for, checked and completed: the mistakes of a command line are found here, before anything is started.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cli::Cli;
use crate::report::data::Run;
use crate::scenario::{Arrival, Scenario, Shape};
use crate::session::{Options, Pace};
use crate::slo::Slo;
use crate::target::Url;

/// Where none is given.
const SCENARIO: &str = "mixed";
/// So many pairs that agree are a difference for all figures that are compared: 2 in 2⁸ is below a fifth of a twentieth.
const PAIRS: usize = 8;
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
    pub(crate) fn new(cli: &Cli, old: Option<&Run>) -> Result<Self> {
        let old_source = old.map(|old| old.scenario_source.as_str());
        let scenario_source = cli.scenario.as_deref().or(old_source).unwrap_or(SCENARIO);
        let scenario = Scenario::find(scenario_source)?;
        let mut slos = cli.slo.clone();
        if cli.find_max && slos.iter().all(Slo::is_of_errors) {
            slos.push(Slo::parse("p99<250ms")?);
        }
        if !slos.iter().any(Slo::is_of_errors) {
            slos.push(Slo::few_errors());
        }
        for slo in &slos {
            slo.check_kind(&scenario)?;
        }
        let arrival = cli.arrival.as_deref().and_then(Arrival::from_name);
        let threads = cli.threads.map_or_else(half_of_the_processors, usize::from);
        ensure!(
            threads <= usize::from(cli.connections),
            "--threads {threads} is more than --connections {}; each thread needs one",
            cli.connections
        );
        let interval = (cli.scrapes_per_second > 0.0)
            .then(|| Duration::from_secs_f64(1.0 / cli.scrapes_per_second));
        let options = Options {
            arrival: arrival.unwrap_or(scenario.arrival),
            connections: usize::from(cli.connections),
            threads,
            timeout: cli.timeout,
            scrape_interval: interval,
            reconcile: !cli.no_reconcile,
        };
        // A search looks for one rate, so it holds one.
        let (shape, duration) = match cli.find_max {
            true => (Shape::constant(), STEP),
            false => (scenario.shape.clone(), scenario.duration),
        };
        let old_rate = old.map(|old| old.rate);
        let old_duration = old.map(|old| Duration::from_secs_f64(old.duration_seconds));
        let pace = Pace {
            rate: cli.rate.or(old_rate).unwrap_or(scenario.rate),
            warm_up: cli.warm_up,
            duration: cli.duration.or(old_duration).unwrap_or(duration),
            // Short enough to be typed.
            seed: cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
            shape,
        };
        let metrics_url = cli.metrics_url.as_deref().map(Url::parse);
        let repetitions = if old.is_some() { PAIRS } else { 1 };
        let asked = Self {
            scenario_source: scenario_source.to_owned(),
            repetitions: cli.repetitions.map_or(repetitions, usize::from),
            peak_rate: pace.rate * pace.shape.peak(),
            scenario: Arc::new(scenario),
            pace,
            options,
            slos,
            metrics_url: metrics_url.transpose()?,
        };
        old.map_or(Ok(()), |old| asked.check_same(old))?;
        Ok(asked)
    }

    /// A load that is not the same compares nothing.
    fn check_same(&self, old: &Run) -> Result<()> {
        let same = |what: &str, ours: String, theirs: String| {
            ensure!(
                ours == theirs,
                "the older report has {what} {theirs}, and this is {ours}; leave it out, or give the same"
            );
            Ok(())
        };
        let options = &self.options;
        let number = |number: f64| number.to_string();
        let seconds = |time: Duration| number(time.as_secs_f64());
        let interval = options
            .scrape_interval
            .map_or(0.0, |interval| 1.0 / interval.as_secs_f64());
        same(
            "the scenario",
            self.scenario.name.clone(),
            old.scenario.clone(),
        )?;
        same("the rate", number(self.pace.rate), number(old.rate))?;
        same(
            "the duration in seconds",
            seconds(self.pace.duration),
            number(old.duration_seconds),
        )?;
        same(
            "the warm-up in seconds",
            seconds(self.pace.warm_up),
            number(old.warm_up_seconds),
        )?;
        same(
            "the arrival",
            options.arrival.name().to_owned(),
            old.arrival.clone(),
        )?;
        same(
            "the connections",
            options.connections.to_string(),
            old.connections.to_string(),
        )?;
        same(
            "the threads",
            options.threads.to_string(),
            old.threads.to_string(),
        )?;
        same(
            "the scrapes a second",
            number(interval),
            number(old.scrapes_per_second),
        )
    }
}

/// The other half is the server's.
fn half_of_the_processors() -> usize {
    thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}
