//! The two text formats, to the letter: small documents, and numbers as they are written.
//! `read_back.rs` has what an independent parser makes of any document.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, ObservedCounter, Registry, UpDownCounter,
};

/// Every kind of metric, and every character that an exposition treats specially.
#[test]
fn a_small_registry_to_the_letter() {
    let registry =
        Registry::with_prefix_and_labels("app", [("zone", "eu \"1\""), ("build", "a\\b")]).unwrap();

    let requests = Family::<Counter, 3>::new(["method", "endpoint", "status_code"]);
    registry
        .register(
            "requests",
            "Requests by \\ and\nby \"quote\"",
            requests.clone(),
        )
        .unwrap();
    requests.get_or_create(&["GET", "/data", "200"]).inc_by(42);
    requests.get_or_create(&["POST", "", "4\n0\"0\\"]).inc();
    requests
        .get_or_create(&["GET", "/größe/{id}", "200"])
        .inc_by(u64::MAX);

    let threads: Gauge = Gauge::default();
    threads.set(-3);
    registry.register("threads", "Threads", threads).unwrap();

    let load = Gauge::<f64>::default();
    load.set(0.1);
    registry.register("load", "", load).unwrap();

    let limit = Gauge::<u64>::default();
    limit.set(u64::MAX);
    registry.register("limit_bytes", "A limit", limit).unwrap();

    let in_flight = UpDownCounter::default();
    in_flight.inc_by(2);
    registry
        .register("in_flight", "In flight", in_flight)
        .unwrap();

    let buckets = Buckets::new([0.005, 1.0, 2.5, 1e6]).unwrap();
    let seconds = Family::<Histogram, 1>::new_with_constructor(["method"], move || {
        Histogram::with_buckets(&buckets)
    });
    for value in [0.005, 0.5, 0.75, 2.5, 1e6, 2e6] {
        seconds.get_or_create(&["GET"]).observe(value);
    }
    registry
        .register("duration_seconds", "Durations", seconds)
        .unwrap();

    let cpu = ObservedCounter::default();
    cpu.observe_total(12.34);
    registry
        .register("cpu_seconds_total", "Processor time", cpu)
        .unwrap();

    // Registered, and without a series yet.
    registry
        .register("errors", "Errors", Family::<Counter, 1>::new(["kind"]))
        .unwrap();

    assert_eq!(
        registry.text(),
        r##"# HELP app_requests_total Requests by \\ and\nby "quote"
# TYPE app_requests_total counter
app_requests_total{zone="eu \"1\"",build="a\\b",method="GET",endpoint="/data",status_code="200"} 42
app_requests_total{zone="eu \"1\"",build="a\\b",method="POST",endpoint="",status_code="4\n0\"0\\"} 1
app_requests_total{zone="eu \"1\"",build="a\\b",method="GET",endpoint="/größe/{id}",status_code="200"} 18446744073709551615
# HELP app_threads Threads
# TYPE app_threads gauge
app_threads{zone="eu \"1\"",build="a\\b"} -3
# HELP app_load 
# TYPE app_load gauge
app_load{zone="eu \"1\"",build="a\\b"} 0.1
# HELP app_limit_bytes A limit
# TYPE app_limit_bytes gauge
app_limit_bytes{zone="eu \"1\"",build="a\\b"} 18446744073709551615
# HELP app_in_flight In flight
# TYPE app_in_flight gauge
app_in_flight{zone="eu \"1\"",build="a\\b"} 2
# HELP app_duration_seconds Durations
# TYPE app_duration_seconds histogram
app_duration_seconds_bucket{zone="eu \"1\"",build="a\\b",method="GET",le="0.005"} 1
app_duration_seconds_bucket{zone="eu \"1\"",build="a\\b",method="GET",le="1"} 3
app_duration_seconds_bucket{zone="eu \"1\"",build="a\\b",method="GET",le="2.5"} 4
app_duration_seconds_bucket{zone="eu \"1\"",build="a\\b",method="GET",le="1e+06"} 5
app_duration_seconds_bucket{zone="eu \"1\"",build="a\\b",method="GET",le="+Inf"} 6
app_duration_seconds_sum{zone="eu \"1\"",build="a\\b",method="GET"} 3000003.755
app_duration_seconds_count{zone="eu \"1\"",build="a\\b",method="GET"} 6
# HELP app_cpu_seconds_total Processor time
# TYPE app_cpu_seconds_total counter
app_cpu_seconds_total{zone="eu \"1\"",build="a\\b"} 12.34
"##
    );
}

