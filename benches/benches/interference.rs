//! What a scrape does to a thread that records: a writer on one core, flat out on kept handles,
//! while another scrapes 10,000 histograms one time after the other.
//!
//! Short slices alternate. In the control slices the other core runs a loop that shares nothing
//! with the writer, so that what a busy neighbour does to clocks by being busy is in both. Each
//! scrape is checked: the histogram that is written is in it whole, and no smaller than before.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tallied_benches::library::{Library, PrometheusClient, Tallied};
use tallied_benches::report;
use tallied_benches::timing::median;
use tallied_benches::workload::{endpoint, values};

const SERIES: usize = 10_000;
const SLICE: Duration = Duration::from_millis(200);

/// What the neighbour of the writer does.
const SPIN: u8 = 0;
const SCRAPE: u8 = 1;
const STOP: u8 = 2;

/// Runs an operation so many times.
type Operation<'a> = (&'static str, &'a dyn Fn(u64));

/// What came of one operation: nanoseconds with either neighbour, slice by slice.
struct Outcome {
    operation: &'static str,
    alone: Vec<f64>,
    scraped: Vec<f64>,
}

impl Outcome {
    /// How many times the time alone. Each slice is compared with the one beside it, so that what
    /// changes slowly on the machine is in both.
    fn ratio(&self) -> f64 {
        let pairs = self.scraped.iter().zip(&self.alone);
        median(pairs.map(|(scraped, alone)| scraped / alone).collect())
    }
}

/// Nanoseconds an operation takes, over a slice.
fn slice(operation: &dyn Fn(u64)) -> f64 {
    const BATCH: u64 = 4096;
    let (start, mut operations) = (Instant::now(), 0);
    while start.elapsed() < SLICE {
        operation(BATCH);
        operations += BATCH;
    }
    start.elapsed().as_nanos() as f64 / operations as f64
}

/// How many observations a scrape has of the written histogram: as its `_count`, and as its `+Inf`
/// bucket, which sums the buckets up. Both are there, and the same.
fn observations(document: &str, series: &str) -> u64 {
    let at = document
        .find(series)
        .expect("the series is in every scrape");
    let start = document[..at].rfind('\n').map_or(0, |line| line + 1);
    let figure = |is: &dyn Fn(&str) -> bool| -> u64 {
        let mut lines = document[start..].lines();
        let line = lines.find(|line| line.contains(series) && is(line));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
            .expect("a histogram has the line, with a whole number")
    };
    let count = figure(&|line| line.contains("_count{"));
    let buckets = figure(&|line| line.contains("le=\"+Inf\""));
    assert_eq!(count, buckets, "a torn histogram");
    count
}

