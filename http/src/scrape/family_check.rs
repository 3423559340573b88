//! What a registry of somebody else's wrote, family by family.
//!
//! A scraper reads a document as a whole: one wrong line costs every family in it. prometheus-client
//! checks no names, and escapes help texts in text 0.0.4 alone. So here they are escaped in
//! OpenMetrics, and a family is left out when a scraper would refuse a line of it, or when the
//! document has its name already. OpenMetrics forbids a histogram's sum that is negative or NaN, or
//! that stands beside negative bounds: such series lose `_sum` and `_count`.
//!
//! It works on text, whatever version of the encoder wrote it. It costs two passes and a hash a
//! sample, and the text is in memory twice meanwhile.
//!
//! What it does not check: that a histogram's buckets are complete and in order, and that the
//! samples of a series stand together. prometheus-client's own histograms are always so.

use std::collections::HashSet;

use tallied::exposition::Format;
use tallied::{Kind, Registry};

/// The names that the families of a document write.
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Those of a registry's families, whether or not they are in the document.
    pub(super) fn of(registry: &Registry) -> Self {
        let metrics = registry.metrics();
        Self(
            metrics
                .flat_map(|metric| {
                    let descriptor = metric.descriptor();
                    sample_names(descriptor.kind(), descriptor.name())
                })
                .collect(),
        )
    }

    /// Takes a family's names, unless one of them is taken.
    fn take(&mut self, kind: Kind, name: &str) -> bool {
        let names = sample_names(kind, name);
        let free = !names.iter().any(|name| self.0.contains(name));
        if free {
            self.0.extend(names);
        }
        free
    }
}

/// The names of a family's samples and metadata, in every format.
fn sample_names(kind: Kind, name: &str) -> Vec<String> {
    let suffixes: &[&str] = match kind {
        Kind::Counter => &["", "_total", "_created"],
        Kind::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
        _ => &[""],
    };
    let suffixes = suffixes.iter();
    suffixes.map(|suffix| format!("{name}{suffix}")).collect()
}

/// Appends the families of `text` that can be in a document with these names, and that `selects`
/// holds of, by their kind and name (without a counter's `_total`). Returns how many were left out:
/// invalid ones, selected or not, and selected ones whose name is taken.
pub(super) fn append(
    into: &mut String,
    text: &str,
    format: Format,
    names: &mut Names,
    selects: impl Fn(Kind, &str) -> bool,
) -> u64 {
    let mut left_out = 0;
    for text in families_of(text) {
        let Some(family) = Family::parse(text, format) else {
            left_out += 1;
            continue;
        };
        let (kind, name) = family.kind_and_name(format);
        let free = names.take(kind, &name);
        if !selects(kind, &name) {
            continue;
        }
        if free {
            family.write(into, format);
        } else {
            left_out += 1;
        }
    }
    left_out
}

/// A text's families: each begins with its help.
fn families_of(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let end = text.find("\n# HELP ").map_or(text.len(), |at| at + 1);
        let (family, rest) = text.split_at(end);
        text = rest;
        Some(family)
    })
}

/// A family whose lines are all valid, but for its help.
struct Family<'a> {
    name: &'a str,
    /// As in the `# TYPE` line.
    kind: &'a str,
    /// As it was written: it may have line feeds.
    help: &'a str,
    unit: Option<&'a str>,
    samples: &'a str,
    /// The labels of the series that must not have a sum, as written.
    without_sum: HashSet<&'a str>,
    /// No series may have one.
    negative_bounds: bool,
}

