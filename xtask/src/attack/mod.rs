//! The attack: a million random requests on a real server, which must stay as large as it was.
//!
//! What grows once (threads, buffers, the series that there can be at all) grows in a warm-up of
//! the same kind of requests. After it the series must be the same to the last one, every request
//! must be counted, and the memory must stay within a generous bound.

mod request;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use fastrand::Rng;

use crate::cargo;
use crate::http::Client;
use crate::interrupt;
use crate::kernel::resident_bytes;
use crate::poll::{self, Try};
use crate::raw_http::Connection;
use crate::report::{ok, seconds};
use crate::samples::{self, Sample};
use crate::server_process::ServerProcess;
use crate::workspace::Workspace;

/// Enough for every series that there can be, and for as many records as are kept.
const WARM_UP: u64 = 10_000;
/// Well-formed requests to one malformed one, on average.
const MALFORMED_EVERY: u64 = 200;
const CONNECTIONS: u64 = 4;
/// Requests on a connection before the first answer is read; together they fit into its buffers.
const PIPELINED: u64 = 16;
/// How much the memory may grow after the warm-up: 17 bytes for each of a million requests.
const MOST_GROWTH: u64 = 16 << 20;
/// A line for so many.
const CHUNK: u64 = 100_000;
/// How long requests may be in flight after their connections were closed.
const SETTLE: Duration = Duration::from_secs(10);

pub(crate) fn run(
    workspace: &Workspace,
    requests: u64,
    seed: Option<u64>,
    server: Option<&Path>,
) -> Result<()> {
    let binary = cargo::server(workspace, server)?;
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("attack: seed {seed} (again with --seed {seed})");
    let folder = tempfile::Builder::new()
        .prefix("tallied-attack-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let mut server = ServerProcess::start(&binary, folder.path())?;
    let outcome = attack(&server, requests, seed).and_then(|()| server.stop());
    if outcome.is_err() && !interrupt::is_set() {
        server.print_log();
    }
    outcome.map(drop)
}

/// What was sent and came back.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    answered: u64,
    malformed: u64,
}

fn attack(server: &ServerProcess, requests: u64, seed: u64) -> Result<()> {
    let start = Instant::now();
    let mut watch = Watch::new(server);
    let mut rng = Rng::with_seed(seed);
    let mut sent = Sent::default();

    let before = watch.look(0)?;
    println!("at the start: {before}");
    send(server, WARM_UP, &mut rng, &mut sent)?;
    let warm = watch.look(sent.answered)?;
    println!("after a warm-up of {WARM_UP} requests: {warm}");

    let mut left = requests;
    while left > 0 {
        let chunk = left.min(CHUNK);
        send(server, chunk, &mut rng, &mut sent)?;
        left -= chunk;
        let now = watch.look(sent.answered)?;
        println!("{} of {requests} requests: {now}", requests - left);
        let lost: Vec<_> = warm.series.difference(&now.series).collect();
        let new: Vec<_> = now.series.difference(&warm.series).collect();
        ensure!(
            lost.is_empty() && new.is_empty(),
            "the series must be those after the warm-up; new: {new:#?}, gone: {lost:#?}"
        );
        let growth = now.resident.saturating_sub(warm.resident);
        ensure!(
            growth <= MOST_GROWTH,
            "resident memory has grown by {} since the warm-up; at most {} is expected",
            mebibytes(growth),
            mebibytes(MOST_GROWTH)
        );
    }
    watch.settle(sent.answered)?;
    ok(format_args!(
        "{} well-formed requests answered, each counted once; {} malformed ones refused, and not counted",
        sent.answered, sent.malformed
    ));
    ok(format_args!(
        "{} series, as after the warm-up",
        warm.series.len()
    ));
    ok("none in flight but the scrape");
    println!("the attack took {}", seconds(start.elapsed()));
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Looks at the server from outside, and keeps count of its own scrapes.
struct Watch<'a> {
    server: &'a ServerProcess,
    client: Client,
    scrapes: u64,
}

struct Seen {
    series: BTreeSet<String>,
    resident: u64,
    live_heap: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resident, heap) = (mebibytes(self.resident), mebibytes(self.live_heap));
        let series = self.series.len();
        write!(
            f,
            "{series} series, {resident} resident, {heap} live on the heap"
        )
    }
}

impl<'a> Watch<'a> {
    fn new(server: &'a ServerProcess) -> Self {
        Self {
            server,
            client: Client::new(),
            scrapes: 0,
        }
    }

