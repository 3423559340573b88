//! The Prometheus text format, version 0.0.4.
//!
//! Source: the "Exposition formats" page of the Prometheus documentation, and what Prometheus'
//! own Go encoder writes where the page leaves it open: a counter's metadata carry its full name,
//! `le` is printed as by Go's `%g`.
//!
//! Costs: one pass; beside the buffer's growth, 16 bytes a series for a list of a family's series in
//! their order. Label text was rendered when the series was made, and is copied from line to line.

use super::guarded::guarded;
use crate::Buckets;
use crate::error::MetricPanicked;
use crate::escape::escape_help;
use crate::instrument::{HistogramSnapshot, Labels, Value, render_pairs};
use crate::kind::Kind;
use crate::registry::{Registered, Registry};
use crate::snapshot::{Descriptor, Snapshot};

/// The content type of this format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends a snapshot. Families without series are left out.
pub fn encode(into: &mut String, snapshot: &Snapshot) {
    for family in &snapshot.families {
        let mut writer = FamilyWriter::new(&family.descriptor);
        for series in &family.series {
            writer.write(into, &series.labels, &series.value);
        }
    }
}

/// Appends what a registry holds, each series as it is read: what a snapshot would take in memory is
/// saved. Families without series are left out.
///
/// # Panics
/// As [`Registry::snapshot`].
pub fn encode_registry(into: &mut String, registry: &Registry) {
    let mut scratch = Value::Counter(0);
    registry.for_each(|descriptor, metric| {
        let mut writer = FamilyWriter::new(descriptor);
        metric.visit(&mut scratch, &mut |labels, value| {
            writer.write(into, labels, value);
        });
    });
}

/// Appends one metric, unless it has no series. Where it panics, `into` is as it was before, and
/// what comes after can still be written. A program that is built with `panic = "abort"` ends
/// instead.
///
/// # Errors
/// When reading it panicked. The panic hook has run by then, as for any panic.
pub fn encode_metric(into: &mut String, metric: &Registered) -> Result<(), MetricPanicked> {
    guarded(into, metric, |into| {
        let mut writer = FamilyWriter::new(&metric.descriptor);
        metric
            .metric
            .visit(&mut Value::Counter(0), &mut |labels, value| {
                writer.write(into, labels, value);
            });
    })
}

/// Writes the series of a family, and before the first one its metadata.
struct FamilyWriter<'a> {
    descriptor: &'a Descriptor,
    name: String,
    /// The constant labels: `a="x",b="y"`.
    constant: String,
    le: LeTexts,
    begun: bool,
}

impl<'a> FamilyWriter<'a> {
    fn new(descriptor: &'a Descriptor) -> Self {
        let mut name = descriptor.name().to_owned();
        if descriptor.kind() == Kind::Counter {
            name.push_str("_total");
        }
        let mut constant = String::new();
        render_pairs(&mut constant, descriptor.constant_labels());
        Self {
            descriptor,
            name,
            constant,
            le: LeTexts::default(),
            begun: false,
        }
    }

    fn write(&mut self, into: &mut String, labels: &Labels, value: &Value) {
        if !self.begun {
            self.begun = true;
            self.write_metadata(into);
        }
        let own = labels.text();
        if let Value::Histogram(histogram) = value {
            return self.write_histogram(into, own, histogram);
        }
        self.begin_sample(into, "", own);
        match value {
            Value::Counter(value) | Value::UnsignedGauge(value) => push_integer(into, *value),
            Value::IntegerGauge(value) => push_integer(into, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => push_float(into, *value),
            Value::Histogram(_) => {}
        }
        into.push('\n');
    }

    fn write_metadata(&self, into: &mut String) {
        let name = &*self.name;
        push_all(into, ["# HELP ", name, " "]);
        escape_help(into, self.descriptor.help());
        let kind = self.descriptor.kind().as_str();
        push_all(into, ["\n# TYPE ", name, " ", kind, "\n"]);
    }

    fn write_histogram(&mut self, into: &mut String, own: &str, histogram: &HistogramSnapshot) {
        let start = into.len();
        push_all(into, [&self.name, "_bucket{"]);
        if push_pairs(into, &self.constant, own) {
            into.push(',');
        }
        into.push_str("le=\"");
        // Every bucket's line begins as the first one does, after the end of the line before.
        let beginning = start..into.len();
        let mut cumulative: u64 = 0;
        for (i, (count, le)) in histogram
            .buckets
            .iter()
            .zip(self.le.of(&histogram.bounds))
            .enumerate()
        {
            if i > 0 {
                into.extend_from_within(beginning.clone());
            }
            into.push_str(le);
            cumulative = cumulative.wrapping_add(*count);
            push_integer(into, cumulative);
            into.push('\n');
        }
        self.begin_sample(into, "_sum", own);
        push_float(into, histogram.sum);
        into.push('\n');
        self.begin_sample(into, "_count", own);
        push_integer(into, histogram.count);
        into.push('\n');
    }

    /// `name_sum{a="x"} `, or `name_sum ` where there are no labels.
    fn begin_sample(&self, into: &mut String, suffix: &str, own: &str) {
        push_all(into, [&self.name, suffix]);
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
    fn of(&mut self, bounds: &Buckets) -> &[String] {
        if !self.bounds.as_ref().is_some_and(|known| known.is(bounds)) {
            let texts = bounds.bounds().iter().map(|bound| go_float(*bound));
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

pub(super) fn push_all<const N: usize>(into: &mut String, parts: [&str; N]) {
    for part in parts {
        into.push_str(part);
    }
}

pub(super) fn push_integer(into: &mut String, value: impl itoa::Integer) {
    into.push_str(itoa::Buffer::new().format(value));
}

/// A sample's value: the shortest text that reads back as the same number.
pub(super) fn push_float(into: &mut String, value: f64) {
    if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        into.push_str(text.strip_suffix(".0").unwrap_or(text));
    } else {
        into.push_str(&go_float(value));
    }
}

/// A number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` prints it: the shortest digits,
/// in scientific notation where the exponent is below -4 or above 5.
///
/// Prometheus before 3.0 takes `le` as text, so it has to be the same text in every process.
pub(super) fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Shortest digits with an exponent: `d.ddde±x`.
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::go_float;

    /// Left: what Go 1.19's strconv.FormatFloat(v, 'g', -1, 64) prints.
    #[test]
    fn floats_are_printed_as_go_prints_them() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("1", 1.0),
            ("0.005", 0.005),
            ("2.5", 2.5),
            ("10", 10.0),
            ("1e+06", 1e6),
            ("123456", 123_456.0),
            ("1.234567e+06", 1_234_567.0),
            ("0.0001", 0.0001),
            ("1e-05", 0.00001),
            ("1.5e-07", 1.5e-7),
            ("1e+21", 1e21),
            ("1.7976931348623157e+308", f64::MAX),
            ("5e-324", 5e-324),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("NaN", f64::NAN),
        ] {
            assert_eq!(go_float(value), text);
        }
    }
}
