//! Instruments, families and whole registries of this crate in a registry of prometheus-client,
//! beside that crate's own metrics.

#![cfg(feature = "prometheus-client")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::borrow::Cow;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter as TheirCounter;
use prometheus_client::registry::{Registry as TheirRegistry, Unit as TheirUnit};
use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, ObservedCounter, Registry, Unit, UpDownCounter,
};

fn document(registry: &TheirRegistry) -> String {
    let mut document = String::new();
    encode(&mut document, registry).unwrap();
    document
}

#[test]
fn each_instrument_on_its_own() {
    let mut registry = TheirRegistry::with_prefix_and_labels(
        "app",
        [(Cow::Borrowed("zone"), Cow::Borrowed("eu"))].into_iter(),
    );
    let theirs: TheirCounter = TheirCounter::default();
    theirs.inc_by(5);
    registry.register("theirs", "A native counter", theirs);

    let jobs = Counter::default();
    jobs.inc_by(7);
    registry.register("jobs", "Jobs", jobs.clone());
    let open = UpDownCounter::default();
    open.inc_by(2);
    registry.register("open", "Open", open);
    let level: Gauge = Gauge::default();
    level.set(-3);
    registry.register("level", "Level", level);
    let load = Gauge::<f64>::default();
    load.set(0.5);
    registry.register("load", "Load", load);
    let limit = Gauge::<u64>::default();
    limit.set(u64::MAX);
    registry.register("limit", "Limit", limit);
    let cpu = ObservedCounter::default();
    cpu.observe_total(12.5);
    registry.register_with_unit("cpu", "Processor time", TheirUnit::Seconds, cpu);
    let seconds = Histogram::new([0.5, 1.0]).unwrap();
    for value in [0.25, 0.5, 3.0] {
        seconds.observe(value);
    }
    registry.register_with_unit("wait", "Waits", TheirUnit::Seconds, seconds);
    // What is recorded after the registration counts, too.
    jobs.inc();

    assert_eq!(
        document(&registry),
        r#"# HELP app_theirs A native counter.
# TYPE app_theirs counter
app_theirs_total{zone="eu"} 5
# HELP app_jobs Jobs.
# TYPE app_jobs counter
app_jobs_total{zone="eu"} 8
# HELP app_open Open.
# TYPE app_open gauge
app_open{zone="eu"} 2
# HELP app_level Level.
# TYPE app_level gauge
app_level{zone="eu"} -3
# HELP app_load Load.
# TYPE app_load gauge
app_load{zone="eu"} 0.5
# HELP app_limit Limit.
# TYPE app_limit gauge
app_limit{zone="eu"} 18446744073709551615
# HELP app_cpu_seconds Processor time.
# TYPE app_cpu_seconds counter
# UNIT app_cpu_seconds seconds
app_cpu_seconds_total{zone="eu"} 12.5
# HELP app_wait_seconds Waits.
# TYPE app_wait_seconds histogram
# UNIT app_wait_seconds seconds
app_wait_seconds_sum{zone="eu"} 3.75
app_wait_seconds_count{zone="eu"} 3
app_wait_seconds_bucket{zone="eu",le="0.5"} 2
app_wait_seconds_bucket{zone="eu",le="1.0"} 2
app_wait_seconds_bucket{zone="eu",le="+Inf"} 3
# EOF
"#
    );
}

#[test]
fn families() {
    let mut registry = TheirRegistry::default();
    let requests = Family::<Counter, 2>::new(["method", "endpoint"]);
    registry.register("requests", "Requests", requests.clone());
    let buckets = Buckets::new([1.0]).unwrap();
    let seconds =
        Family::new_with_constructor(["method"], move || Histogram::with_buckets(&buckets));
    registry.register("seconds", "Durations", seconds.clone());
    // That crate leaves a family without series out, as we do.
    assert_eq!(document(&registry), "# EOF\n");

    requests.get_or_create(&["GET", "/"]).inc_by(3);
    requests.get_or_create(&["POST", "a\\\"b\nc"]).inc();
    seconds.get_or_create(&["GET"]).observe(0.5);
    assert_eq!(
        document(&registry),
        r#"# HELP requests Requests.
# TYPE requests counter
requests_total{method="GET",endpoint="/"} 3
requests_total{method="POST",endpoint="a\\\"b\nc"} 1
# HELP seconds Durations.
# TYPE seconds histogram
seconds_sum{method="GET"} 0.5
seconds_count{method="GET"} 1
seconds_bucket{le="1.0",method="GET"} 1
seconds_bucket{le="+Inf",method="GET"} 1
# EOF
"#
    );
}

/// All of ours at once, under the prefix and the labels of both registries.
#[test]
fn a_whole_registry() {
    let ours = Registry::with_prefix_and_labels("core", [("build", "7")]).unwrap();
    let jobs = Family::<Counter, 1>::new(["outcome"]);
    ours.register("jobs_total", "Jobs \"done\"\nor not", jobs.clone())
        .unwrap();
    jobs.get_or_create(&["done"]).inc();
    let size = Gauge::<i64>::default();
    ours.register_with_unit("size", "Size", Unit::Bytes, size.clone())
        .unwrap();
    size.set(9);
    let seconds = Histogram::new([1.0]).unwrap();
    ours.register("wait_seconds", "Waits", seconds.clone())
        .unwrap();
    seconds.observe(2.0);
    ours.register("errors", "Errors", Family::<Counter, 1>::new(["kind"]))
        .unwrap();

    let mut theirs = TheirRegistry::with_prefix_and_labels(
        "app",
        [(Cow::Borrowed("zone"), Cow::Borrowed("eu"))].into_iter(),
    );
    let native: TheirCounter = TheirCounter::default();
    theirs.register("native", "A native counter", native.clone());
    theirs.register_collector(Box::new(ours.clone()));
    native.inc();
    // Registered with ours after ours was registered with theirs.
    let late = Counter::default();
    late.inc();
    ours.register("late", "Late", late).unwrap();

    assert_eq!(
        document(&theirs),
        r#"# HELP app_native A native counter.
# TYPE app_native counter
app_native_total{zone="eu"} 1
# HELP app_core_jobs Jobs \"done\"\nor not
# TYPE app_core_jobs counter
app_core_jobs_total{zone="eu",build="7",outcome="done"} 1
# HELP app_core_size_bytes Size
# TYPE app_core_size_bytes gauge
# UNIT app_core_size_bytes bytes
app_core_size_bytes{zone="eu",build="7"} 9
# HELP app_core_wait_seconds Waits
# TYPE app_core_wait_seconds histogram
app_core_wait_seconds_sum{zone="eu",build="7"} 2.0
app_core_wait_seconds_count{zone="eu",build="7"} 1
app_core_wait_seconds_bucket{zone="eu",le="1.0",build="7"} 0
app_core_wait_seconds_bucket{zone="eu",le="+Inf",build="7"} 1
# HELP app_core_late Late
# TYPE app_core_late counter
app_core_late_total{zone="eu",build="7"} 1
# EOF
"#
    );
}
