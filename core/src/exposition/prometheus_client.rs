//! The bridge to prometheus-client: whatever takes its metrics takes ours.
//!
//! Every instrument and family is an `EncodeMetric` and a `TypedMetric`, and a registry is a
//! `Collector`. So ours can be registered in a `prometheus_client::registry::Registry` singly or
//! all together, and come out in every format that crate knows.

use std::borrow::Cow;
use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::escape::escape_label_value;
use crate::instrument::{
    Counter, Family, Gauge, GaugeValue, Histogram, Instrument, Metric, ObservedCounter,
    UpDownCounter, Value,
};
use crate::kind::Kind;
use crate::registry::Registry;
use crate::snapshot::Descriptor;

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
);

impl<M: Instrument, const N: usize> TypedMetric for Family<M, N> {
    const TYPE: MetricType = metric_type(M::KIND);
}

impl<M: Instrument, const N: usize> EncodeMetric for Family<M, N> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
        encode_series(self, &[], &mut encoder)
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
    metric: &dyn Metric,
    constant: &[(Box<str>, Box<str>)],
    encoder: &mut MetricEncoder,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    metric.visit(&mut Value::Counter(0), &mut |labels, value| {
        let constant = constant.iter();
        let constant = constant.map(|(name, value)| (&**name, Cow::Borrowed(&**value)));
        let names = metric.label_names().iter().map(|name| &**name);
        let pairs = Pairs(constant.chain(names.zip(labels.values())).collect());
        if outcome.is_ok() {
            outcome = match pairs.0.is_empty() {
                // For an empty set of labels the encoder would write `{}`.
                true => encode_value(value, encoder),
                false => encoder
                    .encode_family(&pairs)
                    .and_then(|mut encoder| encode_value(value, &mut encoder)),
            };
        }
    });
    outcome
}

impl Collector for Registry {
    /// Encodes what the registry holds, series by series.
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut outcome = Ok(());
        self.for_each(|descriptor, metric| {
            if outcome.is_ok() && !metric.is_empty() {
                outcome = encode_descriptor(descriptor, &mut encoder).and_then(|mut encoder| {
                    encode_series(metric, &descriptor.constant_labels, &mut encoder)
                });
            }
        });
        outcome
    }
}

fn encode_descriptor<'e>(
    descriptor: &'e Descriptor,
    encoder: &'e mut DescriptorEncoder,
) -> Result<MetricEncoder<'e>, Error> {
    // The encoder appends the unit to the name, and writes the help as it is: a line feed in it
    // would end the line.
    let unit = descriptor.unit();
    let stem = unit.and_then(|unit| {
        descriptor
            .name()
            .strip_suffix(unit.as_str())?
            .strip_suffix('_')
    });
    let mut help = String::new();
    // OpenMetrics escapes help as it does label values.
    escape_label_value(&mut help, descriptor.help());
    encoder.encode_descriptor(
        stem.unwrap_or(descriptor.name()),
        &help,
        unit.filter(|_| stem.is_some()),
        metric_type(descriptor.kind()),
    )
}
