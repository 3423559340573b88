//! What an independent parser makes of any document in either text format: what was recorded,
//! under the names, labels and help texts that it was recorded under, however hostile.
//!
//! Left out of what the parser gets, because of its grammars (openmetrics-parser 0.5.1,
//! `prometheus.pest` and `openmetrics.pest`), and checked by hand at the end of this file, in
//! `text_format.rs` or in `prometheus_client_encoders.rs`:
//!
//! - a carriage return in a label value or a help text: pest's `NEWLINE` takes it for the end of
//!   the line, where both formats know the line feed alone;
//! - infinite values;
//! - a NaN in a counter or a sum, and a negative sum: the parser refuses those by its own rules;
//! - counts above `i64::MAX`: the parser reads them as floats.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;

use openmetrics_parser::{
    HistogramValue, MetricNumber, OpenMetricsValue, PrometheusValue,
    openmetrics::parse_openmetrics, prometheus::parse_prometheus,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, ObservedCounter, RegisterError, Registry,
    UpDownCounter,
};

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
    let text =
        |length| prop::collection::vec(character.clone(), length).prop_map(String::from_iter);
    // Shrinks to a short text, which is repeated.
    let long = text(1..24).prop_map(|text| long(&text));
    // A long one takes the parser some 0.1 s.
    prop_oneof![400 => text(0..24), 9 => text(2_000..2_001), 1 => long]
}

/// 64 KiB of a text.
fn long(text: &str) -> String {
    text.repeat(LONG.div_ceil(text.len().max(1)))
}

const LONG: usize = 64 << 10;

/// Texts that are special, each on its own: what a property finds sooner or later is here always.
fn special_texts() -> Vec<String> {
    let short = [
        "",
        " ",
        "  a  ",
        "\n",
        "\\",
        "\"",
        "\\n",
        "\\\\n",
        "\\\"",
        "\"\\",
        "\n\n",
        "\n# EOF\n",
        "# HELP x y\n",
        "a=\"b\"",
        "\"} 1\n",
        "{}",
        "le",
        "+Inf",
        "NaN",
        "\t",
        "\0",
        "\u{7f}",
        "é",
        "漢字",
        "🦀",
        "e\u{301}",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\u{10ffff}",
        "\u{fffd}",
    ];
    let long = ["x", "🦀\\\"\n"].map(long);
    short.into_iter().map(str::to_owned).chain(long).collect()
}

type Is = fn(&str) -> bool;

/// The generators are worth what they generate.
#[test]
fn the_generators_reach_what_is_special() {
    let mut runner = TestRunner::deterministic();
    let mut reached = |strategy: BoxedStrategy<String>, is: Is| {
        (0..2_000).any(|_| is(&strategy.new_tree(&mut runner).unwrap().current()))
    };
    for (class, is) in [
        ("empty", str::is_empty),
        ("line feed", |text| text.contains('\n')),
        ("quote", |text| text.contains('"')),
        ("backslash", |text| text.contains('\\')),
        ("a backslash before an n", |text| text.contains("\\n")),
        ("a backslash at the end", |text| text.ends_with('\\')),
        ("not ASCII", |text| text.chars().any(|c| c as u32 > 0xffff)),
        ("NUL", |text| text.contains('\0')),
    ] as [(&str, Is); 8]
    {
        assert!(reached(any_text().boxed(), is), "{class}");
    }
    assert!(reached(any_text().boxed(), |text| text.len() >= LONG));
    assert!(reached(every_text().boxed(), |text| text.contains('\r')));
}

