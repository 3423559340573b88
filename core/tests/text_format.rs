//! The two text formats: one document to the letter, and what an independent parser makes of
//! any.
//!
//! Left out of what the parser gets, because of its grammars (openmetrics-parser 0.5.1,
//! `prometheus.pest` and `openmetrics.pest`), and checked by hand at the end of this file:
//!
//! - a carriage return in a label value or a help text: pest's `NEWLINE` takes it for the end of
//!   the line, where both formats know the line feed alone;
//! - infinite values in OpenMetrics: prometheus-client writes `inf`, which the format allows
//!   ("number", the sign is optional) and the grammar refuses;
//! - a NaN in a counter or a sum, and a negative sum: the parser refuses those by its own rules;
//! - counts above `i64::MAX`: the parser reads them as floats.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;

use openmetrics_parser::{
    HistogramValue, MetricNumber, OpenMetricsValue, PrometheusValue,
    openmetrics::parse_openmetrics, prometheus::parse_prometheus,
};
use proptest::prelude::*;
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

/// A series in either format: the name without the suffixes, the labels, and the value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), Value>;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Histogram {
        /// Bound and cumulative count.
        buckets: Vec<(f64, f64)>,
        count: u64,
        sum: f64,
    },
}

fn number(number: &MetricNumber) -> Value {
    Value::Number(number.as_f64())
}

fn histogram(value: &HistogramValue) -> Value {
    let buckets = value.buckets.iter();
    Value::Histogram {
        buckets: buckets.map(|b| (b.upper_bound, b.count.as_f64())).collect(),
        count: value.count.unwrap(),
        sum: value.sum.as_ref().unwrap().as_f64(),
    }
}

/// Families and samples that a parser found, in one form for both formats.
#[derive(Debug, Default, PartialEq)]
struct Document {
    /// Type and help by name.
    families: BTreeMap<String, (String, String)>,
    samples: Samples,
}

macro_rules! document {
    ($exposition:expr, $value:ident) => {{
        let mut document = Document::default();
        for family in $exposition.families.values() {
            let name = family.family_name.trim_end_matches("_total").to_owned();
            for sample in family.iter_samples() {
                let names = sample.get_labelset().unwrap();
                let labels = names
                    .iter()
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .collect();
                let value = match &sample.value {
                    $value::Counter(counter) => number(&counter.value),
                    $value::Gauge(gauge) => number(gauge),
                    $value::Histogram(value) => histogram(value),
                    other => panic!("{other:?} is nothing that was registered"),
                };
                let twice = document.samples.insert((name.clone(), labels), value);
                assert_eq!(twice, None, "a series stands there twice");
            }
            let kind = family.family_type.to_string();
            document.families.insert(name, (kind, family.help.clone()));
        }
        document
    }};
}

fn of_text(text: &str) -> Document {
    let exposition = parse_prometheus(text);
    document!(
        exposition.unwrap_or_else(|error| panic!("{error:?}\n{text}")),
        PrometheusValue
    )
}

fn of_openmetrics(text: &str) -> Document {
    let exposition = parse_openmetrics(text);
    document!(
        exposition.unwrap_or_else(|error| panic!("{error:?}\n{text}")),
        OpenMetricsValue
    )
}

/// What may stand in a label value or a help text, with much of what is special somewhere.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => prop::sample::select(vec![
            '\n', '"', '\\', 'n', '{', '}', ',', '=', '#', ' ', '\t', '\0', '\u{7f}', '\u{85}', '\u{2028}',
            'é', '漢', '🦀', '\u{301}', '\u{feff}',
        ]),
        3 => proptest::char::range('0', 'z'),
        1 => any::<char>(),
    ];
    // The parser takes a carriage return for the end of a line; see the head of this file.
    let character = character.prop_filter("no carriage return", |c| *c != '\r');
    let text = |length| {
        prop::collection::vec(character.clone(), length).prop_map(|c| c.into_iter().collect())
    };
    prop_oneof![40 => text(0..24), 1 => text(2_000..2_001)]
}

/// Every character there is, and often those that are escaped or mistaken for a line's end.
fn every_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!['\r', '\n', '"', '\\', 'n', 'r']);
    let characters = prop::collection::vec(prop_oneof![any::<char>(), special], 0..12);
    characters.prop_map(|characters| characters.into_iter().collect())
}

/// Finite and not negative, over all magnitudes.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..20.0,
        (0_u32..30).prop_map(|n| f64::from(n) / 2.0),
        (-30_i32..30).prop_map(|e| 10_f64.powi(e)),
        (prop::num::f64::POSITIVE | prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL)
            // So that no sum is infinite.
            .prop_map(|v| v / 1_000.0),
    ]
}

fn any_bounds() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(any_value(), 1..12).prop_map(|mut bounds| {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    })
}

