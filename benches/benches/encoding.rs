//! What a scrape costs, from the library's call to the document in a fresh buffer: 100, 10,000 and
//! 100,000 endpoints, each with a histogram of the eleven bounds and a counter. Time per document,
//! and bytes per second.
//!
//! One thread has recorded. Ours reads the cells of each thread that records, where the others read
//! one word.

use std::hint::black_box;
use std::time::Duration;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use tallied_benches::library::{Library, Measured, Metrics, Prometheus, PrometheusClient, Tallied};
use tallied_benches::workload::{endpoint, values};

const ENDPOINTS: [usize; 3] = [100, 10_000, 100_000];

/// Two observations and one request at each endpoint. The second observation is a number with many
/// digits, as a measured duration is, so that the sum is one too.
fn filled<L: Library + Default>(endpoints: usize) -> L {
    let library = L::default();
    let mut name = String::new();
    for (number, value) in (0..endpoints).zip(values().iter().cycle()) {
        endpoint(&mut name, number);
        library.observe("GET", &name, *value);
        library.observe("GET", &name, 0.001_618_033_988 * (number + 1) as f64);
        library.count_status("GET", &name, "200");
        if number % 4096 == 0 {
            library.upkeep();
        }
    }
    library
}

fn bench<L: Library + Default, D: AsRef<[u8]>>(
    criterion: &mut Criterion,
    contestant: &str,
    scrape: impl Fn(&L) -> D,
) {
    let mut group = criterion.benchmark_group("encoding");
    // A scrape of the largest takes a good part of a second, so samples of one scrape each.
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1500));
    for endpoints in ENDPOINTS {
        let library = filled::<L>(endpoints);
        let bytes = scrape(&library).as_ref().len();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new(contestant, endpoints), |bencher| {
            bencher.iter(|| scrape(black_box(&library)));
        });
    }
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    bench(criterion, "tallied-text", Tallied::text);
    bench(criterion, "tallied-openmetrics", Tallied::openmetrics);
    bench(criterion, "tallied-protobuf", Tallied::protobuf);
    bench(
        criterion,
        "prometheus-client",
        PrometheusClient::openmetrics,
    );
    bench(criterion, "prometheus", Prometheus::text);
    bench(criterion, "metrics", Metrics::text);
    bench(criterion, "measured", Measured::text);
}

criterion_group!(benches, encoding);
criterion_main!(benches);
