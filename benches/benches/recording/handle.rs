//! An increment of a counter with three labels whose handle was kept, one of
//! [`LABEL_SETS`](tallied_benches::workload::LABEL_SETS) after the other.

use std::hint::black_box;

use criterion::Criterion;
use tallied_benches::library::{
    Measured, Metrics, OpenTelemetry, Prometheus, PrometheusClient, Tallied,
};
use tallied_benches::workload::label_sets;

fn bench<H: Sync>(
    criterion: &mut Criterion,
    contestant: &str,
    find: impl Fn(&str, &str, &str) -> H,
    inc: impl Fn(&H) + Sync,
) {
    let handles: Vec<H> = label_sets()
        .iter()
        .map(|[method, endpoint, status]| find(method, endpoint, status))
        .collect();
    let all = || handles.iter().for_each(&inc);
    let work = |iters| {
        let mut handles = handles.iter().cycle();
        for _ in 0..iters {
            if let Some(handle) = black_box(handles.next()) {
                inc(handle);
            }
        }
    };
    super::bench(criterion, "handle", contestant, all, work, || {});
}

pub(crate) fn handle(criterion: &mut Criterion) {
    let tallied = Tallied::default();
    bench(
        criterion,
        "tallied",
        |method, endpoint, status| tallied.counter(method, endpoint, status),
        tallied::Counter::inc,
    );
    let client = PrometheusClient::default();
    bench(
        criterion,
        "prometheus-client",
        |method, endpoint, status| client.counter(method, endpoint, status),
        |counter| {
            counter.inc();
        },
    );
    let prometheus = Prometheus::default();
    bench(
        criterion,
        "prometheus",
        |method, endpoint, status| prometheus.counter(method, endpoint, status),
        |counter| counter.inc(),
    );
    let metrics = Metrics::default();
    bench(
        criterion,
        "metrics",
        |method, endpoint, status| metrics.counter(method, endpoint, status),
        |counter| counter.increment(1),
    );
    let measured = Measured::default();
    bench(
        criterion,
        "measured",
        |method, endpoint, status| measured.counter(method, endpoint, status),
        |inc| inc(),
    );
    let metriken = metriken::CounterFamily::new();
    bench(
        criterion,
        "metriken",
        |method, endpoint, status| {
            metriken.member([
                ("method", method),
                ("endpoint", endpoint),
                ("status_code", status),
            ])
        },
        |member| {
            member.increment();
        },
    );
    let opentelemetry = OpenTelemetry::default();
    bench(
        criterion,
        "opentelemetry",
        |method, endpoint, status| opentelemetry.counter(method, endpoint, status),
        |counter| counter.add(1),
    );
}
