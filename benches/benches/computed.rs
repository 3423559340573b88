//! What values cost that are computed at a scrape: 10,000 of them, as callbacks and from one
//! collector, beside as many gauges that are set, and beside prometheus-client's custom metrics.
//! Median time of a document, and heap bytes for each when all are registered.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use tallied::heap::{self, CountingAllocator};
use tallied::{Collector, Description, Gauge, GaugeFn, Registry, Samples};
use tallied_benches::report;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::SYSTEM;

const VALUES: usize = 10_000;

/// All values as samples of one family.
struct Pools;

impl Collector for Pools {
    fn describe(&self) -> Vec<Description> {
        vec![Description::gauge("pool_size", "Connections").with_labels(["pool"])]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        for pool in 0..VALUES as u64 {
            samples.gauge("pool_size", &[&pool.to_string()], pool);
        }
    }
}

/// As prometheus-client's example of a custom metric has it.
#[derive(Debug)]
struct Custom(u64);

impl EncodeMetric for Custom {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&self.0)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

type Scrape = Box<dyn Fn() -> usize>;

/// What a row is called, and what registers its values.
type Row = (&'static str, fn() -> Scrape);

fn ours(fill: impl Fn(&Registry) -> Result<(), tallied::RegisterError>) -> Scrape {
    let registry = Registry::default();
    fill(&registry).expect("the names are different and valid");
    Box::new(move || registry.text().len())
}

fn name(number: usize) -> String {
    format!("pool_{number}_size")
}

fn callbacks() -> Scrape {
    ours(|registry| {
        for number in 0..VALUES {
            let read = GaugeFn::new(move || number as u64);
            registry.register(&name(number), "Connections", read)?;
        }
        Ok(())
    })
}

fn gauges() -> Scrape {
    ours(|registry| {
        for number in 0..VALUES {
            let gauge = Gauge::<u64>::default();
            registry.register(&name(number), "Connections", gauge)?;
        }
        Ok(())
    })
}

fn collector() -> Scrape {
    ours(|registry| registry.register_collector("pools", Pools).map(drop))
}

fn custom() -> Scrape {
    let mut registry = prometheus_client::registry::Registry::default();
    for number in 0..VALUES {
        registry.register(name(number), "Connections", Custom(number as u64));
    }
    Box::new(move || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes everything");
        text.len()
    })
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> io::Result<()> {
    let arguments = report::arguments("computed");
    if !arguments.measure {
        return Ok(());
    }
    let scrapes = if arguments.quick { 20 } else { 200 };
    let contestants: [Row; 4] = [
        ("tallied, callbacks", callbacks),
        ("tallied, one collector", collector),
        ("tallied, gauges that are set", gauges),
        ("prometheus-client, custom metrics", custom),
    ];
    println!("{VALUES} values: ms a document, and heap bytes for each");
    let mut rows = Vec::new();
    for (contestant, make) in contestants {
        let before = heap::live_bytes();
        let scrape = make();
        let bytes = (heap::live_bytes() - before) as f64 / VALUES as f64;
        let mut times: Vec<f64> = (0..scrapes)
            .map(|_| {
                let began = Instant::now();
                black_box(scrape());
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        println!("{contestant}: {median:.2}, {bytes:.0}");
        rows.push((contestant.to_owned(), vec![median, bytes]));
    }
    report::leave("computed", &["ms a document", "heap bytes each"], &rows)
}
