//! An observation in a histogram that is at hand, with the eleven bounds of a request duration.

use std::hint::black_box;

use criterion::Criterion;
use measured::metric::histogram::Thresholds;
use tallied_benches::library::{Library, Metrics, OpenTelemetry};
use tallied_benches::workload::{BOUNDS, values};

fn bench<H: Sync, V: Copy + Sync>(
    criterion: &mut Criterion,
    contestant: &str,
    histogram: &H,
    values: &[V],
    observe: impl Fn(&H, V) + Sync,
    upkeep: impl Fn(),
) {
    let work = |iters: u64| {
        let round = |values: &[V]| {
            for value in values {
                observe(black_box(histogram), black_box(*value));
            }
        };
        // Whole rounds of the values, then what is left.
        for _ in 0..iters / values.len() as u64 {
            round(values);
        }
        round(&values[..(iters % values.len() as u64) as usize]);
    };
    let once = || observe(histogram, values[0]);
    super::bench(criterion, "histogram", contestant, once, work, upkeep);
}

pub(crate) fn histogram(criterion: &mut Criterion) {
    let values = &*values();
    bench(
        criterion,
        "tallied",
        &tallied::Histogram::new(BOUNDS).expect("the bounds increase"),
        values,
        tallied::Histogram::observe,
        || {},
    );
    bench(
        criterion,
        "prometheus-client",
        &prometheus_client::metrics::histogram::Histogram::new(BOUNDS),
        values,
        |histogram, value| histogram.observe(value),
        || {},
    );
    let options = prometheus::HistogramOpts::new("seconds", "Seconds").buckets(BOUNDS.into());
    bench(
        criterion,
        "prometheus",
        &prometheus::Histogram::with_opts(options).expect("the name and the bounds are valid"),
        values,
        prometheus::Histogram::observe,
        || {},
    );
    let metrics = Metrics::default();
    bench(
        criterion,
        "metrics",
        &metrics.plain_histogram(),
        values,
        |histogram, value| histogram.record(value),
        || metrics.upkeep(),
    );
    bench(
        criterion,
        "measured",
        &measured::Histogram::with_metadata(Thresholds::with_buckets(BOUNDS)),
        values,
        |histogram, value| histogram.observe(value),
        || {},
    );
    let opentelemetry = OpenTelemetry::default();
    bench(
        criterion,
        "opentelemetry",
        &opentelemetry.plain_histogram(),
        values,
        |histogram, value| histogram.record(value, &[]),
        || {},
    );

    // Whole numbers, and a bucket for each power of two.
    let microseconds: Vec<u64> = values.iter().map(|value| (value * 1e6) as u64).collect();
    bench(
        criterion,
        "metriken",
        &metriken::AtomicCounterHistogram::new(0, 32),
        &microseconds,
        |histogram, value| histogram.increment(value).expect("the value is in range"),
        || {},
    );
    bench(
        criterion,
        "metriken-sharded",
        &metriken::ShardedCounterHistogram::new(0, 32),
        &microseconds,
        |histogram, value| histogram.increment(value).expect("the value is in range"),
        || {},
    );
}
