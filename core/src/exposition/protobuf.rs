//! Prometheus' protobuf format: `io.prometheus.client.MetricFamily` messages, each with its length
//! before it.
//!
//! Prometheus asks for it first when it scrapes native histograms or start times, or when
//! `scrape_protocols` says so. Values are doubles: totals above 2⁵³ are rounded, as Prometheus
//! rounds them when it reads the text formats. A histogram has no bucket `+Inf`: it is its count.
//!
//! Costs: one pass. The lengths of a family, of a series and of a histogram are known when it is written;
//! one whose length takes an unusual number of bytes is then moved by some bytes.
//!
//! Source: <https://github.com/prometheus/client_model>, `io/prometheus/client/metrics.proto`.

use super::guarded::guarded;
use super::wire::{DOUBLE, Open, push_double, push_pair, push_text, push_varint, varint_length};
use crate::error::ReadError;
use crate::instrument::{HistogramSnapshot, SeriesView, Value};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::snapshot::{Descriptor, Snapshot};
use crate::start_time::StartTime;

/// The content type of this format.
pub const CONTENT_TYPE: &str = "application/vnd.google.protobuf; \
                                proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Appends a snapshot. Families without series are left out.
pub fn encode(into: &mut Vec<u8>, snapshot: &Snapshot) {
    for family in &snapshot.families {
        let mut writer = FamilyWriter::new(into, &family.descriptor);
        for series in &family.series {
            writer.write(series.into());
        }
        writer.finish();
    }
}

/// Appends what a registry holds, each series as it is read. Families without series are left out.
///
/// # Panics
/// As [`Registry::snapshot`].
pub fn encode_registry(into: &mut Vec<u8>, registry: &Registry) {
    let mut scratch = Value::Counter(0);
    registry.for_each(|metric| {
        // What the application computes is all there, or it is missing.
        let _missing = write_metric(into, metric, &mut scratch);
    });
}

/// Appends one metric, unless it has no series. Where that fails, `into` is as it was before, and
/// what comes after can still be written. A program that is built with `panic = "abort"` ends at a
/// panic.
///
/// # Errors
/// When reading it panicked, and the panic hook has run by then; for what the application computes
/// also when it was late.
pub fn encode_metric(into: &mut Vec<u8>, metric: &Registered) -> Result<(), ReadError> {
    encode_metric_counted(into, metric).map(|_| ())
}

/// As [`encode_metric`]; returns how many samples Prometheus makes of it.
///
/// # Errors
/// As [`encode_metric`].
#[doc(hidden)]
pub fn encode_metric_counted(into: &mut Vec<u8>, metric: &Registered) -> Result<u64, ReadError> {
    guarded(into, metric, |into| {
        write_metric(into, metric, &mut Value::Counter(0))
    })
}

fn write_metric(
    into: &mut Vec<u8>,
    metric: &Registered,
    scratch: &mut Value,
) -> Result<u64, ReadError> {
    let mut writer = FamilyWriter::new(into, metric.descriptor());
    metric.visit(scratch, &mut |series| writer.write(series))?;
    Ok(writer.finish())
}

/// Fields of the messages, as their numbers and wire types.
mod tag {
    use crate::exposition::wire::{double_tag, message_tag, varint_tag};

    pub(super) const FAMILY_NAME: u8 = message_tag(1);
    pub(super) const FAMILY_HELP: u8 = message_tag(2);
    pub(super) const FAMILY_TYPE: u8 = varint_tag(3);
    pub(super) const FAMILY_METRIC: u8 = message_tag(4);
    pub(super) const FAMILY_UNIT: u8 = message_tag(5);

    pub(super) const METRIC_LABEL: u8 = message_tag(1);
    pub(super) const METRIC_GAUGE: u8 = message_tag(2);
    pub(super) const METRIC_COUNTER: u8 = message_tag(3);
    pub(super) const METRIC_HISTOGRAM: u8 = message_tag(7);

    pub(super) const LABEL_NAME: u8 = message_tag(1);
    pub(super) const LABEL_VALUE: u8 = message_tag(2);

    pub(super) const GAUGE_VALUE: u8 = double_tag(1);

    pub(super) const COUNTER_VALUE: u8 = double_tag(1);
    pub(super) const COUNTER_CREATED: u8 = message_tag(3);

    pub(super) const HISTOGRAM_COUNT: u8 = varint_tag(1);
    pub(super) const HISTOGRAM_SUM: u8 = double_tag(2);
    pub(super) const HISTOGRAM_BUCKET: u8 = message_tag(3);
    pub(super) const HISTOGRAM_CREATED: u8 = message_tag(15);

    pub(super) const BUCKET_CUMULATIVE_COUNT: u8 = varint_tag(1);
    pub(super) const BUCKET_UPPER_BOUND: u8 = double_tag(2);

    pub(super) const SECONDS: u8 = varint_tag(1);
    pub(super) const NANOS: u8 = varint_tag(2);
}

/// Bytes that the length of most families takes, or fewer: moving those is quick.
const FAMILY_WIDTH: usize = 3;

/// Writes the series of a family, and before the first one its metadata.
struct FamilyWriter<'a> {
    into: &'a mut Vec<u8>,
    descriptor: &'a Descriptor,
    /// The family, once it has begun.
    family: Option<Open>,
    /// The constant labels, as they stand in every series.
    constant: Vec<u8>,
    /// The names of the series' labels, each as it stands in its pair.
    names: Vec<Vec<u8>>,
    samples: u64,
}