/// What might be called a name: mostly one that is, and often one that nearly is.
fn any_name() -> impl Strategy<Value = String> {
    let name = |of: &str, length: std::ops::Range<usize>| {
        let character = prop::sample::select(of.chars().collect::<Vec<_>>());
        prop::collection::vec(character, length).prop_map(String::from_iter)
    };
    prop_oneof![
        8 => name("abzAZ_", 1..8),
        3 => name("az_019:", 1..8),
        2 => name("az_09:é. -\n\"", 0..6),
        1 => any_text(),
    ]
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

    /// Whatever it is called: a metric is refused, or read back under its name with its labels.
    #[test]
    fn a_name_is_refused_or_read_back(
        prefix in prop_oneof![Just(String::new()), any_name()],
        (constant, label) in (any_name(), any_name()),
        name in any_name(),
        value in any_text(),
    ) {
        let is_name = |name: &str, also: &[char]| {
            let mut chars = name.chars();
            let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || also.contains(&c);
            chars.next().is_some_and(letter) && chars.all(|c| letter(c) || c.is_ascii_digit())
        };
        let is_label = |label: &str| is_name(label, &[]) && !label.starts_with("__");
        let registry = Registry::with_prefix_and_labels(&prefix, [(&*constant, &*value)]);
        let begins = prefix.is_empty() || is_name(&prefix, &[':']);
        prop_assert_eq!(registry.is_ok(), begins && is_label(&constant));
        let Ok(registry) = registry else { return Ok(()) };

        let gauge = Family::<Gauge, 1>::new([&label]);
        gauge.get_or_create(&[&value]).set(7);
        let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}_{name}") };
        match registry.register(&name, &value, gauge) {
            Ok(_) => prop_assert!(is_name(&full, &[':']) && is_label(&label) && label != constant),
            Err(error) => {
                let expected = match error {
                    RegisterError::InvalidName { .. } => !is_name(&full, &[':']),
                    RegisterError::InvalidLabel { .. } => !is_label(&label),
                    RegisterError::DuplicateLabel { .. } => label == constant,
                    _ => false,
                };
                prop_assert!(expected, "{}", error);
                return Ok(());
            }
        }
        let mut expected = Document::default();
        expected.families.insert(full.clone(), ("gauge".to_owned(), value.clone()));
        let labels = BTreeMap::from([(constant, value.clone()), (label, value)]);
        expected.samples.insert((full, labels), Value::Number(7.0));
        prop_assert_eq!(of_text(&registry.text()), expected);
        let text = of_text(&registry.text());
        prop_assert_eq!(of_openmetrics(&registry.openmetrics()), text);
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

/// As a help text, as the value of a constant label and as that of a series.
#[test]
fn special_texts_are_read_back() {
    for text in special_texts() {
        let registry = Registry::with_labels([("constant", &*text)]).unwrap();
        let jobs = Family::<Counter, 2>::new(["kind", "other"]);
        jobs.get_or_create(&[&text, "plain"]).inc();
        jobs.get_or_create(&["plain", &text]).inc_by(2);
        registry.register("jobs", &text, jobs).unwrap();
        let sizes = Family::<Histogram, 1>::new_with_constructor(["kind"], || {
            Histogram::new([1.0]).unwrap()
        });
        sizes.get_or_create(&[&text]).observe(0.5);
        registry.register("sizes", &text, sizes).unwrap();

        let mut expected = Document::default();
        for (name, kind) in [("jobs", "counter"), ("sizes", "histogram")] {
            let family = (kind.to_owned(), text.clone());
            expected.families.insert(name.to_owned(), family);
        }
        let histogram = Value::Histogram {
            buckets: vec![(1.0, 1.0), (f64::INFINITY, 1.0)],
            count: 1,
            sum: 0.5,
        };
        expected.samples.extend([
            (
                (
                    "jobs".to_owned(),
                    labels(&text, [("kind", &text), ("other", "plain")]),
                ),
                Value::Number(1.0),
            ),
            (
                (
                    "jobs".to_owned(),
                    labels(&text, [("kind", "plain"), ("other", &text)]),
                ),
                Value::Number(2.0),
            ),
            (
                ("sizes".to_owned(), labels(&text, [("kind", &text)])),
                histogram,
            ),
        ]);
        assert!(
            of_text(&registry.text()) == expected,
            "{:.80}",
            text.escape_debug()
        );
        assert!(
            of_openmetrics(&registry.openmetrics()) == expected,
            "{:.80}",
            text.escape_debug()
        );
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
