//! What ten scrapes a second cost the requests: our server under wrk, with and without a scraper, in turn.
//!
//! Before it, every series that clients can make is made. Each scrape must be answered by 200, be whole,
//! and count no fewer requests than the one before it; in the end every request must be counted.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::figures::median;
use super::{CONNECTIONS, Placement};
use crate::attack;
use crate::exposition::{ACCEPT, OPENMETRICS};
use crate::http::{Answer, Client};
use crate::kernel::CpuTimes;
use crate::poll;
use crate::processors;
use crate::report::seconds;
use crate::samples;
use crate::server_process::ServerProcess;
use crate::wrk::{Counted, Load, Wrk};

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 2;
const SLICE_SECONDS: u64 = 3;
const SCRAPE_INTERVAL: Duration = Duration::from_millis(100);
const REST: Duration = Duration::from_millis(20);

/// One kind of slices, medians over the rounds.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) placement: Placement,
    pub(super) per_second: f64,
    pub(super) cpu_us: f64,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    /// `None` without a scraper.
    pub(super) scrapes: Option<Scrapes>,
}

#[derive(Debug)]
pub(super) struct Scrapes {
    /// All that were done; none failed.
    pub(super) count: usize,
    pub(super) median_ms: f64,
    pub(super) longest_ms: f64,
    pub(super) samples: usize,
    /// Requests a second beside the scraper over those without it in the same round.
    pub(super) per_second_to_alone: f64,
    /// Likewise of the 99th percentiles.
    pub(super) p99_to_alone: f64,
}

struct Slice {
    counted: Counted,
    cpu_us: f64,
    scrapes: Vec<Scrape>,
}

struct Scrape {
    time: Duration,
    samples: usize,
}

pub(super) fn measure(wrk: &Wrk, binary: &Path, folder: &Path, quick: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for placement in Placement::ALL {
        let mut command = Command::new(binary);
        // With one record an answer is short, and the requests are many.
        command.args(["--listen", "127.0.0.1:0", "--limits-records", "1"]);
        let start = || ServerProcess::start_command(command, folder);
        let mut server = match placement.server() {
            Some(processor) => processors::on_processor(processor, start)?,
            None => start()?,
        };
        let measured = rounds(wrk, &server, placement, quick);
        if measured.is_err() {
            server.print_log();
        }
        rows.extend(measured.with_context(|| format!("scrapes, {}", placement.name()))?);
        server.stop()?;
    }
    Ok(rows)
}

fn rounds(
    wrk: &Wrk,
    server: &ServerProcess,
    placement: Placement,
    quick: bool,
) -> Result<[Row; 2]> {
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    attack::make_all_series(server)?;
    let client = Client::new();
    let counted_before = scrape(&client, server)?.check()?.1;
    let mut slices: [Vec<Slice>; 2] = Default::default();
    for index in 0..rounds {
        let start = Instant::now();
        for turn in 0..2 {
            let scraped = (index + turn) % 2;
            let one = slice(wrk, server, placement, scraped == 1)?;
            slices[scraped].push(one);
        }
        println!(
            "scrapes, {}: round {} of {rounds} … {}",
            placement.name(),
            index + 1,
            seconds(start.elapsed())
        );
    }
    check_count(
        &slices,
        scrape(&client, server)?.check()?.1 - counted_before,
    )?;
    let [alone, scraped] = &slices;
    Ok([
        row(placement, alone, None),
        row(placement, scraped, Some(beside(alone, scraped))),
    ])
}

/// wrk leaves at most one request on each connection at the end of a slice, which it does not count.
fn check_count(slices: &[Vec<Slice>; 2], counted: f64) -> Result<()> {
    let all = || slices.iter().flatten();
    let sent: u64 = all().map(|slice| slice.counted.requests).sum();
    let most = sent + CONNECTIONS * all().count() as u64;
    ensure!(
        (sent as f64..=most as f64).contains(&counted),
        "wrk had {sent} answers on GET /data, and the server counts {counted}"
    );
    Ok(())
}

fn row(placement: Placement, slices: &[Slice], scrapes: Option<Scrapes>) -> Row {
    let of = |figure: fn(&Slice) -> f64| median(slices.iter().map(figure));
    Row {
        placement,
        per_second: of(|slice| slice.counted.per_second()),
        cpu_us: of(|slice| slice.cpu_us),
        median_ms: of(|slice| slice.counted.median_ms),
        p99_ms: of(|slice| slice.counted.p99_ms),
        scrapes,
    }
}

fn beside(alone: &[Slice], scraped: &[Slice]) -> Scrapes {
    let scrapes = || scraped.iter().flat_map(|slice| &slice.scrapes);
    let times = || scrapes().map(|scrape| scrape.time.as_secs_f64() * 1e3);
    let to_alone = |figure: fn(&Counted) -> f64| {
        let rounds = scraped.iter().zip(alone);
        median(rounds.map(|(scraped, alone)| figure(&scraped.counted) / figure(&alone.counted)))
    };
    Scrapes {
        count: scrapes().count(),
        median_ms: median(times()),
        longest_ms: times().fold(0.0, f64::max),
        samples: scrapes().map(|scrape| scrape.samples).max().unwrap_or(0),
        per_second_to_alone: to_alone(Counted::per_second),
        p99_to_alone: to_alone(|counted| counted.p99_ms),
    }
}

