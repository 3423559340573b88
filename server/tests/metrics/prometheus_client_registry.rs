//! A prometheus-client registry beside ours, on the same route, in every format.

use std::sync::Arc;

use crate::support::TestServer;
use openmetrics_parser::openmetrics::parse_openmetrics;
use openmetrics_parser::prometheus::parse_prometheus;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use salvo::Router;
use tallied_salvo::{Scrape, ScrapeMetrics};

#[test]
fn an_applications_own_registry_appears_in_every_format() {
    let mut theirs = Registry::default();
    let orders: Counter = Counter::default();
    theirs.register("orders", "Orders", orders.clone());
    orders.inc_by(5);
    let ours = tallied::Registry::default();
    let jobs = tallied::Counter::default();
    ours.register("jobs", "Jobs", jobs.clone()).unwrap();
    jobs.inc();
    let scrape = Scrape::new(ours).with_prometheus_client(Arc::new(theirs));
    let server = TestServer::start(Router::with_path("metrics").get(scrape));
    let mut client = server.connect();
    assert_eq!(
        client.get("/metrics?format=text").text(),
        "# HELP jobs_total Jobs\n# TYPE jobs_total counter\njobs_total 1\n\
         # HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 5\n"
    );
    // Those are not written in protobuf, so that is not offered.
    let accept = "Accept: application/vnd.google.protobuf,application/openmetrics-text;q=0.5\r\n";
    let answer = client.request("GET", "/metrics", accept, "");
    assert_eq!(
        answer.header("content-type"),
        Some(tallied::exposition::openmetrics::CONTENT_TYPE)
    );
    assert_eq!(client.get("/metrics?format=protobuf").status, 400);
    assert_eq!(
        client.get("/metrics?format=openmetrics").text(),
        "# HELP jobs Jobs\n# TYPE jobs counter\njobs_total 1\n\
         # HELP orders Orders.\n# TYPE orders counter\norders_total 5\n# EOF\n"
    );
}

type Labels = Vec<(String, String)>;

/// A family with one series, of these labels.
fn labelled(labels: &[(&str, &str)]) -> Family<Labels, Counter> {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let family = Family::default();
    let _ = family.get_or_create(&labels.collect());
    family
}

