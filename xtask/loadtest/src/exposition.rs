//! A scrape, read: every series with its value, in either text format.
//!
//! It is strict about what would make a sum wrong. What is no exposition, or not a whole one, is an error: a sample of a metric
//! that has no type, a value that is none, an OpenMetrics document without its end. A whole one that cannot be true is read, and
//! says so ([`Document::contradictions`]): that is a server's mistake, and not one of whoever asked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, ensure};

/// What is compared: a metric's name with the suffix of the sample, and its labels in order of their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Series {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}={value:?}")?;
        }
        if !self.labels.is_empty() {
            write!(f, "}}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    /// Value, and whether it only ever grows.
    samples: BTreeMap<Series, (f64, bool)>,
    /// The metrics that have a type, with or without samples.
    metrics: BTreeSet<String>,
    contradictions: Vec<String>,
}

impl Document {
    /// # Errors
    /// When it is no exposition, or not a whole one: with the line.
    pub(crate) fn parse(text: &str, openmetrics: bool) -> Result<Self> {
        ensure!(
            !openmetrics || text.ends_with("\n# EOF\n"),
            "it does not end in # EOF: it is cut off"
        );
        ensure!(
            text.ends_with('\n'),
            "it does not end in a newline: it is cut off"
        );
        let mut types: BTreeMap<&str, &str> = BTreeMap::new();
        let mut samples = BTreeMap::new();
        let mut contradictions = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                let mut words = comment.split_whitespace();
                if words.next() == Some("TYPE") {
                    let both = words.next().zip(words.next());
                    let (name, kind) = both.with_context(|| format!("the line `{line}`"))?;
                    if types.insert(name, kind).is_some() {
                        contradictions.push(format!("{name} has two types"));
                    }
                }
                continue;
            }
            let (series, value) = sample(line).with_context(|| format!("the line `{line}`"))?;
            let kind = kind_of(&types, &series.name).with_context(|| {
                format!("the line `{line}` comes before the type of its metric")
            })?;
            let grows = kind == "counter" || kind == "histogram";
            if grows && (value < 0.0 || value.is_nan()) {
                contradictions.push(format!("{series} is {value}; a {kind} is never negative"));
            }
            match samples.entry(series) {
                Entry::Vacant(entry) => {
                    entry.insert((value, grows));
                }
                Entry::Occupied(entry) => contradictions.push(format!(
                    "{} stands there twice, with {} and with {value}",
                    entry.key(),
                    entry.get().0
                )),
            }
        }
        let mut document = Self {
            samples,
            metrics: types.into_keys().map(str::to_owned).collect(),
            contradictions,
        };
        let of_histograms = document.check_histograms();
        document.contradictions.extend(of_histograms);
        Ok(document)
    }

    /// What of it cannot be, whatever the clients have sent.
    pub(crate) fn contradictions(&self) -> &[String] {
        &self.contradictions
    }

    /// Whether there is such a metric; of a counter, by its name with `_total`.
    pub(crate) fn has_metric(&self, name: &str) -> bool {
        let base = name.strip_suffix("_total").unwrap_or(name);
        self.metrics.contains(name) || self.metrics.contains(base)
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Series, f64)> {
        self.samples
            .iter()
            .map(|(series, &(value, _))| (series, value))
    }

    /// Those of one name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Series, f64)> {
        // They stand together.
        let first = Series {
            name: name.to_owned(),
            labels: BTreeMap::new(),
        };
        self.samples
            .range(first..)
            .take_while(move |(series, _)| series.name == name)
            .map(|(series, &(value, _))| (series, value))
    }

    pub(crate) fn value(&self, series: &Series) -> Option<f64> {
        self.samples.get(series).map(|&(value, _)| value)
    }

    /// What of a later scrape cannot be: a counter or a histogram that went back, or is gone.
    pub(crate) fn went_back(&self, later: &Self) -> Vec<String> {
        let grows = |(_, (_, grows)): &(&Series, &(f64, bool))| *grows;
        let what = self
            .samples
            .iter()
            .filter(grows)
            .filter_map(|(series, &(before, _))| {
                match later.value(series) {
                    Some(after) if after >= before => None,
                    Some(after) => Some(format!("{series} went back from {before} to {after}")),
                    // Of what the host has: file systems and interfaces come and go.
                    None if series.name.contains("system_") => None,
                    None => Some(format!("{series} is gone; it was {before}")),
                }
            });
        what.collect()
    }

    /// Each histogram's buckets grow up to `+Inf`, which is its count.
    fn check_histograms(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut buckets_of: BTreeMap<Series, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, value) in self.iter() {
            let Some(base) = series.name.strip_suffix("_bucket") else {
                continue;
            };
            let Some(le) = series.labels.get("le") else {
                continue;
            };
            let Some(bound) = bound(le) else {
                wrong.push(format!("{series}: {le} is no bound"));
                continue;
            };
            let mut labels = series.labels.clone();
            labels.remove("le");
            let histogram = Series {
                name: base.to_owned(),
                labels,
            };
            buckets_of
                .entry(histogram)
                .or_default()
                .push((bound, value));
        }
        for (histogram, mut buckets) in buckets_of {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            if !buckets.is_sorted_by(|a, b| a.1 <= b.1) {
                wrong.push(format!(
                    "the buckets of {histogram} do not grow: {buckets:?}"
                ));
            }
            let count = Series {
                name: format!("{}_count", histogram.name),
                labels: histogram.labels.clone(),
            };
            let count = self.value(&count);
            let infinite = buckets
                .last()
                .copied()
                .filter(|last| last.0 == f64::INFINITY);
            if infinite.is_none() || infinite.map(|last| last.1) != count {
                wrong.push(format!(
                    "the count of {histogram} is {count:?}, and its buckets end in {:?}",
                    buckets.last()
                ));
            }
        }
        wrong
    }
}

