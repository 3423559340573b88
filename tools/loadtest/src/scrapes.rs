//! Scrapes of the server's metrics: before, during and after the load.
//!
//! Those during the load are looked at one by one: each must be whole and valid, take nothing back, and be neither
//! behind what the clients have their answers to, nor ahead of what they have begun. In flight must be at least what cannot have
//! ended yet, and at most what was begun and has no answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::client;
use crate::envelope::Tally;
use crate::exposition::Document;
use crate::ledger::Ledger;
use crate::live::{Held, Live};
use crate::rows::{IN_FLIGHT, Names, Row, Rows};
use crate::server_figures::ServerHistory;
use crate::target::Url;

/// What Prometheus sends first of all.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const OPENMETRICS: &str = "application/openmetrics-text";
/// As Prometheus's own.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often somebody looks whether the load is over.
const LOOK: Duration = Duration::from_millis(20);
/// After so many the rest is left out: they say the same.
const MOST_PROBLEMS: usize = 20;

/// One scrape, read.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) document: Document,
    pub(crate) bytes: u64,
    pub(crate) head: Duration,
    pub(crate) time: Duration,
}

pub(crate) struct Scraper {
    runtime: Runtime,
    url: Url,
}

impl Scraper {
    pub(crate) fn new(url: Url) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        Ok(Self { runtime, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url.text
    }

    /// The status that this path has on the metrics' server.
    pub(crate) fn status_of(&self, url: &Url) -> Result<u16> {
        Ok(self.get(url)?.status)
    }

    fn get(&self, url: &Url) -> Result<client::Answer> {
        let get = client::get(url.address, &url.host, &url.path, ACCEPT, TIMEOUT);
        LocalSet::new().block_on(&self.runtime, get)
    }

    pub(crate) fn scrape(&self) -> Result<Scrape> {
        let answer = self.get(&self.url)?;
        ensure!(
            answer.status == 200,
            "a scrape was answered {}",
            answer.status
        );
        let openmetrics = answer.content_type.starts_with(OPENMETRICS);
        ensure!(
            openmetrics || answer.content_type.starts_with("text/plain"),
            "a scrape has the Content-Type `{}`; it is no exposition",
            answer.content_type
        );
        let text = std::str::from_utf8(&answer.body).context("a scrape is no UTF-8")?;
        Ok(Scrape {
            document: Document::parse(text, openmetrics).context("a scrape is not valid")?,
            bytes: answer.body.len() as u64,
            head: answer.head,
            time: answer.time,
        })
    }
}

/// What a scrape is as a request.
struct Noted {
    seconds: f64,
    head: f64,
    bytes: u64,
}

/// The scrapes of a run, and what was wrong with them.
pub(crate) struct Watch {
    scraper: Scraper,
    rows: Arc<Rows>,
    names: Names,
    live: Arc<Live>,
    /// Requests of each row when the run began.
    base: Vec<f64>,
    last: Document,
    /// The scrapes as requests: all but the last one, which is in no scrape yet.
    pub(crate) ledger: Ledger,
    /// Likewise.
    count: u64,
    pending: Option<Noted>,
    /// Scrapes that failed: the server may have counted them.
    lost: u64,
    pub(crate) times: Vec<Duration>,
    pub(crate) server: ServerHistory,
    pub(crate) problems: Vec<String>,
}

impl Watch {
    /// `first` was the scrape before the load; it finds itself in the next one.
    pub(crate) fn new(
        scraper: Scraper,
        rows: Arc<Rows>,
        names: Names,
        live: Arc<Live>,
        first: Scrape,
        ledger: Ledger,
    ) -> Self {
        let mut watch = Self {
            base: totals(&rows, &names, &first.document),
            scraper,
            rows,
            names,
            live,
            last: Document::default(),
            ledger,
            count: 0,
            pending: None,
            lost: 0,
            times: Vec::new(),
            server: ServerHistory::new(),
            problems: Vec::new(),
        };
        if let Some(row) = watch.rows.scrapes {
            watch.live.begin_scrape(row);
        }
        watch.note(first);
        watch
    }

    /// How many the server has counted.
    pub(crate) fn scrapes(&self) -> Tally {
        Tally {
            least: self.count,
            most: self.count + self.lost,
        }
    }

    /// The scrape that was made last.
    pub(crate) fn last(&self) -> &Document {
        &self.last
    }

    pub(crate) fn requests(&self, document: &Document) -> Vec<f64> {
        let now = totals(&self.rows, &self.names, document);
        let since = now.iter().zip(&self.base);
        since.map(|(now, base)| now - base).collect()
    }

