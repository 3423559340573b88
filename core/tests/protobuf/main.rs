//! What an independent decoder makes of the protobuf format: what a snapshot holds, under the names,
//! labels and help texts that it was recorded under, however hostile.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod messages;

use proptest::prelude::*;
use tallied::exposition::protobuf;
use tallied::{
    Buckets, Collector, Counter, CounterFn, Description, Family, FamilySnapshot, Gauge, Histogram,
    HistogramSnapshot, Kind, ObservedCounter, Registry, Samples, SeriesSnapshot, Unit, Value,
};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::messages::{Metric, MetricFamily, Timestamp, decode};

/// Of a family, as the decoder has it.
fn assert_same(found: &MetricFamily, expected: &FamilySnapshot) {
    let descriptor = &expected.descriptor;
    let (suffix, kind) = match descriptor.kind() {
        Kind::Counter => ("_total", 0),
        Kind::Gauge => ("", 1),
        Kind::Histogram => ("", 4),
        other => panic!("{other} is none of these"),
    };
    let name = format!("{}{suffix}", descriptor.name());
    assert_eq!(found.name.as_ref(), Some(&name));
    assert_eq!(found.help.as_deref(), Some(descriptor.help()));
    assert_eq!(found.r#type, Some(kind));
    assert_eq!(found.unit.as_deref(), descriptor.unit().map(Unit::as_str));
    assert_eq!(found.metric.len(), expected.series.len());
    for (found, series) in found.metric.iter().zip(&expected.series) {
        let constant = descriptor.constant_labels();
        let constant = constant.map(|(name, value)| (name, value.to_owned()));
        let own = descriptor.label_names().zip(series.labels.values());
        let own = own.map(|(name, value)| (name, value.into_owned()));
        let expected: Vec<_> = constant.chain(own).collect();
        assert_eq!(pairs(found), expected);
        assert_same_value(found, series);
    }
}

fn pairs(metric: &Metric) -> Vec<(&str, String)> {
    let pairs = metric.label.iter().cloned();
    let names = metric
        .label
        .iter()
        .map(|pair| pair.name.as_deref().unwrap());
    names.zip(pairs.map(|pair| pair.value.unwrap())).collect()
}

fn bits(value: Option<f64>) -> u64 {
    value.unwrap().to_bits()
}

/// A timestamp as `created_timestamp` has it.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    Timestamp {
        seconds: Some(since.as_secs() as i64),
        nanos: Some(since.subsec_nanos() as i32),
    }
}

fn assert_same_value(found: &Metric, expected: &SeriesSnapshot) {
    let created = match (&found.counter, &found.histogram) {
        (Some(counter), None) => &counter.created_timestamp,
        (None, Some(histogram)) => &histogram.created_timestamp,
        _ => &None,
    };
    let expected_created = expected.start_time.map(|start| timestamp(start.into()));
    assert_eq!(created, &expected_created);
    let (gauge, counter) = (found.gauge.as_ref(), found.counter.as_ref());
    let (gauge, counter) = (gauge.map(|g| bits(g.value)), counter.map(|c| bits(c.value)));
    let number = |value: f64| Some(value.to_bits());
    let expected_numbers = match &expected.value {
        Value::Counter(total) => (None, number(*total as f64)),
        Value::FloatCounter(total) => (None, number(*total)),
        Value::IntegerGauge(value) => (number(*value as f64), None),
        Value::UnsignedGauge(value) => (number(*value as f64), None),
        Value::FloatGauge(value) => (number(*value), None),
        Value::Histogram(_) => (None, None),
        other => panic!("{other:?} is none of these"),
    };
    assert_eq!((gauge, counter), expected_numbers);
    let Value::Histogram(expected) = &expected.value else {
        return assert_eq!(found.histogram, None);
    };
    let found = found.histogram.as_ref().unwrap();
    assert_eq!(found.sample_count, Some(expected.count));
    assert_eq!(bits(found.sample_sum), expected.sum.to_bits());
    let mut cumulative = 0_u64;
    let buckets = expected.bounds.bounds().iter().zip(&expected.buckets);
    let buckets: Vec<_> = buckets
        .map(|(bound, count)| {
            cumulative = cumulative.wrapping_add(*count);
            (bound.to_bits(), Some(cumulative))
        })
        .collect();
    let found = found.bucket.iter();
    let found: Vec<_> = found
        .map(|bucket| (bits(bucket.upper_bound), bucket.cumulative_count))
        .collect();
    assert_eq!(found, buckets);
}

/// The document, decoded; the same whichever way it was written.
fn decoded(registry: &Registry) -> Vec<MetricFamily> {
    let snapshot = registry.snapshot();
    let document = registry.protobuf();
    let (mut of_snapshot, mut of_metrics) = (Vec::new(), Vec::new());
    protobuf::encode(&mut of_snapshot, &snapshot);
    assert_eq!(of_snapshot, document);
    let mut samples = 0;
    for metric in registry.metrics() {
        samples += protobuf::encode_metric_counted(&mut of_metrics, &metric).unwrap();
    }
    assert_eq!(of_metrics, document);
    let lines = registry.text();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(samples, lines.count() as u64);

    let families = decode(&document);
    let shown = snapshot.families.iter();
    let shown: Vec<_> = shown.filter(|family| !family.series.is_empty()).collect();
    assert_eq!(families.len(), shown.len());
    for (found, expected) in families.iter().zip(shown) {
        assert_same(found, expected);
    }
    families
}

/// A histogram that was counted elsewhere.
struct Elsewhere(HistogramSnapshot);

impl Collector for Elsewhere {
    fn describe(&self) -> Vec<Description> {
        let since = UNIX_EPOCH + Duration::from_millis(1_700_000_000_001);
        vec![Description::histogram("elsewhere", "").since(since)]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        samples.histogram("elsewhere", &[], self.0.clone());
    }
}

