//! What a registry may hold, and what reading it may do: the page says so, in bounded time and size.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::{Duration, Instant};

use support::{Stream, json};
use tallied::{
    Buckets, Collector, Counter, Description, Family, Gauge, GaugeFn, Histogram, Registry, Samples,
};
use tallied_http::HttpMetrics;
use tallied_http::adapter::KnownRoute;
use tallied_live::Live;

#[tokio::test(flavor = "multi_thread")]
async fn labels_with_markup_and_of_any_length() {
    let registry = Registry::default();
    let hostile = "</script><img src=x onerror=alert(1)>\u{202e}\"\\\n&amp;".repeat(2500);
    assert!(hostile.len() > 100_000);
    let jobs = Family::<Counter, 1>::new(["user"]);
    for n in 0..50 {
        jobs.get_or_create(&[&format!("{n}{hostile}")]).inc();
    }
    registry.register("jobs", &hostile, jobs.clone()).unwrap();
    let requests = Family::<Counter, 3>::new(["method", "endpoint", "status_code"]);
    requests.get_or_create(&["GET", &hostile, &hostile]).inc();
    registry
        .register("http_requests", "Requests", requests)
        .unwrap();
    let live = Live::register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    let state = stream.next("state").await;
    jobs.get_or_create(&[&format!("0{hostile}")]).inc();
    let tick = stream.next("tick").await;
    for event in [&state, &tick] {
        let size = event.to_string().len();
        assert!(size < 30_000, "{size}");
    }
    let family = &state["families"][0];
    assert_eq!(
        (&family["series"], &family["more"]),
        (&50.into(), &42.into())
    );
    let labels = family["shown"][0]["labels"].as_str().unwrap();
    // As they are: the page sets them as text.
    assert!(labels.starts_with("user=\"0</script><img"), "{labels}");
    assert!(labels.ends_with('…') && labels.len() <= 200);
    assert!(state["endpoints"][0]["route"].as_str().unwrap().len() <= 200);
    // The detail, too.
    let detail = json(&live, "/live?family=jobs_total").await;
    assert_eq!(detail["series"].as_array().unwrap().len(), 50);
    assert!(detail.to_string().len() < 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_no_numbers() {
    let registry = Registry::default();
    for (name, value) in [
        ("a", f64::NAN),
        ("b", f64::INFINITY),
        ("c", f64::NEG_INFINITY),
    ] {
        let gauge = Gauge::<f64>::default();
        gauge.set(value);
        registry.register(name, "A level", gauge).unwrap();
    }
    let sizes = Histogram::with_buckets(&Buckets::new([1.0]).unwrap());
    sizes.observe(f64::NAN);
    registry.register("sizes", "Sizes", sizes).unwrap();
    let live = Live::register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    let state = stream.next("state").await;
    let shown = |nth: usize| &state["families"][nth]["shown"][0]["value"];
    assert_eq!([shown(0), shown(1), shown(2)], ["NaN", "+Inf", "-Inf"]);
    let says = state["findings"].to_string();
    assert!(
        says.contains("`a` has a value that is not a number"),
        "{says}"
    );
    stream.next("tick").await;
}

/// Hangs, or panics.
struct Bad(fn());

impl Collector for Bad {
    fn describe(&self) -> Vec<Description> {
        vec![Description::gauge("pool_size", "Connections of the pool")]
    }

    fn collect(&self, _: &mut Samples<'_>) {
        self.0();
    }

    /// Its own is no help.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_and_one_that_panics_are_said() {
    let registry = Registry::default();
    let jobs = Counter::default();
    registry.register("jobs", "Jobs", jobs.clone()).unwrap();
    let hangs = Bad(|| std::thread::sleep(Duration::from_secs(3600)));
    registry.register_collector("pool", hangs).unwrap();
    let panics = GaugeFn::new(|| -> u64 { panic!("no <b>such</b> file") });
    registry
        .register("queue", "Jobs that wait", panics)
        .unwrap();
    let live = Live::register(&registry).unwrap();
    let began = Instant::now();
    let mut stream = Stream::open(&live).await;
    let state = stream.next("state").await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let problem = state["problem"].as_str().unwrap();
    assert!(problem.contains("Reading pool takes too long"), "{problem}");
    assert!(
        problem.contains("Reading queue panicked, so it is left out: no <b>such</b> file"),
        "{problem}"
    );
    jobs.inc();
    let began = Instant::now();
    let tick = stream.next("tick").await;
    let shown = &tick["families"][0]["shown"][0];
    assert_eq!(shown["total"], 1, "the others are read");
    stream.next("tick").await;
    // Once it hangs it is waited for no more.
    assert!(
        began.elapsed() < Duration::from_millis(3500),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_endpoints() {
    let registry = Registry::default();
    let http = HttpMetrics::register(&registry).unwrap();
    let routes = (0..1000).map(|n| KnownRoute {
        endpoint: format!("/a/{n}/{{id}}"),
        method: None,
        exact: true,
    });
    http.add_routes(&routes.collect());
    let live = Live::builder().http(http).register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    let state = stream.next("state").await;
    assert_eq!(state["endpoints"].as_array().unwrap().len(), 1000);
    let size = state.to_string().len();
    assert!(size < 1_000_000, "{size}");
    // They are quiet, so that a tick does not repeat them.
    stream.next("tick").await;
    let tick = stream.next("tick").await;
    assert_eq!(tick["endpoints"].as_array().unwrap().len(), 0);
    let detail = json(&live, "/live?endpoint=999").await;
    assert_eq!(detail["id"], 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_series() {
    let registry = Registry::default();
    let jobs = Family::<Counter, 1>::new(["user"]);
    let counters: Vec<Counter> = (0..100_000)
        .map(|user| jobs.get_or_create_owned(&[&user.to_string()]))
        .collect();
    registry.register("jobs", "Jobs", jobs).unwrap();
    let live = Live::register(&registry).unwrap();
    let mut stream = Stream::open(&live).await;
    let began = Instant::now();
    let state = stream.next("state").await;
    assert_eq!(state["families"][0]["series"], 100_000);
    for _ in 0..3 {
        counters.iter().for_each(Counter::inc);
        let tick = stream.next("tick").await;
        assert!(tick.to_string().len() < 20_000);
    }
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}