impl<'a> Family<'a> {
    fn parse(text: &'a str, format: Format) -> Option<Self> {
        let (name, rest) = text.strip_prefix("# HELP ")?.split_once(' ')?;
        if !is_name(name, ":") {
            return None;
        }
        // Whatever is between the two is help, however many lines it has.
        let (help, rest) = rest.split_once(&format!("\n# TYPE {name} "))?;
        let (kind, mut samples) = rest.split_once('\n')?;
        let suffixes = suffixes(kind, format)?;
        let mut unit = None;
        if let Some(rest) = samples.strip_prefix("# UNIT ") {
            let (line, rest) = rest.split_once('\n')?;
            let given = line.strip_prefix(name)?.strip_prefix(' ')?;
            if !name.strip_suffix(given)?.ends_with('_') {
                return None;
            }
            (unit, samples) = (Some(given), rest);
        }
        let mut family = Self {
            name,
            kind,
            help,
            unit,
            samples,
            without_sum: HashSet::new(),
            negative_bounds: false,
        };
        let mut series = HashSet::new();
        for line in samples.split_terminator('\n') {
            let sample = Sample::parse(line, name, format)?;
            if !suffixes.contains(&sample.suffix) || !series.insert(sample.series) {
                return None;
            }
            family.check(&sample, format)?;
        }
        Some(family)
    }

    /// What OpenMetrics asks of a value, and a histogram of its bounds in either format.
    fn check(&mut self, sample: &Sample<'a>, format: Format) -> Option<()> {
        // NaN is not positive either.
        let positive = sample.value >= 0.0;
        match (self.kind, sample.suffix) {
            ("histogram", "_bucket") => {
                let bound: f64 = sample.bound?.parse().ok()?;
                self.negative_bounds |= bound < 0.0;
                (!bound.is_nan()).then_some(())
            }
            ("histogram", "_sum") if !positive && format == Format::OpenMetrics => {
                self.without_sum.insert(sample.labels);
                Some(())
            }
            ("counter", _) if format == Format::OpenMetrics => positive.then_some(()),
            _ => Some(()),
        }
    }

    /// Kind and name, as they decide what names the samples have.
    fn kind_and_name(&self, format: Format) -> (Kind, String) {
        let name = self.name;
        match (self.kind, format) {
            ("counter", Format::Text) => {
                let stem = name.strip_suffix("_total").unwrap_or(name);
                (Kind::Counter, stem.to_owned())
            }
            ("counter", _) => (Kind::Counter, name.to_owned()),
            ("histogram", _) => (Kind::Histogram, name.to_owned()),
            // In text 0.0.4 it is a gauge of this name: so it is selected in both formats alike.
            ("info", _) => (Kind::Gauge, format!("{name}_info")),
            _ => (Kind::Gauge, name.to_owned()),
        }
    }

    fn write(&self, into: &mut String, format: Format) {
        let Self { name, kind, .. } = self;
        into.extend(["# HELP ", name, " "]);
        match format {
            Format::Text => into.push_str(self.help),
            _ => escape_help(into, self.help),
        }
        into.extend(["\n# TYPE ", name, " ", kind, "\n"]);
        if let Some(unit) = self.unit {
            into.extend(["# UNIT ", name, " ", unit, "\n"]);
        }
        let negative_bounds = self.negative_bounds && format == Format::OpenMetrics;
        if self.without_sum.is_empty() && !negative_bounds {
            return into.push_str(self.samples);
        }
        for line in self.samples.split_inclusive('\n') {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let labels = line.rfind(' ').and_then(|value| line.get(end..value));
            let of_sum = line[..end].ends_with("_sum") || line[..end].ends_with("_count");
            let forbidden = || labels.is_some_and(|labels| self.without_sum.contains(labels));
            if !(of_sum && (negative_bounds || forbidden())) {
                into.push_str(line);
            }
        }
    }
}

