//! Prometheus' protobuf format: `io.prometheus.client.MetricFamily` messages, each with its length
//! before it.
//!
//! Prometheus asks for it first when it scrapes native histograms or start times, or when
//! `scrape_protocols` says so. Values are doubles: totals above 2⁵³ are rounded, as Prometheus
//! rounds them when it reads the text formats. A histogram has no bucket `+Inf`: it is its count.
//!
//! Costs: one pass. The length of a family, a series and a histogram is put before it when it is
//! written, which moves it by some bytes.
//!
//! Source: <https://github.com/prometheus/client_model>, `io/prometheus/client/metrics.proto`.

use super::guarded::guarded;
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
    const fn varint(field: u8) -> u8 {
        field << 3
    }
    const fn double(field: u8) -> u8 {
        field << 3 | 1
    }
    const fn message(field: u8) -> u8 {
        field << 3 | 2
    }

    pub(super) const FAMILY_NAME: u8 = message(1);
    pub(super) const FAMILY_HELP: u8 = message(2);
    pub(super) const FAMILY_TYPE: u8 = varint(3);
    pub(super) const FAMILY_METRIC: u8 = message(4);
    pub(super) const FAMILY_UNIT: u8 = message(5);

    pub(super) const METRIC_LABEL: u8 = message(1);
    pub(super) const METRIC_GAUGE: u8 = message(2);
    pub(super) const METRIC_COUNTER: u8 = message(3);
    pub(super) const METRIC_HISTOGRAM: u8 = message(7);

    pub(super) const LABEL_NAME: u8 = message(1);
    pub(super) const LABEL_VALUE: u8 = message(2);

    /// Of a gauge and of a counter.
    pub(super) const VALUE: u8 = double(1);

    pub(super) const COUNTER_CREATED: u8 = message(3);

    pub(super) const SAMPLE_COUNT: u8 = varint(1);
    pub(super) const SAMPLE_SUM: u8 = double(2);
    pub(super) const BUCKET: u8 = message(3);
    pub(super) const CUMULATIVE_COUNT: u8 = varint(1);
    pub(super) const UPPER_BOUND: u8 = double(2);
    pub(super) const HISTOGRAM_CREATED: u8 = message(15);

    pub(super) const SECONDS: u8 = varint(1);
    pub(super) const NANOS: u8 = varint(2);
}

/// Writes the series of a family, and before the first one its metadata.
struct FamilyWriter<'a> {
    into: &'a mut Vec<u8>,
    /// Where the family begins.
    begin: usize,
    descriptor: &'a Descriptor,
    /// The constant labels, as they stand in every metric.
    constant: Vec<u8>,
    samples: u64,
}

impl<'a> FamilyWriter<'a> {
    fn new(into: &'a mut Vec<u8>, descriptor: &'a Descriptor) -> Self {
        let mut constant = Vec::new();
        for (name, value) in descriptor.constant_labels() {
            push_label(&mut constant, name, value);
        }
        Self {
            begin: into.len(),
            into,
            descriptor,
            constant,
            samples: 0,
        }
    }

    /// Puts the length before the family; says how many samples it has.
    fn finish(self) -> u64 {
        if self.samples > 0 {
            push_length_before(self.into, self.begin);
        }
        self.samples
    }

    fn write(&mut self, series: SeriesView<'_>) {
        if self.samples == 0 {
            self.write_metadata();
        }
        let into = &mut *self.into;
        let begin = begin_message(into, tag::FAMILY_METRIC);
        into.extend_from_slice(&self.constant);
        let names = self.descriptor.label_names();
        for (name, value) in names.zip(series.labels.values()) {
            push_label(into, name, &value);
        }
        self.samples += match series.value {
            Value::Counter(total) => push_counter(into, *total as f64, series.start_time()),
            Value::FloatCounter(total) => push_counter(into, *total, series.start_time()),
            Value::IntegerGauge(value) => push_gauge(into, *value as f64),
            Value::UnsignedGauge(value) => push_gauge(into, *value as f64),
            Value::FloatGauge(value) => push_gauge(into, *value),
            Value::Histogram(histogram) => push_histogram(into, histogram, series.start_time()),
        };
        push_length_before(into, begin);
    }

