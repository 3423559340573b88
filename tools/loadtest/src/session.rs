//! All that is sent to one server between two scrapes: a warm-up and a load, or the many steps of a search.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::endpoint;
use crate::exposition::Document;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::load::{self, Load, Measured, Part};
use crate::reconcile::{Books, reconcile};
use crate::report::data::{Reconciliation, Server};
use crate::rows::{Bounds, IN_FLIGHT, Names, Rows};
use crate::scenario::{Arrival, Scenario, Shape};
use crate::scrapes::{Scraper, Watch};
use crate::target::Url;

/// How long the server may take to see that its clients have left.
const SETTLE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// What is the same for all loads of a session.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) arrival: Arrival,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) timeout: Duration,
    /// During a load.
    pub(crate) scrapes_per_second: f64,
    pub(crate) reconcile: bool,
    /// It was started here, so it has every metric.
    pub(crate) own_server: bool,
}

/// What is different.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    pub(crate) shape: Shape,
    pub(crate) rate: f64,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
}

pub(crate) struct Session {
    scenario: Arc<Scenario>,
    rows: Arc<Rows>,
    bounds: Arc<Bounds>,
    live: Arc<Live>,
    url: Url,
    options: Options,
    ledger: Ledger,
    metrics: Option<Metrics>,
    /// The end of the first warm-up.
    measured_from: Option<Instant>,
    /// Why a load ended before its time.
    failure: Option<String>,
}

struct Metrics {
    names: Names,
    watch: Watch,
    before: Document,
}

/// What the end of a session says.
pub(crate) struct Ended {
    pub(crate) reconciliation: Reconciliation,
    pub(crate) scrape_times: Vec<Duration>,
    /// In the last scrape.
    pub(crate) samples: usize,
    pub(crate) server: Server,
    pub(crate) server_version: Option<String>,
}

impl Session {
    /// # Errors
    /// When the server is not one that the scenario can be sent to: with what to do about it.
    pub(crate) fn begin(
        url: &Url,
        metrics_url: Option<&Url>,
        scenario: Arc<Scenario>,
        options: Options,
    ) -> Result<Self> {
        let on_server = url.with_path("/metrics");
        let metrics_url = metrics_url.unwrap_or(&on_server);
        let scraper = Scraper::new(metrics_url.clone())?;
        check_server(&scraper, url, &scenario)?;
        // With a listener of its own, /metrics is no endpoint of the server; a server may have several addresses.
        let path = endpoint::of_path(&metrics_url.path);
        let counted = metrics_url.address.port() == url.address.port()
            && (options.own_server || !options.reconcile || scrapes_are_counted(&scraper, &path));
        ensure!(
            !options.reconcile || scenario.kinds.iter().all(|kind| kind.endpoint != path),
            "the scenario {} asks for {path}, as the scrapes do: whose requests they are cannot be told; leave that request out, or give --no-reconcile",
            scenario.name
        );
        let rows = Rows::new(
            &scenario,
            (options.reconcile && counted).then_some(path.as_str()),
        );
        let rows = Arc::new(rows);
        let live = Arc::new(Live::new(&rows));
        let mut bounds = Bounds::none(&rows);
        let mut metrics = None;
        if options.reconcile {
            let first = first_scrape(scraper)?;
            bounds = Bounds::find(&rows, &first.names, &first.scrape.document);
            let before = first.scrape.document.clone();
            let watch = Watch::new(
                first.scraper,
                Arc::clone(&rows),
                first.names.clone(),
                Arc::clone(&live),
                first.scrape,
                Ledger::new(&rows, &bounds),
            );
            metrics = Some(Metrics {
                names: first.names,
                watch,
                before,
            });
        }
        Ok(Self {
            ledger: Ledger::new(&rows, &bounds),
            scenario,
            rows,
            bounds: Arc::new(bounds),
            live,
            url: url.clone(),
            options,
            metrics,
            measured_from: None,
            failure: None,
        })
    }

    /// All that have ended so far, those of warm-ups among them.
    pub(crate) fn ended_requests(&self) -> u64 {
        self.live.seen().ended
    }

    /// Sends a load while the server is scraped; `look` is called ten times a second.
    pub(crate) fn load(
        &mut self,
        pace: &Pace,
        look: impl FnMut(&Live, Option<&Part>) -> Result<()>,
    ) -> Result<Measured> {
        let load = Load {
            scenario: Arc::clone(&self.scenario),
            shape: pace.shape.clone(),
            rows: Arc::clone(&self.rows),
            bounds: Arc::clone(&self.bounds),
            address: self.url.address,
            host: self.url.host.clone(),
            rate: pace.rate,
            arrival: self.options.arrival,
            warm_up: pace.warm_up,
            duration: pace.duration,
            connections: self.options.connections,
            threads: self.options.threads,
            timeout: self.options.timeout,
            seed: pace.seed,
        };
        self.measured_from
            .get_or_insert_with(|| Instant::now() + pace.warm_up);
        let over = AtomicBool::new(false);
        let scrapes = self.options.scrapes_per_second;
        let interval = (scrapes > 0.0).then(|| Duration::from_secs_f64(1.0 / scrapes));
        let live = &self.live;
        let metrics = &mut self.metrics;
        let measured = thread::scope(|scope| {
            let scraper = metrics.as_mut().map(|metrics| {
                let over = &over;
                scope.spawn(move || metrics.watch.during(interval, over))
            });
            let measured = load::run(&load, live, look);
            over.store(true, Ordering::Relaxed);
            if let Some(scraper) = scraper {
                scraper
                    .join()
                    .map_err(|_| anyhow!("the scraper panicked"))?;
            }
            measured
        })?;
        self.ledger.merge(&measured.ledger);
        self.failure = self.failure.take().or_else(|| measured.failure.clone());
        Ok(measured)
    }

