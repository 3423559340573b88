//! An increment of a counter with three labels, which is found by values that are borrowed, one of
//! [`LABEL_SETS`](tallied_benches::workload::LABEL_SETS) after the other.

use std::hint::black_box;

use criterion::Criterion;
use tallied_benches::library::{
    Library, Macros, Measured, OpenTelemetry, Prometheus, PrometheusClient, Tallied,
};
use tallied_benches::workload::label_sets;

fn bench(criterion: &mut Criterion, contestant: &str, count: impl Fn(&str, &str, &str) + Sync) {
    let sets = label_sets();
    let all = || {
        for [method, endpoint, status] in &sets {
            count(method, endpoint, status);
        }
    };
    let work = |iters| {
        let mut sets = sets.iter().cycle();
        for _ in 0..iters {
            if let Some([method, endpoint, status]) = black_box(sets.next()) {
                count(method, endpoint, status);
            }
        }
    };
    super::bench(criterion, "lookup", contestant, all, work, || {});
}

pub(crate) fn lookup(criterion: &mut Criterion) {
    let tallied = Tallied::default();
    bench(criterion, "tallied", |method, endpoint, status| {
        tallied.count_status(method, endpoint, status);
    });
    let client = PrometheusClient::default();
    bench(
        criterion,
        "prometheus-client",
        |method, endpoint, status| {
            client.count_status(method, endpoint, status);
        },
    );
    let prometheus = Prometheus::default();
    bench(criterion, "prometheus", |method, endpoint, status| {
        prometheus.count_status(method, endpoint, status);
    });
    let macros = Macros::install();
    bench(criterion, "metrics", |method, endpoint, status| {
        macros.count_status(method, endpoint, status);
    });
    let measured = Measured::default();
    bench(criterion, "measured", |method, endpoint, status| {
        measured.count_status(method, endpoint, status);
    });
    let opentelemetry = OpenTelemetry::default();
    bench(criterion, "opentelemetry", |method, endpoint, status| {
        opentelemetry.count_status(method, endpoint, status);
    });
}
