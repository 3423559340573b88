//! Writes families, series by series, in either text format.
//!
//! Costs: one pass; beside the buffer's growth, 16 bytes a series for a list of a family's series in
//! their order. Label text was rendered when the series was made, and is copied from line to line.

use std::fmt::Write;

use super::guarded::guarded;
use super::number::{go_float, push_float, push_integer};
use crate::Buckets;
use crate::error::ReadError;
use crate::escape::{escape_help, escape_label_value};
use crate::instrument::{HistogramSnapshot, SeriesView, Value, render_pairs};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::snapshot::{Descriptor, Snapshot};
use crate::start_time::StartTime;

/// What a format chooses.
pub(super) struct Format {
    /// A counter's metadata carry the name of its samples, with `_total`.
    pub(super) full_counter_name: bool,
    /// There is a line for the unit.
    pub(super) unit: bool,
    /// How a help text is escaped.
    pub(super) escape_help: fn(&mut String, &str),
    /// A whole number that is a float ends in `.0`.
    pub(super) point_zero: bool,
    /// A histogram's sum is a counter: never negative, never NaN, and not beside a negative bound.
    pub(super) sum_is_counter: bool,
    /// A series whose start is known has a sample `_created`.
    pub(super) created: bool,
}

pub(super) const TEXT: Format = Format {
    full_counter_name: true,
    unit: false,
    escape_help,
    point_zero: false,
    sum_is_counter: false,
    created: false,
};

pub(super) const OPENMETRICS: Format = Format {
    full_counter_name: false,
    unit: true,
    escape_help: escape_label_value,
    point_zero: true,
    sum_is_counter: true,
    created: false,
};

pub(super) const OPENMETRICS_WITH_CREATED: Format = Format {
    created: true,
    ..OPENMETRICS
};

impl Format {
    pub(super) fn encode(&self, into: &mut String, snapshot: &Snapshot) {
        for family in &snapshot.families {
            let mut writer = FamilyWriter::new(self, &family.descriptor);
            for series in &family.series {
                writer.write(into, series.into());
            }
        }
    }

    pub(super) fn encode_registry(&self, into: &mut String, registry: &Registry) {
        let mut scratch = Value::Counter(0);
        registry.for_each(|metric| {
            // What the application computes is all there, or it is missing.
            let _missing = self.write_metric(into, metric, &mut scratch);
        });
    }

    pub(super) fn encode_metric(
        &self,
        into: &mut String,
        metric: &Registered,
    ) -> Result<(), ReadError> {
        guarded(into, metric, |into| {
            self.write_metric(into, metric, &mut Value::Counter(0))
        })
    }

    fn write_metric(
        &self,
        into: &mut String,
        metric: &Registered,
        scratch: &mut Value,
    ) -> Result<(), ReadError> {
        let mut writer = FamilyWriter::new(self, metric.descriptor());
        metric.visit(scratch, &mut |series| {
            writer.write(into, series);
        })
    }

    fn may_have_sum(&self, histogram: &HistogramSnapshot) -> bool {
        let first = histogram.bounds.bounds().first();
        // NaN is not positive either.
        !self.sum_is_counter || (histogram.sum >= 0.0 && first.is_none_or(|least| *least >= 0.0))
    }
}

/// Writes the series of a family, and before the first one its metadata.
struct FamilyWriter<'a> {
    format: &'a Format,
    descriptor: &'a Descriptor,
    /// What the samples of a counter or a gauge have after the family's name.
    suffix: &'static str,
    /// The constant labels: `a="x",b="y"`.
    constant: String,
    le: LeTexts,
    /// What every bucket's line of a series begins with.
    bucket: String,
    begun: bool,
}