fn labels<const N: usize>(constant: &str, pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let all = pairs.into_iter().chain([("constant", constant)]);
    all.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 1_000 }))]

    /// Whatever was recorded, under whatever labels, comes out of either format as it went in.
    #[test]
    fn both_formats_read_back_as_what_was_recorded(
        constant in any_text(),
        helps in prop::array::uniform4(any_text()),
        counts in prop::collection::vec((prop::array::uniform3(any_text()), 0..=i64::MAX as u64), 0..6),
        (set, steps) in (any::<i64>(), any::<i32>()),
        float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        total in any_value(),
        bounds in any_bounds(),
        observed in prop::collection::vec(
            (any_text(), prop::collection::vec(any_value(), 0..20)), 0..4
        ),
    ) {
        let registry = Registry::with_prefix_and_labels("app", [("constant", &*constant)]).unwrap();
        let mut expected = Document::default();
        let family = |name: &str, kind: &str, help: &str| {
            (format!("app_{name}"), (kind.to_owned(), help.to_owned()))
        };

        let requests = Family::<Counter, 3>::new(["z", "a", "m"]);
        registry.register("requests", &helps[0], requests.clone()).unwrap();
        let mut recorded = BTreeMap::<_, u64>::new();
        for ([z, a, m], n) in &counts {
            let labels = labels(&constant, [("z", z), ("a", a), ("m", m)]);
            // Kept below i64::MAX, above which the parser knows floats only.
            let known = recorded.entry(labels).or_default();
            let n = (*n).min(i64::MAX as u64 - *known);
            *known += n;
            requests.get_or_create(&[z, a, m]).inc_by(n);
        }
        expected.families.extend((!recorded.is_empty()).then(|| family("requests", "counter", &helps[0])));
        for (labels, n) in recorded {
            expected.samples.insert(("app_requests".to_owned(), labels), Value::Number(n as f64));
        }

        let gauge: Gauge = Gauge::default();
        gauge.set(set);
        registry.register("set", &helps[1], gauge).unwrap();
        let stepped = UpDownCounter::default();
        stepped.inc_by(1 << 31);
        stepped.dec_by((1_i64 << 31).wrapping_sub(i64::from(steps)) as u64);
        registry.register("stepped", &helps[1], stepped).unwrap();
        let measured = Gauge::<f64>::default();
        measured.set(float);
        registry.register("measured", &helps[1], measured).unwrap();
        let cpu = ObservedCounter::default();
        cpu.observe_total(total);
        registry.register("cpu", &helps[2], cpu).unwrap();
        for (name, kind, help, value) in [
            ("set", "gauge", &helps[1], set as f64),
            ("stepped", "gauge", &helps[1], f64::from(steps)),
            ("measured", "gauge", &helps[1], float),
            ("cpu", "counter", &helps[2], total),
        ] {
            expected.families.extend([family(name, kind, help)]);
            let series = (format!("app_{name}"), labels(&constant, []));
            expected.samples.insert(series, Value::Number(value));
        }

        let buckets = Buckets::new(bounds.iter().copied()).unwrap();
        let seconds = Family::<Histogram, 1>::new_with_constructor(["label"], move || {
            Histogram::with_buckets(&buckets)
        });
        registry.register("seconds", &helps[3], seconds.clone()).unwrap();
        let mut recorded = BTreeMap::<_, Vec<f64>>::new();
        for (label, values) in &observed {
            let histogram = seconds.get_or_create(&[label]);
            values.iter().for_each(|value| histogram.observe(*value));
            recorded.entry(labels(&constant, [("label", label)])).or_default().extend(values);
        }
        expected.families.extend((!recorded.is_empty()).then(|| family("seconds", "histogram", &helps[3])));
        for (labels, values) in recorded {
            let le = bounds.iter().copied().chain([f64::INFINITY]);
            let value = Value::Histogram {
                buckets: le.map(|le| (le, values.iter().filter(|v| **v <= le).count() as f64)).collect(),
                count: values.len() as u64,
                // In the order of recording, as one thread's cells add up.
                sum: values.iter().fold(0.0, |sum, value| sum + value),
            };
            expected.samples.insert(("app_seconds".to_owned(), labels), value);
        }

        let (text, openmetrics) = (registry.text(), registry.openmetrics());
        prop_assert_eq!(of_text(&text), expected);
        let expected = of_text(&text);
        prop_assert!(openmetrics.ends_with("\n# EOF\n"));
        prop_assert_eq!(of_openmetrics(&openmetrics), expected);
    }

    /// With every character there is, carriage returns too: a document has the lines it should
    /// have, and a label value unescapes to what went in.
    #[test]
    fn label_values_unescape_to_what_went_in(
        help in every_text(),
        values in prop::array::uniform2(every_text()),
    ) {
        let registry = Registry::default();
        let counter = Family::<Counter, 2>::new(["first", "second"]);
        counter.get_or_create(&[&values[0], &values[1]]).inc();
        registry.register("x", &help, counter).unwrap();
        for (document, name, lines) in [(registry.text(), "x_total", 3), (registry.openmetrics(), "x", 4)] {
            let found: Vec<&str> = document.split_terminator('\n').collect();
            prop_assert_eq!(found.len(), lines, "{}", document);
            let written = found[0].strip_prefix(&format!("# HELP {name} ")).unwrap();
            prop_assert_eq!(unescape(written), &*help);
            let kind = format!("# TYPE {name} counter");
            prop_assert_eq!(found[1], &kind);
            prop_assert_eq!(series(found[2]), ("x_total", values.to_vec(), "1"));
        }
    }
}

/// `\\`, `\"` and `\n`, undone.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                c => c,
            },
            c => c,
        });
    }
    plain
}

/// Name, label values and value of a line, by hand.
fn series(line: &str) -> (&str, Vec<String>, &str) {
    let (name, mut rest) = line.split_once('{').unwrap();
    let mut values = Vec::new();
    while let Some((_, from)) = rest.split_once("=\"") {
        let mut escaped = false;
        let end = from.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (value, after) = from.split_at(end.unwrap());
        values.push(unescape(value));
        rest = &after[1..];
        if rest.starts_with('}') {
            break;
        }
    }
    (name, values, rest.strip_prefix("} ").unwrap())
}

/// What the parser cannot be asked about.
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
