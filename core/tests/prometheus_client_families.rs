//! A prometheus-client registry, in both formats, read back by an independent parser.

#![cfg(feature = "prometheus-client-text")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tallied::exposition::families;

#[test]
fn every_type_of_prometheus_client_comes_out() {
    let mut registry = Registry::with_prefix("app");
    let jobs = Family::<Vec<(String, String)>, Counter>::default();
    registry.register("jobs", "Jobs \\ by\nkind", jobs.clone());
    jobs.get_or_create(&vec![("kind".to_owned(), "a\"b\\c\nd".to_owned())])
        .inc_by(3);
    let depth: Gauge = Gauge::default();
    registry.register("depth", "Queue", depth.clone());
    depth.set(-7);
    let seconds = Histogram::new([0.1, 1.0]);
    registry.register_with_unit("wait", "Wait", Unit::Seconds, seconds.clone());
    seconds.observe(0.5);
    seconds.observe(5.0);
    registry.register("build", "Build", Info::new([("version", "1.2")]));
    registry.register(
        "none",
        "No series",
        Family::<Vec<(String, String)>, Counter>::default(),
    );

    let mut text = String::new();
    families::encode(&mut text, &registry).unwrap();
    assert_eq!(
        text,
        r#"# HELP app_jobs_total Jobs \\ by\nkind.
# TYPE app_jobs_total counter
app_jobs_total{kind="a\"b\\c\nd"} 3
# HELP app_depth Queue.
# TYPE app_depth gauge
app_depth -7
# HELP app_wait_seconds Wait.
# TYPE app_wait_seconds histogram
app_wait_seconds_bucket{le="0.1"} 0
app_wait_seconds_bucket{le="1"} 1
app_wait_seconds_bucket{le="+Inf"} 2
app_wait_seconds_sum 5.5
app_wait_seconds_count 2
# HELP app_build_info Build.
# TYPE app_build_info gauge
app_build_info{version="1.2"} 1
"#
    );
    openmetrics_parser::prometheus::parse_prometheus(&text).unwrap();
}

/// Ours escapes its help itself there, because prometheus-client's text encoder does not.
#[test]
fn the_help_of_a_registry_of_ours_is_escaped_once() {
    let ours = tallied::Registry::default();
    let help = "two\nlines, a \"quote\", C:\\new and C:\\dir";
    ours.register("jobs", help, tallied::Counter::default())
        .unwrap();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ours.clone()));
    let mut text = String::new();
    families::encode(&mut text, &registry).unwrap();
    assert_eq!(text, ours.text());
    let mut openmetrics = String::new();
    prometheus_client::encoding::text::encode(&mut openmetrics, &registry).unwrap();
    assert_eq!(openmetrics, ours.openmetrics());
}