    fn scrape(&mut self) -> Result<String> {
        let answer = self.client.get(&format!("{}/metrics", self.server.url()))?;
        ensure!(
            answer.status == 200,
            "a scrape was answered {}",
            answer.status
        );
        self.scrapes += 1;
        Ok(answer.body)
    }

    /// Scrapes, and checks that so many requests and the scrapes before this one are counted.
    fn look(&mut self, answered: u64) -> Result<Seen> {
        let resident = resident_bytes(self.server.id())?;
        let expected = answered + self.scrapes;
        let document = self.scrape()?;
        let samples = samples::parse(&document)?;
        check_counts(&samples, expected)?;
        Ok(Seen {
            // What the host has (file systems, interfaces) may change meanwhile.
            series: samples
                .iter()
                .filter(|sample| !sample.series.starts_with("system_"))
                .map(|sample| sample.series.to_owned())
                .collect(),
            resident,
            live_heap: samples::sum(&samples, "rust_heap_live_bytes", "") as u64,
        })
    }

    /// Waits until no request is in flight but the scrape; a connection's end may come a moment after its
    /// last answer.
    fn settle(&mut self, answered: u64) -> Result<()> {
        poll::until("the requests in flight to end", SETTLE, || {
            let expected = answered + self.scrapes;
            let document = self.scrape()?;
            let samples = samples::parse(&document)?;
            check_counts(&samples, expected)?;
            let in_flight = samples::sum(&samples, "http_requests_in_flight", "");
            Ok(if in_flight == 1.0 {
                Try::Done(())
            } else {
                Try::NotYet(format!("{in_flight} with the scrape"))
            })
        })
    }
}

/// Each request in the counter and in each histogram, and none as left without its answer.
fn check_counts(samples: &[Sample<'_>], expected: u64) -> Result<()> {
    for (name, expected) in [
        ("http_requests_total", expected),
        ("http_request_duration_seconds_count", expected),
        ("http_response_start_seconds_count", expected),
        ("http_request_size_bytes_count", expected),
        ("http_response_size_bytes_count", expected),
        ("http_requests_aborted_total", 0),
    ] {
        let counted = samples::sum(samples, name, "");
        ensure!(
            counted == expected as f64,
            "the sum of {name} must be {expected}; it is {counted}"
        );
    }
    Ok(())
}

/// Sends so many well-formed requests over all connections, and the malformed ones that come along.
fn send(server: &ServerProcess, requests: u64, rng: &mut Rng, sent: &mut Sent) -> Result<()> {
    let outcomes: Vec<Result<Sent>> = thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|index| {
                let share = requests / CONNECTIONS + u64::from(index < requests % CONNECTIONS);
                let rng = rng.fork();
                scope.spawn(move || send_share(server.address(), share, rng))
            })
            .collect();
        let joined = senders.into_iter().map(|sender| sender.join());
        joined
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a sender panicked"))))
            .collect()
    });
    for outcome in outcomes {
        let one = outcome?;
        sent.answered += one.answered;
        sent.malformed += one.malformed;
    }
    Ok(())
}

fn send_share(address: &str, share: u64, mut rng: Rng) -> Result<Sent> {
    let mut connection = Connection::open(address)?;
    let mut sent = Sent::default();
    let mut batch = Vec::new();
    while sent.answered < share {
        interrupt::check()?;
        let count = PIPELINED.min(share - sent.answered);
        batch.clear();
        let requests: Vec<(usize, bool)> = (0..count)
            .map(|_| (batch.len(), request::well_formed(&mut rng, &mut batch)))
            .collect();
        connection.send(&batch)?;
        for (begin, is_head) in requests {
            let shown = || {
                let end = batch.len().min(begin + 300);
                format!("request: {}", batch[begin..end].escape_ascii())
            };
            let answer = connection.answer(is_head).with_context(shown)?;
            ensure!(
                !answer.closes && answer.status < 500,
                "answered {answer:?}; {}",
                shown()
            );
            sent.answered += 1;
        }
        if rng.u64(..MALFORMED_EVERY / PIPELINED) == 0 {
            refused(address, &request::malformed(&mut rng))?;
            sent.malformed += 1;
        }
    }
    Ok(sent)
}

/// Malformed bytes are answered by 400 or by nothing, and the connection is closed.
fn refused(address: &str, bytes: &[u8]) -> Result<()> {
    let mut connection = Connection::open(address)?;
    connection.send(bytes)?;
    let rest = connection
        .rest()
        .with_context(|| format!("sent: {}", bytes.escape_ascii()))?;
    if rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 ") {
        return Ok(());
    }
    bail!(
        "expected 400 or nothing for {}; seen: {}",
        bytes.escape_ascii(),
        rest[..rest.len().min(300)].escape_ascii()
    )
}