    /// A scrape, looked at and noted.
    pub(crate) fn scrape(&mut self) -> Result<()> {
        let settled = self.live.settled();
        let held = self.live.held();
        if let Some(row) = self.rows.scrapes {
            self.live.begin_scrape(row);
        }
        let scrape = match self.scraper.scrape() {
            Ok(scrape) => scrape,
            Err(error) => {
                self.lost += 1;
                if let Some(row) = self.rows.scrapes {
                    self.ledger.record_lost_scrape(row);
                }
                return Err(error);
            }
        };
        let now = Instant::now();
        let begun = self.live.begun();
        let went_back = self.last.went_back(&scrape.document, &self.names);
        self.problems.extend(went_back);
        let counted = self.requests(&scrape.document);
        for (index, row) in self.rows.iter() {
            let (least, most) = (settled[index] as f64, begun[index] as f64);
            if !(least..=most).contains(&counted[index]) {
                let Row { method, endpoint } = row;
                self.problems.push(format!(
                    "a scrape counts {} requests of {method} {endpoint}, while {least} had their answer before it and {most} were begun by its end",
                    counted[index]
                ));
            }
        }
        let held: Vec<Held> = held.into_iter().filter(|held| held.until > now).collect();
        let name = self.names.of(IN_FLIGHT);
        for (series, value) in self.names.named(&scrape.document, &name) {
            let method = series.label("method");
            let (least, most) = in_flight(&self.rows, method, &settled, &begun, &held);
            if !(least as f64..=most as f64).contains(&value) {
                self.problems.push(format!(
                    "a scrape has {value} {method} requests in flight, while {least} cannot have ended before it and {most} were begun by its end"
                ));
            }
        }
        self.problems.truncate(MOST_PROBLEMS);
        self.note(scrape);
        Ok(())
    }

    fn note(&mut self, scrape: Scrape) {
        self.times.push(scrape.time);
        self.server.note(&scrape.document, &self.names);
        let contradictions = scrape.document.contradictions().iter();
        self.problems
            .extend(contradictions.map(|what| format!("in a scrape, {what}")));
        self.problems.truncate(MOST_PROBLEMS);
        self.last = scrape.document;
        if let Some(row) = self.rows.scrapes {
            self.live.settle_scrape(row);
        }
        let noted = Noted {
            seconds: scrape.time.as_secs_f64(),
            head: scrape.head.as_secs_f64(),
            bytes: scrape.bytes,
        };
        let Some(before) = self.pending.replace(noted) else {
            return;
        };
        self.count += 1;
        if let Some(row) = self.rows.scrapes {
            self.ledger
                .record_scrape(row, before.seconds, before.head, before.bytes);
        }
    }

    /// Scrapes so often until the load is over. One that takes longer than the time between two delays the next.
    pub(crate) fn during(&mut self, interval: Option<Duration>, over: &AtomicBool) {
        let Some(interval) = interval else {
            return;
        };
        let mut next = Instant::now() + interval;
        while !over.load(Ordering::Relaxed) {
            let left = next.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                thread::sleep(left.min(LOOK));
                continue;
            }
            if let Err(error) = self.scrape() {
                self.problems.push(format!("a scrape failed: {error:#}"));
                self.problems.truncate(MOST_PROBLEMS);
            }
            next = (next + interval).max(Instant::now());
        }
    }
}

/// The fewest and the most requests with this method that can be in flight in a scrape: those that are held, and the scrape
/// itself; and those that were begun by its end and had no answer before it. Of one whose client left nobody knows for how long.
fn in_flight(
    rows: &Rows,
    method: &str,
    settled: &[u64],
    begun: &[u64],
    held: &[Held],
) -> (u64, u64) {
    let of_it = |index: usize| rows.row(index).method == method;
    let held = held.iter().filter(|held| of_it(held.row)).count() as u64;
    let itself = u64::from(rows.scrapes.is_some_and(of_it));
    let open = (0..rows.len())
        .filter(|&index| of_it(index))
        .map(|index| begun[index] - settled[index]);
    (held + itself, open.sum())
}

/// Of `http_requests_total`, for each row.
fn totals(rows: &Rows, names: &Names, document: &Document) -> Vec<f64> {
    let name = names.requests();
    let mut totals = vec![0.0; rows.len()];
    for (series, value) in names.named(document, &name) {
        let of_it = |(_, row): &(usize, &Row)| {
            row.method == series.label("method") && row.endpoint == series.label("endpoint")
        };
        if let Some((index, _)) = rows.iter().find(of_it) {
            totals[index] += value;
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn in_flight_is_what_is_held_or_open_with_that_method() {
        let scenario = Scenario::find("mixed").unwrap();
        let rows = Rows::new(&scenario, Some("/metrics"));
        let row = |method: &str, endpoint: &str| {
            let is_it = |(_, row): &(usize, &Row)| row.method == method && row.endpoint == endpoint;
            rows.iter().find(is_it).unwrap().0
        };
        let (mut settled, mut begun) = (vec![7; rows.len()], vec![7; rows.len()]);
        let scrapes = rows.scrapes.unwrap();
        begun[scrapes] += 1;
        let no = |method: &str, settled: &[u64], begun: &[u64]| {
            in_flight(&rows, method, settled, begun, &[])
        };
        assert_eq!(no("GET", &settled, &begun), (1, 1));
        assert_eq!(no("POST", &settled, &begun), (0, 0));
        begun[row("GET", "/fault")] += 3;
        begun[row("POST", "/data")] += 2;
        settled[row("POST", "/data")] += 1;
        let held = [Held {
            row: row("GET", "/fault"),
            until: Instant::now(),
        }];
        assert_eq!(in_flight(&rows, "GET", &settled, &begun, &held), (2, 4));
        assert_eq!(in_flight(&rows, "POST", &settled, &begun, &held), (0, 1));
    }
}
