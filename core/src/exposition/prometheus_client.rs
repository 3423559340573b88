//! The bridge to prometheus-client: whatever takes its metrics takes ours.
//!
//! Every instrument and family is an `EncodeMetric` and a `TypedMetric`, and a registry is a
//! `Collector`. So ours can be registered in a `prometheus_client::registry::Registry` singly or
//! all together, and come out in every format that crate knows.
//!
//! Its 0.x releases have traits of their own each: these are those of 0.26.

use std::borrow::Cow;
use std::fmt::{Error, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Unit as TheirUnit;

use crate::escape::escape_label_value;
use crate::instrument::{
    Counter, CounterFn, Family, Gauge, GaugeFn, GaugeValue, Histogram, Instrument, Metric,
    ObservedCounter, SeriesView, UpDownCounter, Value,
};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::unit::Unit;

const fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

fn encode_value(value: &Value, encoder: &mut MetricEncoder) -> Result<(), Error> {
    match value {
        Value::Counter(total) => encoder.encode_counter::<NoLabelSet, _, u64>(total, None),
        Value::FloatCounter(total) => encoder.encode_counter::<NoLabelSet, _, u64>(total, None),
        Value::IntegerGauge(value) => encoder.encode_gauge(value),
        Value::UnsignedGauge(value) => encoder.encode_gauge(value),
        Value::FloatGauge(value) => encoder.encode_gauge(value),
        Value::Histogram(histogram) => {
            let mut buckets = Vec::with_capacity(histogram.buckets.len());
            let bounds = histogram.bounds.bounds().iter().copied();
            buckets.extend(bounds.zip(histogram.buckets.iter().copied()));
            // The last one has no finite bound.
            buckets.extend(histogram.buckets.last().map(|n| (f64::INFINITY, *n)));
            encoder.encode_histogram::<NoLabelSet>(histogram.sum, histogram.count, &buckets, None)
        }
    }
}

macro_rules! encode_instrument {
    ($([$($generics:tt)*] $instrument:ty),* $(,)?) => {$(
        impl<$($generics)*> TypedMetric for $instrument {
            const TYPE: MetricType = metric_type(<Self as Instrument>::KIND);
        }

        impl<$($generics)*> EncodeMetric for $instrument {
            fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
                encode_value(&self.read(), &mut encoder)
            }

            fn metric_type(&self) -> MetricType {
                Self::TYPE
            }
        }
    )*};
}

encode_instrument!(
    [] Counter,
    [] ObservedCounter,
    [] UpDownCounter,
    [N: GaugeValue] Gauge<N>,
    [] Histogram,
    [] GaugeFn,
    [] CounterFn,
);

impl<M: Instrument, const N: usize> TypedMetric for Family<M, N> {
    const TYPE: MetricType = metric_type(M::KIND);
}

impl<M: Instrument, const N: usize> EncodeMetric for Family<M, N> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
        let visit = |each: &mut dyn FnMut(SeriesView<'_>)| {
            self.visit(&mut Value::Counter(0), each);
        };
        encode_series(visit, self.label_names(), &[], &mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

/// A list of labels, which the encoder asks for on each line.
struct Pairs<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl EncodeLabelSet for Pairs<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), Error> {
        for (name, value) in &self.0 {
            (*name, &**value).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

/// Every series of a metric, as it is read.
fn encode_series(
    visit: impl FnOnce(&mut dyn FnMut(SeriesView<'_>)),
    names: &[Box<str>],
    constant: &[(Box<str>, Box<str>)],
    encoder: &mut MetricEncoder,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    visit(&mut |series| {
        let constant = constant.iter();
        let constant = constant.map(|(name, value)| (&**name, Cow::Borrowed(&**value)));
        let names = names.iter().map(|name| &**name);
        let pairs = Pairs(constant.chain(names.zip(series.labels.values())).collect());
        if outcome.is_ok() {
            let encoder = encoder.encode_family(&pairs);
            outcome = encoder.and_then(|mut encoder| encode_value(series.value, &mut encoder));
        }
    });
    outcome
}

impl Collector for Registry {
    /// Encodes what the registry holds, series by series.
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let escapes_help = escapes_help(&encoder);
        let mut outcome = Ok(());
        self.for_each(|metric| {
            if outcome.is_ok() && !metric.is_empty() {
                outcome = encode_metric(metric, escapes_help, &mut encoder);
            }
        });
        outcome
    }
}

fn encode_metric(
    metric: &Registered,
    escapes_help: bool,
    encoder: &mut DescriptorEncoder,
) -> Result<(), Error> {
    let descriptor = metric.descriptor();
    // The encoder appends the unit to the name, which has it already.
    let mut name = descriptor.name();
    let unit = descriptor.unit().cloned().map(TheirUnit::from);
    if let Some(unit) = &unit {
        name = name.strip_suffix(unit.as_str()).unwrap_or(name);
        name = name.strip_suffix('_').unwrap_or(name);
    }
    let mut help = String::new();
    match escapes_help {
        true => help.push_str(descriptor.help()),
        // OpenMetrics escapes help as it does label values.
        false => escape_label_value(&mut help, descriptor.help()),
    }
    let kind = metric_type(descriptor.kind());
    let mut encoder = encoder.encode_descriptor(name, &help, unit.as_ref(), kind)?;
    let visit = |each: &mut dyn FnMut(SeriesView<'_>)| {
        // What is missing was not empty, so it was computed, and it is all there or an error before.
        let _missing = metric.visit(&mut Value::Counter(0), each);
    };
    let names = &descriptor.label_names;
    encode_series(visit, names, &descriptor.constant_labels, &mut encoder)
}

/// Whether the encoder escapes help texts, or has a format that needs no escapes: that of
/// OpenMetrics text writes them as they are, and a line feed would end the line.
///
/// Nothing but its `Debug` says which encoder it is. Should that change, help is escaped twice.
fn escapes_help(encoder: &DescriptorEncoder) -> bool {
    /// What an encoder calls itself; the rest may be long.
    struct Head(String);

    impl Write for Head {
        fn write_str(&mut self, piece: &str) -> Result<(), Error> {
            self.0.push_str(piece);
            if self.0.len() < 40 {
                Ok(())
            } else {
                Err(Error)
            }
        }
    }

    let mut head = Head(String::new());
    // It fails where the head ends.
    let _ = write!(head, "{encoder:?}");
    head.0.contains("Prometheus")
}

impl From<Unit> for TheirUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Amperes => Self::Amperes,
            Unit::Bytes => Self::Bytes,
            Unit::Celsius => Self::Celsius,
            Unit::Grams => Self::Grams,
            Unit::Joules => Self::Joules,
            Unit::Meters => Self::Meters,
            Unit::Ratios => Self::Ratios,
            Unit::Seconds => Self::Seconds,
            Unit::Volts => Self::Volts,
            Unit::Other(other) => Self::Other(other),
        }
    }
}

impl From<TheirUnit> for Unit {
    fn from(unit: TheirUnit) -> Self {
        match unit {
            TheirUnit::Amperes => Self::Amperes,
            TheirUnit::Bytes => Self::Bytes,
            TheirUnit::Celsius => Self::Celsius,
            TheirUnit::Grams => Self::Grams,
            TheirUnit::Joules => Self::Joules,
            TheirUnit::Meters => Self::Meters,
            TheirUnit::Ratios => Self::Ratios,
            TheirUnit::Seconds => Self::Seconds,
            TheirUnit::Volts => Self::Volts,
            TheirUnit::Other(other) => Self::Other(other),
        }
    }
}
