//! What was asked for, checked and completed: the mistakes of a command line are found here, before anything is started.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cli::Cli;
use crate::scenario::{Arrival, Scenario, Shape};
use crate::session::{Options, Pace};
use crate::slo::Slo;
use crate::target::Url;

/// Of a search.
const STEP: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) pace: Pace,
    pub(crate) options: Options,
    pub(crate) slos: Vec<Slo>,
    pub(crate) metrics_url: Option<Url>,
    /// The highest rate of the shape.
    pub(crate) peak_rate: f64,
}

impl Asked {
    pub(crate) fn new(cli: &Cli) -> Result<Self> {
        let scenario = Scenario::find(&cli.scenario)?;
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
        let pace = Pace {
            rate: cli.rate.unwrap_or(scenario.rate),
            warm_up: cli.warm_up,
            duration: cli.duration.unwrap_or(duration),
            // Short enough to be typed.
            seed: cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
            shape,
        };
        let metrics_url = cli.metrics_url.as_deref().map(Url::parse);
        Ok(Self {
            peak_rate: pace.rate * pace.shape.peak(),
            scenario: Arc::new(scenario),
            pace,
            options,
            slos,
            metrics_url: metrics_url.transpose()?,
        })
    }
}

/// The other half is the server's.
fn half_of_the_processors() -> usize {
    thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}