/// Runs the slices; returns the outcomes, the scrapes, and what one took in milliseconds.
fn measure<'a>(
    slices: usize,
    operations: [Operation<'a>; 2],
    scrape: impl Fn() -> u64 + Sync,
) -> (Vec<Outcome>, usize, f64) {
    let (wanted, doing) = (AtomicU8::new(SPIN), AtomicU8::new(STOP));
    let neighbour = || {
        let (mut scrapes, mut time, mut before) = (0, Duration::ZERO, 0);
        loop {
            let now = wanted.load(Ordering::Acquire);
            doing.store(now, Ordering::Release);
            match now {
                STOP => return (scrapes, time),
                SCRAPE => {
                    let start = Instant::now();
                    let observations = scrape();
                    assert!(observations >= before, "a scrape went back");
                    (before, scrapes) = (observations, scrapes + 1);
                    time += start.elapsed();
                }
                _ => {
                    for i in 0..10_000 {
                        black_box(i);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(neighbour);
        let mut outcomes = operations.map(|(operation, _)| Outcome {
            operation,
            alone: Vec::new(),
            scraped: Vec::new(),
        });
        for _ in 0..slices {
            for (outcome, (_, operation)) in outcomes.iter_mut().zip(&operations) {
                for now in [SPIN, SCRAPE] {
                    wanted.store(now, Ordering::Release);
                    // A scrape that was begun is ended first.
                    while doing.load(Ordering::Acquire) != now {
                        std::hint::spin_loop();
                    }
                    let ns = slice(operation);
                    if now == SPIN {
                        outcome.alone.push(ns);
                    } else {
                        outcome.scraped.push(ns);
                    }
                }
            }
        }
        wanted.store(STOP, Ordering::Release);
        let (scrapes, time) = neighbour.join().expect("every scrape is whole");
        let each = time.as_secs_f64() * 1e3 / scrapes as f64;
        (outcomes.into(), scrapes, each)
    })
}

/// Measures one library. `handles` finds the two operations on the first endpoint.
fn contest<L: Library + Default, C, H>(
    slices: usize,
    handles: impl Fn(&L, &str) -> (C, H),
    inc: impl Fn(&C),
    observe: impl Fn(&H, f64),
    scrape: impl Fn(&L) -> String + Sync,
) -> (Vec<Outcome>, usize, f64) {
    let library = L::default();
    let mut name = String::new();
    let values = values();
    for number in 0..SERIES {
        endpoint(&mut name, number);
        library.observe("GET", &name, values[number % values.len()]);
    }
    endpoint(&mut name, 0);
    let series = format!("endpoint=\"{name}\"");
    let (counter, histogram) = handles(&library, &name);
    let observed = Cell::new(1);
    let outcome = measure(
        slices,
        [
            ("counter", &|times| {
                for _ in 0..times {
                    inc(black_box(&counter));
                }
            }),
            ("histogram", &|times| {
                for value in values.iter().cycle().take(times as usize) {
                    observe(black_box(&histogram), *value);
                }
                observed.set(observed.get() + times);
            }),
        ],
        || observations(&scrape(&library), &series),
    );
    let last = observations(&scrape(&library), &series);
    assert_eq!(last, observed.get(), "observations were lost");
    outcome
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> std::io::Result<()> {
    let arguments = report::arguments("interference");
    if !arguments.measure {
        return Ok(());
    }
    let slices = if arguments.quick { 3 } else { 15 };
    println!("{SERIES} histograms are scraped while one of them, or a counter, is recorded in");
    let contests = [
        (
            "tallied",
            contest::<Tallied, _, _>(
                slices,
                |library, name| {
                    (
                        library.counter("GET", name, "200"),
                        library.histogram("GET", name),
                    )
                },
                tallied::Counter::inc,
                tallied::Histogram::observe,
                Tallied::text,
            ),
        ),
        (
            "prometheus-client",
            contest::<PrometheusClient, _, _>(
                slices,
                |library, name| {
                    (
                        library.counter("GET", name, "200"),
                        library.histogram("GET", name),
                    )
                },
                |counter| {
                    counter.inc();
                },
                |histogram, value| histogram.observe(value),
                PrometheusClient::openmetrics,
            ),
        ),
    ];
    let mut rows = Vec::new();
    for (contestant, (outcomes, scrapes, each)) in contests {
        println!("{contestant}: {scrapes} scrapes, {each:.1} ms each, all whole");
        for outcome in outcomes {
            let ratio = outcome.ratio();
            let operation = outcome.operation;
            let (alone, scraped) = (median(outcome.alone), median(outcome.scraped));
            println!(
                "{contestant}, {operation}: {alone:.2} ns beside a loop, {scraped:.2} ns beside a scraper: {ratio:.3}"
            );
            rows.push((
                format!("{contestant}, {operation}"),
                vec![alone, scraped, ratio, scrapes as f64, each],
            ));
        }
    }
    let head = [
        "beside a loop",
        "beside a scraper",
        "ratio",
        "scrapes",
        "ms a scrape",
    ];
    report::leave("interference", &head, &rows)
}