    fn write_metadata(&mut self) {
        let into = &mut *self.into;
        let name = self.descriptor.name();
        match self.descriptor.kind() {
            Kind::Counter => {
                let begin = begin_message(into, tag::FAMILY_NAME);
                into.extend_from_slice(name.as_bytes());
                into.extend_from_slice(b"_total");
                push_length_before(into, begin);
            }
            Kind::Gauge | Kind::Histogram => push_text(into, tag::FAMILY_NAME, name),
        }
        push_text(into, tag::FAMILY_HELP, self.descriptor.help());
        into.extend_from_slice(&[
            tag::FAMILY_TYPE,
            match self.descriptor.kind() {
                Kind::Counter => 0,
                Kind::Gauge => 1,
                Kind::Histogram => 4,
            },
        ]);
        if let Some(unit) = self.descriptor.unit() {
            push_text(into, tag::FAMILY_UNIT, unit.as_str());
        }
    }
}

/// Bytes of a double with its tag.
const DOUBLE: u8 = 9;

fn push_gauge(into: &mut Vec<u8>, value: f64) -> u64 {
    into.extend_from_slice(&[tag::METRIC_GAUGE, DOUBLE]);
    push_double(into, tag::VALUE, value);
    1
}

fn push_counter(into: &mut Vec<u8>, value: f64, start: Option<StartTime>) -> u64 {
    let begin = begin_message(into, tag::METRIC_COUNTER);
    push_double(into, tag::VALUE, value);
    push_created(into, tag::COUNTER_CREATED, start);
    push_length_before(into, begin);
    1
}

fn push_created(into: &mut Vec<u8>, tag: u8, start: Option<StartTime>) {
    let Some(start) = start else { return };
    let milliseconds = start.unix_milliseconds();
    let begin = begin_message(into, tag);
    into.push(tag::SECONDS);
    push_varint(into, milliseconds / 1000);
    into.push(tag::NANOS);
    push_varint(into, milliseconds % 1000 * 1_000_000);
    push_length_before(into, begin);
}

fn push_histogram(
    into: &mut Vec<u8>,
    histogram: &HistogramSnapshot,
    start: Option<StartTime>,
) -> u64 {
    let begin = begin_message(into, tag::METRIC_HISTOGRAM);
    into.push(tag::SAMPLE_COUNT);
    push_varint(into, histogram.count);
    push_double(into, tag::SAMPLE_SUM, histogram.sum);
    let bounds = histogram.bounds.bounds();
    let mut cumulative: u64 = 0;
    for (count, bound) in histogram.buckets.iter().zip(bounds) {
        cumulative = cumulative.wrapping_add(*count);
        let length = 1 + varint_length(cumulative) as u8 + DOUBLE;
        into.extend_from_slice(&[tag::BUCKET, length, tag::CUMULATIVE_COUNT]);
        push_varint(into, cumulative);
        push_double(into, tag::UPPER_BOUND, *bound);
    }
    push_created(into, tag::HISTOGRAM_CREATED, start);
    push_length_before(into, begin);
    // The bucket `+Inf`, the sum and the count.
    bounds.len() as u64 + 3
}

fn push_label(into: &mut Vec<u8>, name: &str, value: &str) {
    let texts = [name, value].map(|text| text.len() as u64);
    let length: u64 = texts.iter().map(|n| 1 + varint_length(*n) + n).sum();
    into.push(tag::METRIC_LABEL);
    push_varint(into, length);
    push_text(into, tag::LABEL_NAME, name);
    push_text(into, tag::LABEL_VALUE, value);
}

fn push_text(into: &mut Vec<u8>, tag: u8, text: &str) {
    into.push(tag);
    push_varint(into, text.len() as u64);
    into.extend_from_slice(text.as_bytes());
}

fn push_double(into: &mut Vec<u8>, tag: u8, value: f64) {
    into.push(tag);
    into.extend_from_slice(&value.to_le_bytes());
}

fn push_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// How many bytes a varint has.
fn varint_length(value: u64) -> u64 {
    u64::from(64 - (value | 1).leading_zeros()).div_ceil(7)
}

/// Where the message begins.
fn begin_message(into: &mut Vec<u8>, tag: u8) -> usize {
    into.push(tag);
    into.len()
}

/// Puts the length of what was written since `begin` before it.
fn push_length_before(into: &mut Vec<u8>, begin: usize) {
    let end = into.len();
    push_varint(into, (end - begin) as u64);
    into[begin..].rotate_left(end - begin);
}
