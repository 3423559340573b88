//! A scrape, read: every series with its value, in either text format.
//!
//! It is strict about what would make a sum wrong. What is no exposition, or not a whole one, is an error: a value that is none, an
//! OpenMetrics document without its end. A complete document that contradicts itself is read, and [`Document::contradictions`] lists
//! why: the server is wrong, not the scrape.
//!
//! Metrics that are not the hoop's are checked less strictly: a sum may be negative or go down, because
//! observations may be negative; a series may be removed, and come back from zero; and a type may be missing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, ensure};

use crate::rows::Names;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Histogram,
    /// Or none.
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "counter" => Self::Counter,
            "histogram" => Self::Histogram,
            _ => Self::Other,
        }
    }

    /// Whether such a sample counts: then it is never negative, and only ever grows.
    fn counts(self, name: &str) -> bool {
        match self {
            // Behind it there is a time.
            Self::Counter => !name.ends_with("_created"),
            Self::Histogram => name.ends_with("_bucket") || name.ends_with("_count"),
            Self::Other => false,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    samples: BTreeMap<Series, (f64, Kind)>,
    /// The metrics that have a type, with or without samples.
    metrics: BTreeSet<String>,
    contradictions: Vec<String>,
}

impl Document {
    /// # Errors
    /// When it is no exposition, or not a whole one: with the line.
    pub(crate) fn parse(text: &str, openmetrics: bool) -> Result<Self> {
        ensure!(
            !openmetrics || text.lines().next_back() == Some("# EOF"),
            "it does not end in # EOF: it is cut off"
        );
        ensure!(
            openmetrics || text.ends_with('\n'),
            "it does not end in a newline: it is cut off"
        );
        let mut types: BTreeMap<&str, &str> = BTreeMap::new();
        let mut samples = BTreeMap::new();
        let mut untyped: BTreeSet<String> = BTreeSet::new();
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
                    if untyped.contains(name) {
                        contradictions.push(format!("the type of {name} comes behind its samples"));
                    }
                }
                continue;
            }
            let (series, value) = sample(line).with_context(|| format!("the line `{line}`"))?;
            let kind = bases(&series.name).find_map(|base| types.get(base).copied());
            if kind.is_none() {
                untyped.insert(series.name.clone());
            }
            let written = kind.unwrap_or_default();
            let kind = Kind::of(written);
            if kind.counts(&series.name) && (value < 0.0 || value.is_nan()) {
                contradictions.push(format!(
                    "{series} is {value}; a {written} is never negative"
                ));
            }
            match samples.entry(series) {
                Entry::Vacant(entry) => {
                    entry.insert((value, kind));
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

    /// What of a later scrape cannot be: of the hoop's metrics anything that went back, or is gone; of the others a count that went
    /// back, where it is no series of a family, which may have been removed and made again.
    pub(crate) fn went_back(&self, later: &Self, names: &Names) -> Vec<String> {
        let what = self.samples.iter().filter_map(|(series, &(before, kind))| {
            let ours = names.are_of(series);
            let claimed = ours || kind.counts(&series.name) && !names.may_be_removed(series);
            match later.value(series).filter(|_| claimed) {
                Some(after) if after < before => {
                    Some(format!("{series} went back from {before} to {after}"))
                }
                None if ours => Some(format!("{series} is gone; it was {before}")),
                _ => None,
            }
        });
        what.collect()
    }

    /// Each histogram's buckets grow up to `+Inf`, which is its count. OpenMetrics has neither count nor sum of one whose sum
    /// could go down.
    fn check_histograms(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut buckets_of: BTreeMap<Series, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, &(value, kind)) in &self.samples {
            let Some(base) = series.name.strip_suffix("_bucket") else {
                continue;
            };
            let Some(le) = series.labels.get("le").filter(|_| kind == Kind::Histogram) else {
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
            let of_it = |suffix: &str| {
                self.value(&Series {
                    name: format!("{}{suffix}", histogram.name),
                    labels: histogram.labels.clone(),
                })
            };
            let (count, sum) = (of_it("_count"), of_it("_sum"));
            let infinite = buckets
                .last()
                .copied()
                .filter(|last| last.0 == f64::INFINITY);
            let without = count.is_none() && sum.is_none();
            if infinite.is_none() || !without && infinite.map(|last| last.1) != count {
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

/// The metrics that a sample of this name can be of.
fn bases(name: &str) -> impl Iterator<Item = &str> {
    const SUFFIXES: [&str; 8] = [
        "_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum",
    ];
    let without = SUFFIXES
        .into_iter()
        .filter_map(move |suffix| name.strip_suffix(suffix));
    [name].into_iter().chain(without)
}

fn sample(line: &str) -> Option<(Series, f64)> {
    let name_end = line.find(['{', ' ', '\t'])?;
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
    let value = rest.split_whitespace().next()?;
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
                "a 1\n# TYPE a counter\n",
                "the type of a comes behind its samples",
            ),
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
    fn correct_servers_contradict_nothing() {
        for (text, openmetrics) in [
            // Observations may be negative, or no number.
            (
                "# TYPE h histogram\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum -3\nh_count 1\n",
                false,
            ),
            (
                "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum NaN\nh_count 1\n",
                false,
            ),
            // OpenMetrics has neither sum nor count of such a one, and its end needs no newline.
            (
                "# TYPE h histogram\nh_bucket{le=\"-1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n# EOF",
                true,
            ),
            ("# EOF\n", true),
            // The type may be missing.
            ("a_total -1\nb{x=\"y\"} \t 2 1700000000000\n", false),
            // It goes up and down.
            (
                "# TYPE q gaugehistogram\nq_bucket{le=\"1.0\"} 2\nq_bucket{le=\"+Inf\"} 2\nq_gcount 2\nq_gsum -1\n# EOF\n",
                true,
            ),
            ("# TYPE s summary\ns_sum -1\ns_count 1\n", false),
            ("# TYPE x_bucket gauge\nx_bucket{le=\"a\"} 1\n", false),
        ] {
            let document = Document::parse(text, openmetrics).unwrap();
            assert_eq!(document.contradictions(), [""; 0], "{text}");
        }
    }

    /// The hoop's metrics, and those of others, with these samples.
    fn went_back(before: &str, after: &str) -> String {
        let document = |samples: &str| {
            let mut text =
                "# TYPE http_requests_total counter\n# TYPE http_request_size_bytes histogram\n\
                            # TYPE a_total counter\n# TYPE h histogram\n# TYPE g gauge\n"
                    .to_owned();
            text.push_str(samples);
            Document::parse(&text, false).unwrap()
        };
        let own = "http_requests_total{endpoint=\"/\",method=\"GET\",status_code=\"404\"} 0\n";
        let names = Names::find(&document(own)).unwrap();
        let said = document(before).went_back(&document(after), &names);
        said.join("; ")
    }

    #[test]
    fn the_hoops_metrics_go_nowhere_but_up() {
        let labels = "endpoint=\"/\",method=\"GET\"";
        for name in [
            format!("http_requests_total{{{labels},status_code=\"200\"}}"),
            format!("http_request_size_bytes_sum{{{labels}}}"),
            format!("http_request_size_bytes_count{{{labels}}}"),
        ] {
            let (more, less) = (format!("{name} 3\n"), format!("{name} 2\n"));
            assert_eq!(went_back(&less, &more), "");
            assert_eq!(
                went_back(&more, &less),
                format!("{name} went back from 3 to 2")
            );
            assert_eq!(went_back(&more, ""), format!("{name} is gone; it was 3"));
        }
    }

    #[test]
    fn of_others_only_what_counts_and_cannot_be_removed_may_not_go_back() {
        for (before, after) in [
            // Gauges, and sums of what may be negative.
            ("g 3\n", "g 2\n"),
            ("h_sum 3\nh_count 1\n", "h_sum 2\nh_count 2\n"),
            // Series of a family may be removed, and made again.
            ("a_total{x=\"y\"} 3\n", ""),
            ("a_total{x=\"y\"} 3\n", "a_total{x=\"y\"} 2\n"),
            (
                "h_bucket{x=\"y\",le=\"+Inf\"} 3\nh_count{x=\"y\"} 3\n",
                "h_bucket{x=\"y\",le=\"+Inf\"} 1\nh_count{x=\"y\"} 1\n",
            ),
            ("a_total 3\n", ""),
        ] {
            assert_eq!(went_back(before, after), "", "{before}");
        }
        assert_eq!(
            went_back("a_total 3\n", "a_total 2\n"),
            "a_total went back from 3 to 2"
        );
        let (more, less) = ("h_bucket{le=\"+Inf\"} 3\n", "h_bucket{le=\"+Inf\"} 2\n");
        assert!(went_back(more, less).contains("went back"));
    }
}
