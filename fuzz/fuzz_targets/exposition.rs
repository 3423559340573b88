//! Any registry, written in both text formats, read back by a line parser of its own.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tallied::{Buckets, Counter, Family, Gauge, Histogram, Registry};

#[derive(Arbitrary, Debug)]
struct Input {
    constant: String,
    helps: [String; 3],
    counts: Vec<([String; 2], u64)>,
    gauge: f64,
    bounds: Vec<f64>,
    observed: Vec<(String, Vec<f64>)>,
}

fuzz_target!(|input: Input| {
    let registry =
        Registry::with_labels([("constant", &*input.constant)]).expect("a good label name");

    let counters = Family::<Counter, 2>::new(["a", "b"]);
    registry
        .register("c", &input.helps[0], counters.clone())
        .expect("a good name");
    let mut counted = BTreeMap::<_, u64>::new();
    for ([a, b], n) in &input.counts {
        counters.get_or_create(&[a, b]).inc_by(*n);
        let total = counted.entry((a.clone(), b.clone())).or_default();
        *total = total.wrapping_add(*n);
    }

    let gauge = Gauge::<f64>::default();
    gauge.set(input.gauge);
    registry
        .register("g", &input.helps[1], gauge)
        .expect("a good name");

    // Bounds that are refused are refused for a reason.
    let finite = match input.bounds.split_last() {
        Some((&f64::INFINITY, rest)) => rest,
        _ => &input.bounds[..],
    };
    let increase = !finite.is_empty()
        && finite.iter().all(|bound| bound.is_finite())
        && finite.windows(2).all(|pair| pair[0] < pair[1]);
    let buckets = Buckets::new(input.bounds.iter().copied());
    assert_eq!(buckets.is_ok(), increase, "{:?}", input.bounds);

    let mut observed = BTreeMap::<&str, Vec<f64>>::new();
    if let Ok(buckets) = buckets {
        let histograms = {
            let buckets = buckets.clone();
            Family::<Histogram, 1>::new_with_constructor(["a"], move || {
                Histogram::with_buckets(&buckets)
            })
        };
        registry
            .register("h", &input.helps[2], histograms.clone())
            .expect("a good name");
        for (label, values) in &input.observed {
            let histogram = histograms.get_or_create(&[label]);
            for value in values {
                let by_scan = finite.iter().position(|bound| value <= bound);
                assert_eq!(buckets.index(*value), by_scan.unwrap_or(finite.len()));
                histogram.observe(*value);
            }
            observed.entry(label).or_default().extend(values);
        }
    }

    let text = Document::of(&registry.text());
    let openmetrics = registry.openmetrics();
    let openmetrics = Document::of(
        openmetrics
            .strip_suffix("# EOF\n")
            .expect("OpenMetrics ends in # EOF"),
    );
    for (document, counter) in [(&text, "c_total"), (&openmetrics, "c")] {
        let mut helps = BTreeMap::from([("g", &input.helps[1])]);
        if !counted.is_empty() {
            helps.insert(counter, &input.helps[0]);
        }
        if !observed.is_empty() {
            helps.insert("h", &input.helps[2]);
        }
        let written = document.helps.iter().map(|(k, v)| (&**k, v));
        assert!(written.eq(helps), "{:?}", document.helps);

        let mut expected = BTreeSet::new();
        let mut sample = |name: &str, labels: &[(&str, &str)], value: String| {
            let all = [("constant", &*input.constant)];
            let labels = all.iter().chain(labels);
            let labels = labels.map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            expected.insert((name.to_owned(), labels.collect::<BTreeMap<_, _>>(), value));
        };
        for ((a, b), n) in &counted {
            sample("c_total", &[("a", a), ("b", b)], n.to_string());
        }
        sample("g", &[], canonical(input.gauge));
        for (label, values) in &observed {
            let sum = values.iter().fold(0.0, |sum, value| sum + value);
            // OpenMetrics forbids some sums.
            if counter == "c_total" || (sum >= 0.0 && finite[0] >= 0.0) {
                sample("h_sum", &[("a", label)], canonical(sum));
                sample("h_count", &[("a", label)], values.len().to_string());
            }
            let mut below = 0;
            for (i, bound) in finite.iter().chain([&f64::INFINITY]).enumerate() {
                below = if i == finite.len() {
                    values.len()
                } else {
                    values.iter().filter(|value| *value <= bound).count()
                };
                let le = canonical(*bound);
                sample("h_bucket", &[("a", label), ("le", &le)], below.to_string());
            }
            assert_eq!(below, values.len());
        }
        assert_eq!(document.samples, expected);
    }
});

/// One form for each number, however it was written; all NaNs are one.
fn canonical(value: f64) -> String {
    format!("{value:e}")
}

/// Help texts by family, and samples: name, labels, value.
#[derive(Debug)]
struct Document {
    helps: BTreeMap<String, String>,
    samples: BTreeSet<(String, BTreeMap<String, String>, String)>,
}

impl Document {
    /// Takes a document apart, line by line; panics at whatever is no line of either format.
    fn of(text: &str) -> Self {
        let mut document = Self {
            helps: BTreeMap::new(),
            samples: BTreeSet::new(),
        };
        assert!(text.is_empty() || text.ends_with('\n'));
        for line in text.split_terminator('\n') {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text, empty or not");
                let twice = document.helps.insert(name.to_owned(), unescape(help));
                assert_eq!(twice, None, "two HELP lines of {name}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (_, kind) = kind.split_once(' ').expect("a type");
                assert!(
                    ["counter", "gauge", "histogram"].contains(&kind),
                    "{line:?}"
                );
            } else {
                let (name, rest) = line.split_once('{').expect("a constant label");
                let (mut labels, value) = pairs(rest);
                if let Some(le) = labels.get_mut("le") {
                    *le = canonical(le.parse().expect("a bound"));
                }
                let counts = name.ends_with("_total")
                    || name.ends_with("_count")
                    || name.ends_with("_bucket");
                let value = if counts {
                    value.to_owned()
                } else {
                    canonical(value.parse().expect("a number"))
                };
                let sample = (name.to_owned(), labels, value);
                assert!(document.samples.insert(sample), "twice: {line:?}");
            }
        }
        document
    }
}

/// What follows the `{` of a sample: the labels, and the value.
fn pairs(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (value, after) = value.split_at(end.expect("a closing quote"));
        let twice = labels.insert(name.to_owned(), unescape(value));
        assert_eq!(twice, None, "the label {name} twice");
        if let Some(value) = after.strip_prefix("\"} ") {
            return (labels, value);
        }
        rest = after.strip_prefix("\",").expect("another label");
    }
}

/// Undoes `\\`, `\"` and `\n`.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("\\{other:?} is no escape"),
            },
            c => c,
        });
    }
    plain
}