    /// Waits until the server is idle, and compares. `None` where that was not asked for.
    ///
    /// # Errors
    /// When the load has failed, and nothing else would say so.
    pub(crate) fn end(self) -> Result<Option<Ended>> {
        let Some(mut metrics) = self.metrics else {
            return match self.failure {
                Some(failure) => Err(anyhow!("{failure}")),
                None => Ok(None),
            };
        };
        let mut problems: Vec<String> = self.failure.into_iter().collect();
        let measured_from = self.measured_from.unwrap_or_else(Instant::now);
        let last = metrics.wait_until_settled(&self.rows, &self.ledger);
        let mut ledger = self.ledger;
        ledger.merge(&metrics.watch.ledger);
        let after = metrics.watch.last();
        problems.extend(metrics.watch.problems.iter().cloned());
        let books = Books {
            rows: &self.rows,
            names: &metrics.names,
            before: &metrics.before,
            after,
            ledger: &ledger,
            scrapes: metrics.watch.scrapes(),
            strict: self.options.own_server,
        };
        let reconciliation = match last {
            Ok(()) => reconcile(&books, problems),
            // Without a scrape after the load there is nothing to compare, and that is said.
            Err(error) => {
                problems.push(format!(
                    "the scrape after the load failed, so nothing was compared: {error:#}"
                ));
                Reconciliation {
                    problems,
                    ..Reconciliation::default()
                }
            }
        };
        let version = after.named("tallied_build_info").next();
        Ok(Some(Ended {
            reconciliation,
            scrape_times: metrics.watch.times.clone(),
            samples: after.len(),
            server: metrics.watch.server.report(measured_from),
            server_version: version.map(|(series, _)| series.label("version").to_owned()),
        }))
    }
}

impl Metrics {
    /// Scrapes until then, or until the time is over.
    fn wait_until_settled(&mut self, rows: &Rows, ledger: &Ledger) -> Result<()> {
        let deadline = Instant::now() + SETTLE;
        loop {
            self.watch.scrape()?;
            if self.is_settled(rows, ledger) || Instant::now() >= deadline {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Nothing is in flight but the scrape, and what certainly reached the server is counted.
    fn is_settled(&self, rows: &Rows, ledger: &Ledger) -> bool {
        let document = self.watch.last();
        let name = self.names.of(IN_FLIGHT);
        let in_flight = self.names.named(document, &name);
        let in_flight: f64 = in_flight.map(|(_, value)| value).sum();
        let itself = if rows.scrapes.is_some() { 1.0 } else { 0.0 };
        let counted = self.watch.requests(document);
        // The scrapes are in books of their own.
        let all = (0..rows.len())
            .filter(|&row| rows.scrapes != Some(row))
            .all(|row| counted[row] >= ledger.entry(row).total.least as f64);
        in_flight <= itself && all
    }
}

/// Whether a server that was not started here counts its scrapes: it may leave out their endpoint. The first of two is in the second.
fn scrapes_are_counted(scraper: &Scraper, path: &str) -> bool {
    let second = scraper.scrape().and_then(|_| scraper.scrape());
    // What is wrong with it the next one says.
    second.map_or(true, |scrape| counts_gets_of(&scrape.document, path))
}

fn counts_gets_of(document: &Document, path: &str) -> bool {
    let Some(names) = Names::find(document) else {
        return true;
    };
    names
        .named(document, &names.requests())
        .any(|(series, value)| {
            value > 0.0 && series.label("method") == "GET" && series.label("endpoint") == path
        })
}

struct First {
    scraper: Scraper,
    names: Names,
    scrape: crate::scrapes::Scrape,
}

fn check_server(scraper: &Scraper, url: &Url, scenario: &Scenario) -> Result<()> {
    // What no route takes has a series, and so bounds, once it was asked for.
    let _ = scraper.status_of(&url.with_path("/tallied-loadtest"));
    let answered = scraper.status_of(&url.with_path("/fault"));
    let status = answered.map_err(|error| {
        anyhow!("nothing answers at {} ({error:#}); start the server, or leave --target out to have one started", url.text)
    })?;
    ensure!(
        status != 404 || !scenario.needs_faults(),
        "{} has no /fault, which the scenario {} asks for; start the server with --faults, or give a scenario that does without, such as scanner",
        url.text,
        scenario.name
    );
    Ok(())
}

fn first_scrape(scraper: Scraper) -> Result<First> {
    let remedy = "give its address with --metrics-url, or --no-reconcile to measure alone";
    let scrape = match scraper.scrape() {
        Ok(scrape) => scrape,
        Err(error) => bail!(
            "there are no metrics at {} ({error:#}); {remedy}",
            scraper.url()
        ),
    };
    let names = Names::find(&scrape.document).with_context(|| {
        format!(
            "the metrics at {} have no http_requests_total; {remedy}",
            scraper.url()
        )
    })?;
    Ok(First {
        scraper,
        names,
        scrape,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_leave_its_scrapes_out() {
        let counts = |lines: &str| {
            let text = format!("# TYPE http_requests_total counter\n{lines}");
            counts_gets_of(&Document::parse(&text, false).unwrap(), "/metrics")
        };
        let line = |method: &str, endpoint: &str, value: u8| {
            format!(
                "http_requests_total{{method=\"{method}\",endpoint=\"{endpoint}\",status_code=\"200\"}} {value}\n"
            )
        };
        let other = line("GET", "/data", 5);
        assert!(!counts(&other));
        // Made known at the start, and never counted.
        assert!(!counts(&(line("GET", "/metrics", 0) + &other)));
        assert!(!counts(&(line("HEAD", "/metrics", 1) + &other)));
        assert!(counts(&(line("GET", "/metrics", 1) + &other)));
    }
}