impl<'a> FamilyWriter<'a> {
    fn new(format: &'a Format, descriptor: &'a Descriptor) -> Self {
        let suffix = match descriptor.kind() {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        let mut constant = String::new();
        render_pairs(&mut constant, descriptor.constant_labels());
        Self {
            format,
            descriptor,
            suffix,
            constant,
            le: LeTexts::default(),
            bucket: String::new(),
            begun: false,
        }
    }

    fn write(&mut self, into: &mut String, series: SeriesView<'_>) {
        if !self.begun {
            self.begun = true;
            self.write_metadata(into);
        }
        let own = series.labels.text();
        match series.value {
            Value::Histogram(histogram) => self.write_histogram(into, own, histogram),
            value => self.write_number(into, own, value),
        }
        if self.format.created {
            self.write_created(into, own, series.start_time());
        }
    }

    fn write_number(&self, into: &mut String, own: &str, value: &Value) {
        self.begin_sample(into, self.suffix, own);
        match value {
            Value::Counter(value) | Value::UnsignedGauge(value) => push_integer(into, *value),
            Value::IntegerGauge(value) => push_integer(into, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => {
                push_float(into, *value, self.format.point_zero);
            }
            Value::Histogram(_) => {}
        }
        into.push('\n');
    }

    fn write_metadata(&self, into: &mut String) {
        let name = self.descriptor.name();
        let suffix = match self.format.full_counter_name {
            true => self.suffix,
            false => "",
        };
        push_all(into, ["# HELP ", name, suffix, " "]);
        (self.format.escape_help)(into, self.descriptor.help());
        let kind = self.descriptor.kind().as_str();
        push_all(into, ["\n# TYPE ", name, suffix, " ", kind, "\n"]);
        if let Some(unit) = self.descriptor.unit().filter(|_| self.format.unit) {
            push_all(into, ["# UNIT ", name, suffix, " ", unit.as_str(), "\n"]);
        }
    }

    fn write_histogram(&mut self, into: &mut String, own: &str, histogram: &HistogramSnapshot) {
        self.bucket.clear();
        push_all(&mut self.bucket, [self.descriptor.name(), "_bucket{"]);
        if push_pairs(&mut self.bucket, &self.constant, own) {
            self.bucket.push(',');
        }
        self.bucket.push_str("le=\"");
        let les = self.le.of(&histogram.bounds, self.format.point_zero);
        let mut cumulative: u64 = 0;
        for (count, le) in histogram.buckets.iter().zip(les) {
            push_all(into, [&self.bucket, le]);
            cumulative = cumulative.wrapping_add(*count);
            push_integer(into, cumulative);
            into.push('\n');
        }
        if !self.format.may_have_sum(histogram) {
            return;
        }
        self.begin_sample(into, "_sum", own);
        push_float(into, histogram.sum, self.format.point_zero);
        into.push('\n');
        self.begin_sample(into, "_count", own);
        push_integer(into, histogram.count);
        into.push('\n');
    }

    fn write_created(&self, into: &mut String, own: &str, start: Option<StartTime>) {
        let Some(start) = start else { return };
        self.begin_sample(into, "_created", own);
        let milliseconds = start.unix_milliseconds();
        push_integer(into, milliseconds / 1000);
        // Writing to a String cannot fail.
        let _ = writeln!(into, ".{:03}", milliseconds % 1000);
    }

    /// `name_sum{a="x"} `, or `name_sum ` where there are no labels.
    fn begin_sample(&self, into: &mut String, suffix: &str, own: &str) {
        push_all(into, [self.descriptor.name(), suffix]);
        if self.constant.is_empty() && own.is_empty() {
            return into.push(' ');
        }
        into.push('{');
        push_pairs(into, &self.constant, own);
        into.push_str("} ");
    }
}

/// What follows `le="` in a bucket's line, up to the value; rendered once where series share their
/// bounds.
#[derive(Default)]
struct LeTexts {
    bounds: Option<Buckets>,
    texts: Vec<String>,
}

impl LeTexts {
    fn of(&mut self, bounds: &Buckets, point_zero: bool) -> &[String] {
        if !self.bounds.as_ref().is_some_and(|known| known.is(bounds)) {
            let texts = bounds.bounds().iter().map(|bound| {
                let mut text = go_float(*bound);
                if point_zero && !text.contains(['.', 'e']) {
                    text.push_str(".0");
                }
                text
            });
            self.texts = texts
                .chain(["+Inf".to_owned()])
                .map(|bound| format!("{bound}\"}} "))
                .collect();
            self.bounds = Some(bounds.clone());
        }
        &self.texts
    }
}

/// `a="x",b="y"`; says whether there were any.
fn push_pairs(into: &mut String, constant: &str, own: &str) -> bool {
    into.push_str(constant);
    if !constant.is_empty() && !own.is_empty() {
        into.push(',');
    }
    into.push_str(own);
    !constant.is_empty() || !own.is_empty()
}

fn push_all<const N: usize>(into: &mut String, parts: [&str; N]) {
    for part in parts {
        into.push_str(part);
    }
}