/// What the samples of a type have behind the family's name; `None` for a type that the format lacks.
fn suffixes(kind: &str, format: Format) -> Option<&'static [&'static str]> {
    Some(match (kind, format) {
        ("gauge", _) | ("counter" | "untyped", Format::Text) | ("unknown", Format::OpenMetrics) => {
            &[""]
        }
        ("counter", Format::OpenMetrics) => &["_total", "_created"],
        ("info", Format::OpenMetrics) => &["_info"],
        ("histogram", Format::Text) => &["_bucket", "_sum", "_count"],
        ("histogram", Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
        _ => return None,
    })
}

/// A line that is a valid sample.
struct Sample<'a> {
    /// What stands behind the family's name.
    suffix: &'a str,
    /// The labels with their braces; empty where there are none.
    labels: &'a str,
    /// Name and labels.
    series: &'a str,
    /// What `le` says.
    bound: Option<&'a str>,
    value: f64,
}

/// The most characters that an exemplar's labels may have in OpenMetrics, names and values together.
const EXEMPLAR_CHARACTERS: usize = 128;

impl<'a> Sample<'a> {
    fn parse(line: &'a str, family: &str, format: Format) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let suffix = line[..end].strip_prefix(family)?;
        let mut bound = None;
        let rest = labels(&line[end..], |name, value| {
            if name == "le" {
                bound = Some(value);
            }
        })?;
        let series = &line[..line.len() - rest.len()];
        let rest = rest.strip_prefix(' ')?;
        let (value, exemplar) = match rest.split_once(" # ") {
            Some((value, exemplar)) => (value, Some(exemplar)),
            None => (rest, None),
        };
        if let Some(exemplar) = exemplar {
            if format == Format::Text || !matches!(suffix, "_bucket" | "_total") {
                return None;
            }
            let mut characters = 0;
            let rest = labels(exemplar, |name, value| {
                let escapes = value.replace("\\\\", "\\").matches('\\').count();
                characters += name.chars().count() + value.chars().count() - escapes;
            })?;
            let mut numbers = rest.strip_prefix(' ')?.split(' ');
            let _: f64 = numbers.next()?.parse().ok()?;
            let _: Option<f64> = numbers.next().map(str::parse).transpose().ok()?;
            if !exemplar.starts_with('{')
                || numbers.next().is_some()
                || characters > EXEMPLAR_CHARACTERS
            {
                return None;
            }
        }
        Some(Self {
            suffix,
            labels: &series[end..],
            series,
            bound,
            value: value.parse().ok()?,
        })
    }
}

/// Shows the labels at the beginning of `text`, values as they are escaped, and returns what comes
/// after them. `None` where they are not valid, or a name stands there twice.
fn labels<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<&'a str> {
    let Some(mut text) = text.strip_prefix('{') else {
        return Some(text);
    };
    if let Some(rest) = text.strip_prefix('}') {
        return Some(rest);
    }
    let mut names: Vec<&str> = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"")?;
        // Prometheus keeps names with `__` to itself.
        if !is_name(name, "") || name.starts_with("__") || names.contains(&name) {
            return None;
        }
        names.push(name);
        let mut bytes = rest.bytes().enumerate();
        let end = loop {
            match bytes.next()? {
                (at, b'"') => break at,
                (_, b'\\') if !matches!(bytes.next()?.1, b'\\' | b'"' | b'n') => return None,
                _ => {}
            }
        };
        let (value, rest) = rest.split_at(end);
        each(name, value);
        match rest.as_bytes().get(1)? {
            b',' => text = &rest[2..],
            b'}' => return Some(&rest[2..]),
            _ => return None,
        }
    }
}

/// The data model's `[a-zA-Z_][a-zA-Z0-9_]*`, with these characters too.
fn is_name(text: &str, also: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || also.contains(c))
}

/// Escapes what is not escaped yet. A backslash that makes an escape stays one, because a collector
/// may have escaped its help.
fn escape_help(into: &mut String, help: &str) {
    let mut characters = help.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => into.push_str("\\n"),
            '"' => into.push_str("\\\""),
            '\\' => {
                into.push('\\');
                let escaped = |next: &char| matches!(next, '\\' | 'n' | '"');
                into.push(characters.next_if(escaped).unwrap_or('\\'));
            }
            _ => into.push(character),
        }
    }
}