/// The `le` label of a bound, as every document has it once it is read: OpenMetrics writes `1.0` where the text format
/// has `1`.
pub(crate) fn le(bound: f64) -> String {
    match bound == f64::INFINITY {
        true => "+Inf".to_owned(),
        false => bound.to_string(),
    }
}

/// Of an `le` label.
pub(crate) fn bound(le: &str) -> Option<f64> {
    le.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

fn kind_of<'a>(types: &BTreeMap<&str, &'a str>, name: &str) -> Option<&'a str> {
    if let Some(&kind) = types.get(name) {
        return Some(kind);
    }
    let suffixes = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];
    let bases = suffixes
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix));
    bases.filter_map(|base| types.get(base).copied()).next()
}

fn sample(line: &str) -> Option<(Series, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
    }
    // A timestamp, or an exemplar, would come behind it.
    let value = rest.strip_prefix(' ')?.split(' ').next()?;
    if name.ends_with("_bucket")
        && let Some(label) = labels.get_mut("le")
        && let Some(bound) = bound(label)
    {
        *label = le(bound);
    }
    let series = Series {
        name: name.to_owned(),
        labels,
    };
    Some((series, value.parse().ok()?))
}

/// A label's value up to its quote, and what comes behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP a_total x\n# TYPE a_total counter\na_total{x=\"1 } 2\",y=\"\\\"\\\\\\n\"} 3\n\
        # TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3.5\nh_count 2\n\
        # TYPE g gauge\ng -1\n";

    #[test]
    fn reads_both_formats() {
        let document = Document::parse(GOOD, false).unwrap();
        assert_eq!(document.len(), 6);
        let (series, value) = document.named("a_total").next().unwrap();
        assert_eq!(
            (series.label("x"), series.label("y"), value),
            ("1 } 2", "\"\\\n", 3.0)
        );
        assert_eq!(series.to_string(), r#"a_total{x="1 } 2",y="\"\\\n"}"#);
        let openmetrics = "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n# EOF\n";
        let openmetrics = Document::parse(openmetrics, true).unwrap();
        let les: Vec<_> = openmetrics
            .named("h_bucket")
            .map(|(series, _)| series.label("le"))
            .collect();
        assert_eq!(les, ["+Inf", "1"]);
        assert_eq!(document.named("h_").count(), 0);
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        for (text, openmetrics) in [
            ("# TYPE a counter\na_total 1\n", true),
            ("# TYPE a_total counter\na_total 1", false),
            ("a_total 1\n", false),
            ("# TYPE a_total counter\na_total x\n", false),
            ("# TYPE a_total counter\na_total{x=\"1} 1\n", false),
        ] {
            assert!(Document::parse(text, openmetrics).is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_true_is_read_and_said() {
        let said = |text: &str| {
            let document = Document::parse(text, false).unwrap();
            document.contradictions().join("; ")
        };
        assert_eq!(said(GOOD), "");
        for (text, says) in [
            (
                "# TYPE a_total counter\na_total -1\n",
                "a_total is -1; a counter is never negative",
            ),
            (
                "# TYPE a_total counter\na_total 1\na_total 2\n",
                "a_total stands there twice, with 1 and with 2",
            ),
            ("# TYPE a counter\n# TYPE a counter\n", "a has two types"),
            (
                "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 2\n",
                "the count of h is Some(2.0), and its buckets end in Some((inf, 1.0))",
            ),
            (
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n",
                "the count of h is Some(1.0), and its buckets end in Some((1.0, 1.0))",
            ),
            (
                "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
                "the buckets of h do not grow: [(1.0, 2.0), (inf, 1.0)]",
            ),
            (
                "# TYPE h histogram\nh_bucket{le=\"x\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n",
                "h_bucket{le=\"x\"}: x is no bound",
            ),
        ] {
            assert_eq!(said(text), says, "{text}");
        }
    }

    #[test]
    fn only_gauges_may_go_back() {
        let before = Document::parse(GOOD, false).unwrap();
        let gauge = Document::parse(&GOOD.replace("g -1", "g -2"), false).unwrap();
        assert_eq!(before.went_back(&gauge), Vec::<String>::new());
        let counter = Document::parse(&GOOD.replace("} 3", "} 2"), false).unwrap();
        assert!(before.went_back(&counter)[0].contains("went back from 3 to 2"));
        let gone = Document::parse("# TYPE g gauge\ng 1\n", false).unwrap();
        assert_eq!(before.went_back(&gone).len(), 5);
    }
}
