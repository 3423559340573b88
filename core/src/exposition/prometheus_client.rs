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
    Counter, Family, Gauge, GaugeValue, Histogram, HistogramSnapshot, Instrument, Labels, Metric,
    ObservedCounter, SeriesSnapshot, UpDownCounter, Value, render_pairs,
};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::snapshot::{Descriptor, FamilySnapshot, Snapshot};

const fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

fn encode_value(
    value: &Value,
    labelling: Labelling,
    encoder: &mut MetricEncoder,
) -> Result<(), Error> {
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
            let sum = match labelling {
                Labelling::Text if !may_have_sum(histogram) => f64::NAN,
                _ => histogram.sum,
            };
            encoder.encode_histogram::<NoLabelSet>(sum, histogram.count, &buckets, None)
        }
    }
}

/// Whether OpenMetrics lets a histogram have this sum: it is a counter there, so never NaN, never
/// negative, and not beside bounds for negative observations.
fn may_have_sum(histogram: &HistogramSnapshot) -> bool {
    let bounds = histogram.bounds.bounds();
    histogram.sum >= 0.0 && bounds.first().is_none_or(|least| *least >= 0.0)
}

macro_rules! encode_instrument {
    ($([$($generics:tt)*] $instrument:ty),* $(,)?) => {$(
        impl<$($generics)*> TypedMetric for $instrument {
            const TYPE: MetricType = metric_type(<Self as Instrument>::KIND);
        }

        impl<$($generics)*> EncodeMetric for $instrument {
            fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
                encode_value(&self.read(), Labelling::Pairs, &mut encoder)
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
        encode_all(self, Labelling::Pairs, &[], &mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

/// How labels are handed to the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labelling {
    /// Name by name, whatever the format.
    Pairs,
    /// For text, where the encoder writes a name as it is given: as one pair, whose name is all the
    /// text up to the last name, rendered when the series was made. A bucket's line takes half the time.
    /// A histogram's sum that OpenMetrics forbids is handed over as NaN, to be taken out of the text.
    Text,
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

/// A single label.
struct Pair<'a>(&'a str, &'a str);

impl EncodeLabelSet for Pair<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), Error> {
        (self.0, self.1).encode(encoder.encode_label())
    }
}

/// Encodes the series of a metric.
struct SeriesEncoder<'a> {
    labelling: Labelling,
    constant: &'a [(Box<str>, Box<str>)],
    names: &'a [Box<str>],
    /// For [`Labelling::Text`]: the constant labels, and what stands before the last value.
    text: String,
    constant_text: usize,
}

impl<'a> SeriesEncoder<'a> {
    fn new(
        labelling: Labelling,
        constant: &'a [(Box<str>, Box<str>)],
        names: &'a [Box<str>],
    ) -> Self {
        let mut text = String::new();
        render_pairs(
            &mut text,
            constant.iter().map(|(name, value)| (&**name, &**value)),
        );
        if !constant.is_empty() {
            text.push(',');
        }
        Self {
            labelling,
            constant,
            names,
            constant_text: text.len(),
            text,
        }
    }

    fn encode(
        &mut self,
        labels: &Labels,
        value: &Value,
        encoder: &mut MetricEncoder,
    ) -> Result<(), Error> {
        if self.labelling == Labelling::Text
            && let Some((before, last)) = labels.split_last()
        {
            self.text.truncate(self.constant_text);
            self.text.push_str(before);
            let pair = Pair(&self.text, &last);
            return encode_value(value, self.labelling, &mut encoder.encode_family(&pair)?);
        }
        let constant = self.constant.iter();
        let constant = constant.map(|(name, value)| (&**name, Cow::Borrowed(&**value)));
        let names = self.names.iter().map(|name| &**name);
        let pairs = Pairs(constant.chain(names.zip(labels.values())).collect());
        // For an empty set of labels the encoder would write `{}`.
        if pairs.0.is_empty() {
            return encode_value(value, self.labelling, encoder);
        }
        encode_value(value, self.labelling, &mut encoder.encode_family(&pairs)?)
    }
}

/// Every series of a metric, as it is read.
fn encode_all(
    metric: &dyn Metric,
    labelling: Labelling,
    constant: &[(Box<str>, Box<str>)],
    encoder: &mut MetricEncoder,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    let mut series = SeriesEncoder::new(labelling, constant, metric.label_names());
    metric.visit(&mut Value::Counter(0), &mut |labels, value| {
        if outcome.is_ok() {
            outcome = series.encode(labels, value, encoder);
        }
    });
    outcome
}

/// What a scrape saw, as prometheus-client asks for it when it writes text.
#[derive(Debug)]
pub(super) struct SnapshotText(pub(super) Snapshot);

impl Collector for SnapshotText {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        for FamilySnapshot { descriptor, series } in &self.0.families {
            if series.is_empty() {
                continue;
            }
            let mut encoder = encode_descriptor(descriptor, &mut encoder)?;
            let constant = &descriptor.constant_labels;
            let mut each = SeriesEncoder::new(Labelling::Text, constant, &descriptor.label_names);
            for SeriesSnapshot { labels, value } in series {
                each.encode(labels, value, &mut encoder)?;
            }
        }
        Ok(())
    }
}

/// A registry, as prometheus-client asks for it when it writes text.
#[derive(Debug)]
pub(super) struct RegistryText(pub(super) Registry);

impl Collector for RegistryText {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        encode_registry(&self.0, Labelling::Text, &mut encoder)
    }
}

/// One metric of a registry, as prometheus-client asks for it when it writes text.
#[derive(Debug)]
pub(super) struct MetricText(pub(super) Registered);

impl Collector for MetricText {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        encode_metric(
            &self.0.descriptor,
            &*self.0.metric,
            Labelling::Text,
            &mut encoder,
        )
    }
}

impl Collector for Registry {
    /// Encodes what the registry holds, series by series.
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        encode_registry(self, Labelling::Pairs, &mut encoder)
    }
}

fn encode_registry(
    registry: &Registry,
    labelling: Labelling,
    encoder: &mut DescriptorEncoder,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    registry.for_each(|descriptor, metric| {
        if outcome.is_ok() {
            outcome = encode_metric(descriptor, metric, labelling, encoder);
        }
    });
    outcome
}

fn encode_metric(
    descriptor: &Descriptor,
    metric: &dyn Metric,
    labelling: Labelling,
    encoder: &mut DescriptorEncoder,
) -> Result<(), Error> {
    if metric.is_empty() {
        return Ok(());
    }
    let mut encoder = encode_descriptor(descriptor, encoder)?;
    encode_all(metric, labelling, &descriptor.constant_labels, &mut encoder)
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