/// Every character there is, and often those that the text formats escape; also texts whose length
/// takes more than one byte.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!['\r', '\n', '"', '\\', 'n', ',', '=', '\0']);
    let character = prop_oneof![any::<char>(), special];
    let text = move |length| prop::collection::vec(character.clone(), length);
    prop_oneof![8 => text(0..12), 1 => text(100..140)].prop_map(String::from_iter)
}

/// Mostly what is special.
fn any_float() -> impl Strategy<Value = f64> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::MAX,
    ];
    prop_oneof![
        prop::sample::select(special.to_vec()),
        prop::num::f64::ANY,
        -2.0..2.0
    ]
}

fn any_bounds() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e3..1e3, 1..300).prop_map(|mut bounds| {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    })
}

fn any_count() -> impl Strategy<Value = u64> {
    // Of every length as a varint.
    prop_oneof![
        Just(u64::MAX),
        (0..64_u32, any::<u64>()).prop_map(|(by, n)| n >> by)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 1_000 }))]

    #[test]
    fn a_document_is_its_snapshot(
        constant in prop::array::uniform2(any_text()),
        helps in prop::array::uniform3(any_text()),
        counts in prop::collection::vec((prop::array::uniform3(any_text()), any_count()), 0..6),
        gauges in (any::<i64>(), any::<u64>(), any_float(), any_float()),
        bounds in any_bounds(),
        observed in prop::collection::vec((any_text(), prop::collection::vec(any_float(), 0..9)), 0..4),
        elsewhere in prop::collection::vec(any_count(), 1..20),
        sum in any_float(),
    ) {
        let names = ["constant", "other"].into_iter();
        let constant = names.zip(constant.iter().map(|value| &**value));
        let registry = Registry::with_prefix_and_labels("app", constant).unwrap();
        let requests = Family::<Counter, 3>::new(["z", "a", "m"]);
        registry.register("requests", &helps[0], requests.clone()).unwrap();
        for ([z, a, m], n) in &counts {
            requests.get_or_create(&[z, a, m]).inc_by(*n);
        }
        let (signed, unsigned, float) = (Gauge::<i64>::default(), Gauge::<u64>::default(), Gauge::<f64>::default());
        signed.set(gauges.0);
        unsigned.set(gauges.1);
        float.set(gauges.2);
        registry.register("signed", &helps[1], signed).unwrap();
        registry.register_with_unit("size", &helps[1], Unit::Bytes, unsigned).unwrap();
        registry.register("float", &helps[1], float).unwrap();
        let cpu = ObservedCounter::default();
        cpu.observe_total(gauges.3);
        registry.register_with_unit("cpu", "", Unit::Seconds, cpu).unwrap();
        let buckets = Buckets::new(bounds).unwrap();
        let sizes = Family::<Histogram, 1>::new_with_constructor(["label"], move || {
            Histogram::with_buckets(&buckets)
        });
        registry.register("sizes", &helps[2], sizes.clone()).unwrap();
        for (label, values) in &observed {
            let histogram = sizes.get_or_create(&[label]);
            values.iter().for_each(|value| histogram.observe(*value));
        }
        let buckets = Buckets::new((1..elsewhere.len().max(2)).map(|n| n as f64)).unwrap();
        let mut elsewhere = elsewhere;
        elsewhere.resize(buckets.bounds().len() + 1, 7);
        let elsewhere = HistogramSnapshot::new(buckets, elsewhere, sum).unwrap();
        registry.register_collector("elsewhere", Elsewhere(elsewhere)).unwrap();

        let families = decoded(&registry);
        // The labels against what went in, which the snapshot read from the same place.
        for family in families.iter().filter(|family| family.name.as_deref() == Some("app_requests_total")) {
            for metric in &family.metric {
                let found = &pairs(metric)[2..];
                prop_assert!(counts.iter().any(|(given, _)| {
                    found.iter().map(|(_, value)| value).eq(given)
                }), "{:?}", found);
            }
        }
    }
}

#[test]
fn an_empty_registry_is_an_empty_document() {
    let registry = Registry::default();
    assert!(registry.protobuf().is_empty());
    let family = Family::<Counter, 1>::new(["l"]);
    registry.register("without_series", "", family).unwrap();
    assert!(registry.protobuf().is_empty());
}

/// To the byte, by hand from the field numbers and wire types of `metrics.proto`.
#[test]
fn a_small_registry_to_the_byte() {
    let registry = Registry::with_labels([("a", "\"")]).unwrap();
    let jobs = Family::<CounterFn, 1>::new_with_constructor(["b"], || {
        let since = UNIX_EPOCH + Duration::from_millis(300_002);
        CounterFn::new(|| 3_u64).since(since)
    });
    jobs.get_or_create(&[""]);
    registry
        .register_with_unit("j", "H", Unit::Other("u".into()), jobs)
        .unwrap();
    let mut expected = vec![0x0a, 9];
    expected.extend(b"j_u_total");
    expected.extend([0x12, 1, b'H', 0x18, 0, 0x2a, 1, b'u', 0x22, 35]);
    expected.extend([0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'"']);
    expected.extend([0x0a, 5, 0x0a, 1, b'b', 0x12, 0]);
    expected.extend([0x1a, 18, 0x09]);
    expected.extend(3_f64.to_le_bytes());
    // 300 s, 2,000,000 ns
    expected.extend([0x1a, 7, 0x08, 0xac, 0x02, 0x10, 0x80, 0x89, 0x7a]);
    expected.insert(0, expected.len() as u8);
    assert_eq!(registry.protobuf(), expected);
}
