//! The encoders of prometheus-client as an oracle: what they make of a registry of ours is what ours
//! writes, but for the order of lines and labels, and for the way floats are printed.

#![cfg(feature = "prometheus-client")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use prometheus_client::encoding::{prometheus_text, text};
use proptest::prelude::*;
use tallied::{
    Buckets, Counter, Family, Gauge, Histogram, ObservedCounter, Registry, Unit, UpDownCounter,
};

/// Text 0.0.4 and OpenMetrics, by prometheus-client.
fn theirs(registry: &Registry) -> [String; 2] {
    let mut theirs = prometheus_client::registry::Registry::default();
    theirs.register_collector(Box::new(registry.clone()));
    let mut documents = [String::new(), String::new()];
    prometheus_text::encode(&mut documents[0], &theirs).unwrap();
    text::encode(&mut documents[1], &theirs).unwrap();
    documents
}

fn ours(registry: &Registry) -> [String; 2] {
    [registry.text(), registry.openmetrics()]
}

/// The lines in an order of their own: metadata as they stand, samples with sorted labels and with
/// numbers by their value.
fn canonical(document: &str) -> Vec<String> {
    let lines = document.split_terminator('\n').map(|line| {
        if line.starts_with('#') {
            return line.to_owned();
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels = pairs(labels.strip_suffix('}').unwrap());
        labels.sort();
        format!("{name} {labels:?} {}", number(value))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn pairs(labels: &str) -> Vec<String> {
    let (mut quoted, mut escaped) = (false, false);
    let pairs = labels.split(|c| {
        let between = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        between
    });
    let pairs = pairs.map(|pair| match pair.strip_prefix("le=\"") {
        Some(bound) => number(bound.strip_suffix('"').unwrap()),
        None => pair.to_owned(),
    });
    pairs.collect()
}

fn number(text: &str) -> String {
    if let Ok(whole) = text.parse::<i128>() {
        return whole.to_string();
    }
    let float: f64 = text.parse().unwrap();
    match float as i128 {
        whole if whole as f64 == float => whole.to_string(),
        _ => float.to_string(),
    }
}

/// Every character there is, and often those that are escaped or mistaken for a line's end.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!['\r', '\n', '"', '\\', 'n', ',', '{', '}', '=']);
    let characters = prop::collection::vec(prop_oneof![any::<char>(), special], 0..8);
    characters.prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn both_formats_are_what_prometheus_client_writes(
        helps in prop::array::uniform4(any_text()),
        [constant, first, second] in prop::array::uniform3(any_text()),
        (count, set, step) in (any::<u64>(), any::<i64>(), any::<u32>()),
        float in prop::num::f64::ANY,
        total in prop::num::f64::POSITIVE,
        bounds in prop::collection::btree_set(0_u32..100, 1..6),
        scale in prop::sample::select(vec![1e-9, 0.001, 0.1, 1.0, 1e6, 1e18]),
        observed in prop::collection::vec(0.0..100.0, 0..6),
    ) {
        let labels = [("constant", &*constant)];
        let registry = Registry::with_prefix_and_labels("app", labels).unwrap();
        let jobs = Family::<Counter, 2>::new(["first", "second"]);
        jobs.get_or_create(&[&first, &second]).inc_by(count);
        jobs.get_or_create(&[&second, &first]).inc();
        registry.register("jobs", &helps[0], jobs).unwrap();
        let none = Family::<Counter, 1>::new(["x"]);
        registry.register("none", "", none).unwrap();
        let gauge: Gauge = Gauge::default();
        gauge.set(set);
        registry.register("set", "", gauge).unwrap();
        let open = UpDownCounter::default();
        open.dec_by(step.into());
        registry.register("open", "", open).unwrap();
        let level = Gauge::<f64>::default();
        level.set(float);
        registry.register("level", &helps[1], level).unwrap();
        let cpu = ObservedCounter::default();
        cpu.observe_total(total);
        registry.register_with_unit("cpu", &helps[2], Unit::Seconds, cpu).unwrap();
        let buckets = Buckets::new(bounds.iter().map(|bound| f64::from(*bound) * scale)).unwrap();
        let sizes = Family::<Histogram, 1>::new_with_constructor(["first"], move || {
            Histogram::with_buckets(&buckets)
        });
        for value in &observed {
            sizes.get_or_create(&[&first]).observe(value * scale);
        }
        sizes.get_or_create(&[&second]);
        registry.register_with_unit("size", &helps[3], Unit::Bytes, sizes).unwrap();
        for (ours, theirs) in ours(&registry).iter().zip(&theirs(&registry)) {
            prop_assert_eq!(canonical(ours), canonical(theirs), "{}\n{}", ours, theirs);
        }
    }
}

/// Where no float is a whole number, text 0.0.4 is the same to the byte.
#[test]
fn text_is_the_same_to_the_byte() {
    let registry = Registry::default();
    let help = "two\nlines, a \"quote\", C:\\new and C:\\dir";
    let jobs = Family::<Counter, 1>::new(["kind"]);
    jobs.get_or_create(&["a\"b\\c\nd"]).inc_by(u64::MAX);
    registry.register("jobs", help, jobs).unwrap();
    let seconds = Histogram::new([0.00001, 0.25, 1.0, 1e6]).unwrap();
    seconds.observe(0.5);
    registry
        .register_with_unit("wait", "Waits", Unit::Seconds, seconds)
        .unwrap();
    let gauge = Gauge::<f64>::default();
    gauge.set(f64::NEG_INFINITY);
    registry.register("level", "Level", gauge).unwrap();
    assert_eq!(theirs(&registry)[0], registry.text());
}

/// A counter is the oracle of itself where a document has nothing but metadata and whole numbers.
#[test]
fn openmetrics_is_the_same_to_the_byte() {
    let registry = Registry::default();
    let help = "two\nlines, a \"quote\", C:\\new and C:\\dir";
    let sent = Counter::default();
    sent.inc();
    registry
        .register_with_unit("sent", help, Unit::Bytes, sent)
        .unwrap();
    let open: Gauge = Gauge::default();
    registry.register("open", "", open).unwrap();
    assert_eq!(theirs(&registry)[1], registry.openmetrics());
}

#[test]
fn units_convert_both_ways() {
    for unit in [
        Unit::Amperes,
        Unit::Bytes,
        Unit::Celsius,
        Unit::Grams,
        Unit::Joules,
        Unit::Meters,
        Unit::Ratios,
        Unit::Seconds,
        Unit::Volts,
        Unit::Other("pages".to_owned()),
    ] {
        let theirs = prometheus_client::registry::Unit::from(unit.clone());
        assert_eq!(theirs.as_str(), unit.as_str());
        assert_eq!(Unit::from(theirs), unit);
    }
}