impl<'a> FamilyWriter<'a> {
    fn new(into: &'a mut Vec<u8>, descriptor: &'a Descriptor) -> Self {
        let label_name = |name: &str| {
            let mut field = Vec::new();
            push_text(&mut field, tag::LABEL_NAME, name.as_bytes());
            field
        };
        let mut constant = Vec::new();
        for (name, value) in descriptor.constant_labels() {
            push_label(&mut constant, &label_name(name), value);
        }
        Self {
            into,
            descriptor,
            family: None,
            constant,
            names: descriptor.label_names().map(label_name).collect(),
            samples: 0,
        }
    }

    /// Writes the family's length; says how many samples it has.
    fn finish(self) -> u64 {
        if let Some(family) = self.family {
            family.close(self.into);
        }
        self.samples
    }

    fn write(&mut self, series: SeriesView<'_>) {
        if self.family.is_none() {
            self.family = Some(Open::new(self.into, FAMILY_WIDTH));
            self.write_metadata();
        }
        let into = &mut *self.into;
        into.push(tag::FAMILY_METRIC);
        let metric = Open::new(into, likely_width(series.value));
        into.extend_from_slice(&self.constant);
        let names = &self.descriptor.label_names;
        series.labels.for_each_value(names, |index, value| {
            push_label(into, &self.names[index], value);
        });
        match series.value {
            Value::Counter(total) => push_counter(into, *total as f64, series.start_time()),
            Value::FloatCounter(total) => push_counter(into, *total, series.start_time()),
            Value::IntegerGauge(value) => push_gauge(into, *value as f64),
            Value::UnsignedGauge(value) => push_gauge(into, *value as f64),
            Value::FloatGauge(value) => push_gauge(into, *value),
            Value::Histogram(histogram) => {
                into.push(tag::METRIC_HISTOGRAM);
                let message = Open::new(into, likely_width(series.value));
                push_histogram(into, histogram, series.start_time());
                message.close(into);
            }
        }
        metric.close(into);
        self.samples += match series.value {
            // The bucket `+Inf`, the sum and the count.
            Value::Histogram(histogram) => histogram.bounds.bounds().len() as u64 + 3,
            _ => 1,
        };
    }

    fn write_metadata(&mut self) {
        let into = &mut *self.into;
        let name = self.descriptor.name();
        let (suffix, kind) = match self.descriptor.kind() {
            Kind::Counter => ("_total", 0),
            Kind::Gauge => ("", 1),
            Kind::Histogram => ("", 4),
        };
        push_text(into, tag::FAMILY_NAME, format!("{name}{suffix}").as_bytes());
        push_text(into, tag::FAMILY_HELP, self.descriptor.help().as_bytes());
        into.extend_from_slice(&[tag::FAMILY_TYPE, kind]);
        if let Some(unit) = self.descriptor.unit() {
            push_text(into, tag::FAMILY_UNIT, unit.as_str().as_bytes());
        }
    }
}

/// Bytes that the length of a series takes, or of a histogram. A bucket has 13 bytes or more.
fn likely_width(value: &Value) -> usize {
    match value {
        Value::Histogram(histogram) if histogram.bounds.bounds().len() >= 10 => 2,
        _ => 1,
    }
}

fn push_gauge(into: &mut Vec<u8>, value: f64) {
    into.extend_from_slice(&[tag::METRIC_GAUGE, DOUBLE as u8]);
    push_double(into, tag::GAUGE_VALUE, value);
}

fn push_counter(into: &mut Vec<u8>, value: f64, start: Option<StartTime>) {
    let start = start.map(Timestamp::from);
    let created = start.map_or(0, |start| 2 + start.length());
    into.extend_from_slice(&[tag::METRIC_COUNTER, (DOUBLE + created) as u8]);
    push_double(into, tag::COUNTER_VALUE, value);
    if let Some(start) = start {
        start.push(into, tag::COUNTER_CREATED);
    }
}

fn push_histogram(into: &mut Vec<u8>, histogram: &HistogramSnapshot, start: Option<StartTime>) {
    into.push(tag::HISTOGRAM_COUNT);
    push_varint(into, histogram.count);
    push_double(into, tag::HISTOGRAM_SUM, histogram.sum);
    let bounds = histogram.bounds.bounds();
    let mut cumulative: u64 = 0;
    for (count, bound) in histogram.buckets.iter().zip(bounds) {
        cumulative = cumulative.wrapping_add(*count);
        let length = 1 + varint_length(cumulative) + DOUBLE;
        into.extend_from_slice(&[
            tag::HISTOGRAM_BUCKET,
            length as u8,
            tag::BUCKET_CUMULATIVE_COUNT,
        ]);
        push_varint(into, cumulative);
        push_double(into, tag::BUCKET_UPPER_BOUND, *bound);
    }
    if let Some(start) = start {
        Timestamp::from(start).push(into, tag::HISTOGRAM_CREATED);
    }
}

#[derive(Clone, Copy)]
struct Timestamp {
    seconds: u64,
    nanos: u64,
}

impl From<StartTime> for Timestamp {
    fn from(time: StartTime) -> Self {
        let milliseconds = time.unix_milliseconds();
        Self {
            seconds: milliseconds / 1000,
            nanos: milliseconds % 1000 * 1_000_000,
        }
    }
}

impl Timestamp {
    fn length(self) -> usize {
        2 + varint_length(self.seconds) + varint_length(self.nanos)
    }

    fn push(self, into: &mut Vec<u8>, tag: u8) {
        into.extend_from_slice(&[tag, self.length() as u8, tag::SECONDS]);
        push_varint(into, self.seconds);
        into.push(tag::NANOS);
        push_varint(into, self.nanos);
    }
}

/// `name` is a whole field.
fn push_label(into: &mut Vec<u8>, name: &[u8], value: &str) {
    push_pair(
        into,
        tag::METRIC_LABEL,
        name,
        tag::LABEL_VALUE,
        value.as_bytes(),
    );
}
