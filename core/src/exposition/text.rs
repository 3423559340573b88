//! The Prometheus text format, version 0.0.4.
//!
//! Source: the "Exposition formats" page of the Prometheus documentation, and what Prometheus'
//! own Go encoder writes where the page leaves it open: a counter's metadata carry its full name,
//! `le` is printed as by Go's `%g`.
//!
//! Costs: one pass, no allocation but the growth of the buffer; label text was rendered when the
//! series was made.

use crate::escape::escape_help;
use crate::instrument::{HistogramSnapshot, Value, render_pairs};
use crate::kind::Kind;
use crate::snapshot::{FamilySnapshot, Snapshot};

/// The content type of this format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends a snapshot. Families without series are left out.
pub fn encode(into: &mut String, snapshot: &Snapshot) {
    let mut constant = String::new();
    for family in &snapshot.families {
        if family.series.is_empty() {
            continue;
        }
        constant.clear();
        render_pairs(&mut constant, family.descriptor.constant_labels());
        encode_family(into, family, &constant);
    }
}

fn encode_family(into: &mut String, family: &FamilySnapshot, constant: &str) {
    let descriptor = &*family.descriptor;
    let mut name = descriptor.name().to_owned();
    if descriptor.kind() == Kind::Counter {
        name.push_str("_total");
    }
    push_all(into, ["# HELP ", &name, " "]);
    escape_help(into, descriptor.help());
    push_all(
        into,
        ["\n# TYPE ", &name, " ", descriptor.kind().as_str(), "\n"],
    );

    let mut le = LeTexts::default();
    for series in &family.series {
        let own = series.labels.text();
        if let Value::Histogram(histogram) = &series.value {
            encode_histogram(into, &name, constant, own, histogram, le.of(histogram));
            continue;
        }
        into.push_str(&name);
        push_labels(into, constant, own);
        into.push(' ');
        match &series.value {
            Value::Counter(value) | Value::UnsignedGauge(value) => push_integer(into, *value),
            Value::IntegerGauge(value) => push_integer(into, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => push_float(into, *value),
            Value::Histogram(_) => {}
        }
        into.push('\n');
    }
}

fn encode_histogram(
    into: &mut String,
    name: &str,
    constant: &str,
    own: &str,
    histogram: &HistogramSnapshot,
    le: &[String],
) {
    let mut cumulative: u64 = 0;
    for (count, le) in histogram.buckets.iter().zip(le) {
        cumulative = cumulative.wrapping_add(*count);
        push_all(into, [name, "_bucket{"]);
        if push_pairs(into, constant, own) {
            into.push(',');
        }
        push_all(into, ["le=\"", le, "\"} "]);
        push_integer(into, cumulative);
        into.push('\n');
    }
    push_all(into, [name, "_sum"]);
    push_labels(into, constant, own);
    into.push(' ');
    push_float(into, histogram.sum);
    push_all(into, ["\n", name, "_count"]);
    push_labels(into, constant, own);
    into.push(' ');
    push_integer(into, histogram.count);
    into.push('\n');
}

/// The texts of a family's `le` values, rendered once where the series share their bounds.
#[derive(Default)]
struct LeTexts {
    bounds: Option<crate::Buckets>,
    texts: Vec<String>,
}

impl LeTexts {
    fn of(&mut self, histogram: &HistogramSnapshot) -> &[String] {
        if self.bounds.as_ref() != Some(&histogram.bounds) {
            let bounds = histogram.bounds.bounds().iter();
            self.texts = bounds
                .map(|bound| go_float(*bound))
                .chain(["+Inf".to_owned()])
                .collect();
            self.bounds = Some(histogram.bounds.clone());
        }
        &self.texts
    }
}

/// `{a="x"}`, or nothing where there are no labels.
fn push_labels(into: &mut String, constant: &str, own: &str) {
    if constant.is_empty() && own.is_empty() {
        return;
    }
    into.push('{');
    push_pairs(into, constant, own);
    into.push('}');
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
