//! `?name[]=`, in both formats, of a registry of ours and of prometheus-client's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openmetrics_parser::openmetrics::parse_openmetrics;
use openmetrics_parser::prometheus::parse_prometheus;
use prometheus_client::metrics::counter::Counter as TheirCounter;
use prometheus_client::metrics::gauge::Gauge as TheirGauge;
use prometheus_client::metrics::histogram::Histogram as TheirHistogram;
use prometheus_client::metrics::info::Info;
use tallied::{Counter, Gauge, Histogram, Registry};
use tallied_salvo::Scrape;

use super::{collectors, serve};
use crate::support::TestServer;

/// Families of every kind in both registries, some of whose names begin with others.
fn sources() -> Scrape {
    let ours = Registry::default();
    ours.register("jobs", "J", Counter::default()).unwrap();
    ours.register("jobs_total_time", "T", Gauge::<f64>::default())
        .unwrap();
    ours.register("job", "J", Gauge::<i64>::default()).unwrap();
    let seconds = Histogram::new([0.1, 1.0]).unwrap();
    ours.register("wait_seconds", "W", seconds).unwrap();
    let mut theirs = prometheus_client::registry::Registry::with_prefix("shop");
    theirs.register("orders", "O", TheirCounter::<u64>::default());
    theirs.register("open", "O", TheirGauge::<i64>::default());
    theirs.register("size", "S", TheirHistogram::new([1.0, 10.0]));
    theirs.register("build", "B", Info::new([("version", "1")]));
    Scrape::new(ours).with_prometheus_client(Arc::new(theirs))
}

/// The families that are in the answer, by the names that the text format gives them.
fn families(server: &TestServer, format: &str, query: &str) -> BTreeSet<String> {
    let answer = server
        .connect()
        .get(&format!("/metrics?format={format}&{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    if format == "text" {
        if text.is_empty() {
            return BTreeSet::new();
        }
        return parse_prometheus(text)
            .unwrap()
            .families
            .into_keys()
            .collect();
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    if text == "# EOF\n" {
        return BTreeSet::new();
    }
    let families = parse_openmetrics(text).unwrap().families;
    families
        .into_iter()
        .map(
            |(name, family)| match family.family_type.to_string().as_str() {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name,
            },
        )
        .collect()
}

#[test]
fn a_family_is_selected_by_each_of_its_names_and_no_other_is() {
    let server = serve(sources());
    for (query, expected) in [
        ("name[]=jobs", &["jobs_total"][..]),
        ("name[]=jobs_total", &["jobs_total"]),
        ("name%5B%5D=jobs_total", &["jobs_total"]),
        ("name[]=job", &["job"]),
        ("name[]=job_total", &[]),
        (
            "name[]=jobs_total_time&name[]=job",
            &["job", "jobs_total_time"],
        ),
        ("name[]=wait_seconds", &["wait_seconds"]),
        ("name[]=wait_seconds_bucket", &["wait_seconds"]),
        ("name[]=wait_seconds_sum", &["wait_seconds"]),
        ("name[]=wait_seconds_count", &["wait_seconds"]),
        ("name[]=wait%5Fseconds", &["wait_seconds"]),
        ("name[]=wait_seconds_total", &[]),
        ("name[]=wait_second", &[]),
        ("name[]=shop_orders", &["shop_orders_total"]),
        ("name[]=shop_orders_total", &["shop_orders_total"]),
        ("name[]=shop_open", &["shop_open"]),
        ("name[]=shop_open_total", &[]),
        ("name[]=shop_size", &["shop_size"]),
        ("name[]=shop_size_bucket", &["shop_size"]),
        ("name[]=shop_build_info", &["shop_build_info"]),
        ("name[]=shop_build", &[]),
        ("name[]=orders", &[]),
        (
            "name[]=shop_open&name[]=jobs&name[]=nothing",
            &["jobs_total", "shop_open"],
        ),
        ("name[]=nothing", &[]),
        ("name[]=", &[]),
        ("name[]=jobs%20", &[]),
        ("name[]=%FF", &[]),
        // Not what it is called.
        (
            "name=jobs",
            &[
                "job",
                "jobs_total",
                "jobs_total_time",
                "shop_build_info",
                "shop_open",
                "shop_orders_total",
                "shop_size",
                "wait_seconds",
            ],
        ),
    ] {
        let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
        for format in ["text", "openmetrics"] {
            assert_eq!(
                families(&server, format, query),
                expected,
                "{format} {query}"
            );
        }
    }
}

#[test]
fn the_limit_of_names_is_refused_with_a_remedy() {
    let server = serve(sources());
    let query = |names: usize| format!("/metrics?{}", vec!["name[]=jobs"; names].join("&"));
    let mut client = server.connect();
    assert_eq!(client.get(&query(256)).status, 200);
    let answer = client.get(&query(257));
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "too many name[] parameters: 257 (limit 256); split them over several scrapes, or ask for everything\n"
    );
}

#[test]
fn a_prometheus_client_registry_is_not_read_for_names_that_are_ours() {
    let read = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&read);
    let theirs = collectors::running(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let ours = Registry::default();
    ours.register("jobs", "J", Counter::default()).unwrap();
    let server = serve(Scrape::new(ours).with_prometheus_client(theirs));
    let mut client = server.connect();
    for (query, reads) in [
        ("name[]=jobs", 0),
        ("name[]=jobs_total&name[]=jobs", 0),
        ("name[]=collected", 1),
        ("name[]=jobs&name[]=nothing", 2),
        ("", 3),
    ] {
        assert_eq!(client.get(&format!("/metrics?{query}")).status, 200);
        assert_eq!(read.load(Ordering::SeqCst), reads, "{query}");
    }
}