/// What is served of this registry in both formats, after a family of ours, and how many of its
/// families were left out. Both are valid.
#[track_caller]
fn served(theirs: Registry) -> (String, String, u64) {
    let ours = tallied::Registry::default();
    let jobs = tallied::Histogram::new([1.0]).unwrap();
    ours.register("jobs", "Jobs", jobs).unwrap();
    // Registered elsewhere, so that the document is ours and theirs alone.
    let own = tallied::Registry::default();
    let scrape = Scrape::new(ours.clone())
        .with_metrics(ScrapeMetrics::register(&own).unwrap())
        .with_prometheus_client(Arc::new(theirs));
    let server = TestServer::start(Router::with_path("metrics").get(scrape));
    let mut client = server.connect();
    let mut left_out = Vec::new();
    let mut document = |format: &str, own_part: String| {
        let answer = client.get(&format!("/metrics?format={format}"));
        assert_eq!(answer.status, 200);
        let line = "tallied_scrape_collector_errors_total ";
        let own = own.text();
        let counted = own.lines().find_map(|text| text.strip_prefix(line));
        left_out.push(counted.unwrap().parse::<u64>().unwrap());
        let text = answer.text().to_owned();
        // That parser has a rule of its own for text: no negative sum.
        if format == "text" && !text.contains("_sum{l=\"below\"} -2") {
            parse_prometheus(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        } else if format != "text" {
            parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
        let theirs = text.strip_prefix(&own_part);
        theirs.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let openmetrics = ours.openmetrics();
    let openmetrics = openmetrics.strip_suffix("# EOF\n").unwrap();
    let openmetrics = document("openmetrics", openmetrics.to_owned());
    let text = document("text", ours.text());
    assert_eq!(left_out[1], 2 * left_out[0], "{openmetrics}\n{text}");
    let openmetrics = openmetrics.strip_suffix("# EOF\n").unwrap().to_owned();
    (openmetrics, text, left_out[0])
}

#[test]
fn a_help_text_is_escaped() {
    for (help, openmetrics, text) in [
        ("two\nlines", "two\\nlines", "two\\nlines"),
        ("ends\n# EOF\n", "ends\\n# EOF\\n", "ends\\n# EOF\\n"),
        (
            "x\n# TYPE y gauge\ny 1",
            "x\\n# TYPE y gauge\\ny 1",
            "x\\n# TYPE y gauge\\ny 1",
        ),
        ("a \"quote\"", "a \\\"quote\\\"", "a \"quote\""),
        ("C:\\dir", "C:\\\\dir", "C:\\\\dir"),
        // In OpenMetrics whoever escapes it is not escaped again, as a registry of ours in theirs does.
        ("a\\\\b\\nc", "a\\\\b\\nc", "a\\\\\\\\b\\\\nc"),
        ("\\", "\\\\", "\\\\"),
    ] {
        let mut theirs = Registry::default();
        theirs.register("orders", help, Counter::<u64>::default());
        theirs.register("after", "A", Counter::<u64>::default());
        let expected = (
            format!(
                "# HELP orders {openmetrics}.\n# TYPE orders counter\norders_total 0\n\
                 # HELP after A.\n# TYPE after counter\nafter_total 0\n"
            ),
            format!(
                "# HELP orders_total {text}.\n# TYPE orders_total counter\norders_total 0\n\
                 # HELP after_total A.\n# TYPE after_total counter\nafter_total 0\n"
            ),
            0,
        );
        assert_eq!(served(theirs), expected, "{help:?}");
    }
}

#[test]
fn a_family_that_would_spoil_the_document_is_left_out_and_counted() {
    type Register = fn(&mut Registry);
    for (what, register) in [
        (
            "a name",
            (|r| r.register("a-b", "X", Counter::<u64>::default())) as Register,
        ),
        ("no name", |r| r.register("", "X", Gauge::<i64>::default())),
        ("a name with a space", |r| {
            r.register("a b", "X", Counter::<u64>::default());
        }),
        ("a name with the end in it", |r| {
            r.register("x 1\n# EOF\ny", "X", Gauge::<i64>::default());
        }),
        ("a unit", |r| {
            let unit = Unit::Other("per cent".to_owned());
            r.register_with_unit("x", "X", unit, Gauge::<i64>::default());
        }),
        ("a label name", |r| {
            r.register("x", "X", labelled(&[("a-b", "v")]));
        }),
        ("no label name", |r| {
            r.register("x", "X", labelled(&[("", "v")]));
        }),
        ("a label name that ends the line", |r| {
            r.register("x", "X", labelled(&[("a=\"1\"} 1\nevil{b", "v")]));
        }),
        ("a reserved label name", |r| {
            r.register("x", "X", labelled(&[("__name__", "v")]));
        }),
        ("a label twice", |r| {
            r.register("x", "X", labelled(&[("a", "1"), ("a", "2")]));
        }),
        ("le of its own", |r| {
            let family =
                Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new([1.0]));
            let _ = family.get_or_create(&vec![("le".to_owned(), "1".to_owned())]);
            r.register("x", "X", family);
        }),
        ("a label name of an info", |r| {
            r.register("x", "X", Info::new([("a b", "v")]));
        }),
        ("a name of ours", |r| {
            r.register("jobs", "X", Gauge::<i64>::default());
        }),
        ("a sample of ours", |r| {
            r.register("jobs_sum", "X", Gauge::<i64>::default());
        }),
        ("a name of theirs", |r| {
            r.register("before", "X", Gauge::<i64>::default());
        }),
        ("a sample of theirs", |r| {
            r.register("before_total", "X", Gauge::<i64>::default());
        }),
    ] {
        let mut theirs = Registry::default();
        theirs.register("before", "B", Counter::<u64>::default());
        register(&mut theirs);
        theirs.register("after", "A", Counter::<u64>::default());
        let openmetrics = "# HELP before B.\n# TYPE before counter\nbefore_total 0\n\
                           # HELP after A.\n# TYPE after counter\nafter_total 0\n";
        let text = "# HELP before_total B.\n# TYPE before_total counter\nbefore_total 0\n\
                    # HELP after_total A.\n# TYPE after_total counter\nafter_total 0\n";
        let expected = (openmetrics.to_owned(), text.to_owned(), 1);
        assert_eq!(served(theirs), expected, "{what}");
    }
}

/// The sum of a series in OpenMetrics must be a counter; in text 0.0.4 it may be anything.
#[test]
fn a_sum_that_openmetrics_forbids_is_left_out_there() {
    let mut theirs = Registry::default();
    let family = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new([1.0]));
    for (label, observed) in [("nan", f64::NAN), ("below", -2.0), ("good", 2.0)] {
        let labels = vec![("l".to_owned(), label.to_owned())];
        family.get_or_create(&labels).observe(observed);
    }
    theirs.register("h", "H", family);
    let negative = Histogram::new([-1.0]);
    negative.observe(3.0);
    theirs.register("n", "N", negative);
    let (openmetrics, text, left_out) = served(theirs);
    let sums = |document: &str| -> Vec<String> {
        let lines = document.lines();
        let mut sums: Vec<_> = lines
            .filter(|line| line.contains("_sum") || line.contains("_count"))
            .map(str::to_owned)
            .collect();
        sums.sort();
        sums
    };
    assert_eq!(
        sums(&openmetrics),
        ["h_count{l=\"good\"} 1", "h_sum{l=\"good\"} 2.0"]
    );
    assert_eq!(openmetrics.matches("h_bucket{").count(), 6);
    assert_eq!(openmetrics.matches("n_bucket{").count(), 2);
    assert_eq!(sums(&text).len(), 8, "{text}");
    assert_eq!(left_out, 0);
}

#[test]
fn what_is_valid_comes_out_as_it_was_written() {
    let labels = [("zone".into(), "a \"b\" \\ # {x=\"y\"} \n".into())];
    let mut theirs = Registry::with_prefix_and_labels("shop", labels.into_iter());
    theirs.register(
        "plain",
        "P",
        Gauge::<f64, std::sync::atomic::AtomicU64>::default(),
    );
    theirs.register("size", "S", Histogram::new([1.0, 10.0]));
    theirs.register_with_unit("read", "R", Unit::Bytes, Counter::<u64>::default());
    theirs.register("build", "B", Info::new([("version", "1")]));
    theirs.register("orders", "O", labelled(&[("a", "}\\"), ("b_1", "")]));
    let traced = CounterWithExemplar::<Labels>::default();
    traced.inc_by(1, Some(vec![("trace".to_owned(), "x y".to_owned())]), None);
    theirs.register("traced", "T", traced);
    let mut written = String::new();
    prometheus_client::encoding::text::encode_registry(&mut written, &theirs).unwrap();
    let (openmetrics, text, left_out) = served(theirs);
    assert_eq!(openmetrics, written);
    assert_eq!(text.matches("# TYPE ").count(), 6, "{text}");
    assert_eq!(left_out, 0);
}