fn slice(wrk: &Wrk, server: &ServerProcess, placement: Placement, scraped: bool) -> Result<Slice> {
    let url = format!("{}/data", server.url());
    let load = Load {
        url: &url,
        body: None,
        connections: CONNECTIONS,
        seconds: SLICE_SECONDS,
        processor: placement.load(),
    };
    poll::sleep_until(Instant::now() + REST)?;
    let before = CpuTimes::of(server.id())?;
    let over = AtomicBool::new(false);
    let (counted, scrapes) = thread::scope(|scope| {
        let scraper = scraped.then(|| {
            scope.spawn(|| match placement.load() {
                Some(processor) => {
                    processors::on_processor(processor, || scrape_until(&over, server))
                }
                None => scrape_until(&over, server),
            })
        });
        let counted = wrk.run(&load);
        over.store(true, Ordering::Relaxed);
        let scrapes = match scraper {
            Some(scraper) => scraper
                .join()
                .unwrap_or_else(|_| Err(anyhow!("the scraper panicked"))),
            None => Ok(Vec::new()),
        };
        (counted, scrapes)
    });
    poll::sleep_until(Instant::now() + REST)?;
    let time = CpuTimes::of(server.id())?.since(&before);
    let counted = counted?;
    Ok(Slice {
        cpu_us: time.used.as_secs_f64() * 1e6 / counted.requests as f64,
        counted,
        scrapes: check_all(&scrapes?)?,
    })
}

/// One that takes longer than the interval delays the next; none is left out.
fn scrape_until(over: &AtomicBool, server: &ServerProcess) -> Result<Vec<Answered>> {
    let client = Client::new();
    let mut scrapes = Vec::new();
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        scrapes.push(scrape(&client, server)?);
        next = (next + SCRAPE_INTERVAL).max(Instant::now());
        poll::sleep_until(next)?;
    }
    Ok(scrapes)
}

/// A scrape that was not looked at yet: reading it would take wrk's processor from wrk.
struct Answered {
    answer: Answer,
    time: Duration,
}

/// As Prometheus does.
fn scrape(client: &Client, server: &ServerProcess) -> Result<Answered> {
    let start = Instant::now();
    let url = format!("{}/metrics", server.url());
    let answer = client.get_with(&url, &[], &[("accept", ACCEPT)])?;
    let time = start.elapsed();
    Ok(Answered { answer, time })
}

impl Answered {
    /// The scrape, and how often GET /data was answered.
    fn check(&self) -> Result<(Scrape, f64)> {
        let (answer, time) = (&self.answer, self.time);
        ensure!(
            answer.status == 200 && answer.content_type == OPENMETRICS,
            "a scrape was answered {} with `{}`",
            answer.status,
            answer.content_type
        );
        ensure!(
            answer.body.ends_with("\n# EOF\n"),
            "a scrape does not end in # EOF"
        );
        let samples = samples::parse(&answer.body)?;
        let counted = samples::sum(
            &samples,
            "http_requests_total",
            r#"method="GET",endpoint="/data",status_code="200""#,
        );
        let samples = samples.len();
        Ok((Scrape { time, samples }, counted))
    }
}

fn check_all(answered: &[Answered]) -> Result<Vec<Scrape>> {
    let mut last = 0.0;
    let mut scrapes = Vec::new();
    for answered in answered {
        let (scrape, counted) = answered.check()?;
        ensure!(
            counted >= last,
            "a scrape counts {counted} requests; the one before it, {last}"
        );
        last = counted;
        scrapes.push(scrape);
    }
    Ok(scrapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(requests: u64, p99_ms: f64) -> Slice {
        Slice {
            counted: Counted {
                requests,
                seconds: 1.0,
                median_ms: 1.0,
                p99_ms,
            },
            cpu_us: 1.0,
            scrapes: vec![Scrape {
                time: Duration::from_millis(2),
                samples: 7,
            }],
        }
    }

    #[test]
    fn slices_are_compared_round_by_round() {
        // The machine is slower in the second round, for both alike.
        let alone = [slice(1_000, 1.0), slice(100, 9.0), slice(1_000, 1.0)];
        let scraped = [slice(900, 2.0), slice(90, 18.0), slice(90, 2.0)];
        let beside = beside(&alone, &scraped);
        assert_eq!(beside.per_second_to_alone, 0.9);
        assert_eq!(beside.p99_to_alone, 2.0);
        assert_eq!((beside.count, beside.samples), (3, 7));
    }

    #[test]
    fn a_scrape_that_failed_is_cut_off_or_goes_back_is_an_error() {
        let answered = |status, content_type: &str, counted: u32, end: &str| Answered {
            answer: Answer {
                status,
                content_type: content_type.to_owned(),
                body: format!(
                    "http_requests_total{{method=\"GET\",endpoint=\"/data\",status_code=\"200\"}} {counted}\n{end}"
                ),
            },
            time: Duration::ZERO,
        };
        let good = |counted| answered(200, OPENMETRICS, counted, "# EOF\n");
        assert_eq!(check_all(&[good(1), good(1), good(2)]).unwrap().len(), 3);
        for bad in [
            good(0),
            answered(503, OPENMETRICS, 1, "# EOF\n"),
            answered(200, "text/plain", 1, "# EOF\n"),
            answered(200, OPENMETRICS, 1, ""),
        ] {
            assert!(check_all(&[good(1), bad]).is_err());
        }
    }

    #[test]
    fn a_request_that_was_not_counted_is_an_error() {
        let slices = [vec![slice(10, 1.0)], vec![slice(10, 1.0)]];
        let most = 20.0 + 2.0 * CONNECTIONS as f64;
        for (counted, good) in [
            (20.0, true),
            (most, true),
            (19.0, false),
            (most + 1.0, false),
        ] {
            assert_eq!(check_count(&slices, counted).is_ok(), good, "{counted}");
        }
    }
}