#[test]
fn without_labels_there_are_no_braces() {
    let registry = Registry::default();
    let jobs = Counter::default();
    registry.register("jobs", "Jobs", jobs.clone()).unwrap();
    jobs.inc();
    let sizes = Histogram::new([1.0]).unwrap();
    registry.register("sizes", "Sizes", sizes.clone()).unwrap();
    assert_eq!(
        registry.text(),
        "# HELP jobs_total Jobs\n\
         # TYPE jobs_total counter\n\
         jobs_total 1\n\
         # HELP sizes Sizes\n\
         # TYPE sizes histogram\n\
         sizes_bucket{le=\"1\"} 0\n\
         sizes_bucket{le=\"+Inf\"} 0\n\
         sizes_sum 0\n\
         sizes_count 0\n"
    );
}

#[test]
fn an_empty_registry_is_an_empty_document() {
    assert_eq!(Registry::default().text(), "");
    assert_eq!(Registry::default().openmetrics(), "# EOF\n");
}

/// Those that `read_back.rs` cannot ask its parser about.
#[test]
fn numbers_beyond_the_parser() {
    let registry = Registry::default();
    for (name, value) in [
        ("up", f64::INFINITY),
        ("down", f64::NEG_INFINITY),
        ("nan", f64::NAN),
        ("large", 1e300),
    ] {
        let gauge = Gauge::<f64>::default();
        gauge.set(value);
        registry.register(name, "", gauge).unwrap();
    }
    let histogram = Histogram::new([-1.0, 1.0]).unwrap();
    histogram.observe(-3.5);
    histogram.observe(f64::NAN);
    registry.register("h", "", histogram).unwrap();

    let text = registry.text();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            "up +Inf",
            "down -Inf",
            "nan NaN",
            "large 1e+300",
            "h_bucket{le=\"-1\"} 1",
            "h_bucket{le=\"1\"} 1",
            "h_bucket{le=\"+Inf\"} 2",
            "h_sum NaN",
            "h_count 2",
        ]
    );
}

/// OpenMetrics forbids a sum that is negative or NaN, or beside negative bounds, and a count without
/// a sum. Python's prometheus_client refuses the document for it.
#[test]
fn openmetrics_has_no_sum_that_it_forbids() {
    let registry = Registry::default();
    let family =
        Family::<Histogram, 1>::new_with_constructor(["l"], || Histogram::new([1.0]).unwrap());
    registry
        .register("h", "A sum of NaN", family.clone())
        .unwrap();
    for (label, observed) in [
        ("nan NaN", f64::NAN),
        ("negative", -0.5),
        ("zero", 0.0),
        ("infinite", f64::INFINITY),
    ] {
        family.get_or_create(&[label]).observe(observed);
    }
    let negative = Histogram::new([-1.0, 1.0]).unwrap();
    negative.observe(0.5);
    registry.register("n", "", negative).unwrap();
    let gauge = Gauge::<f64>::default();
    gauge.set(f64::NAN);
    registry.register("g_sum", "", gauge).unwrap();
    registry
        .register("g_count", "", Gauge::<i64>::default())
        .unwrap();

    let expected = "\
        # HELP h A sum of NaN\n\
        # TYPE h histogram\n\
        h_bucket{l=\"nan NaN\",le=\"1.0\"} 0\n\
        h_bucket{l=\"nan NaN\",le=\"+Inf\"} 1\n\
        h_bucket{l=\"negative\",le=\"1.0\"} 1\n\
        h_bucket{l=\"negative\",le=\"+Inf\"} 1\n\
        h_bucket{l=\"zero\",le=\"1.0\"} 1\n\
        h_bucket{l=\"zero\",le=\"+Inf\"} 1\n\
        h_sum{l=\"zero\"} 0.0\n\
        h_count{l=\"zero\"} 1\n\
        h_bucket{l=\"infinite\",le=\"1.0\"} 0\n\
        h_bucket{l=\"infinite\",le=\"+Inf\"} 1\n\
        h_sum{l=\"infinite\"} +Inf\n\
        h_count{l=\"infinite\"} 1\n\
        # HELP n \n\
        # TYPE n histogram\n\
        n_bucket{le=\"-1.0\"} 0\n\
        n_bucket{le=\"1.0\"} 1\n\
        n_bucket{le=\"+Inf\"} 1\n\
        # HELP g_sum \n\
        # TYPE g_sum gauge\n\
        g_sum NaN\n\
        # HELP g_count \n\
        # TYPE g_count gauge\n\
        g_count 0\n\
        # EOF\n";
    assert_eq!(registry.openmetrics(), expected);
    let mut snapshot = String::new();
    tallied::exposition::openmetrics::encode(&mut snapshot, &registry.snapshot());
    assert_eq!(snapshot, expected);
}
