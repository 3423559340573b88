//! The methods and endpoints that a load goes to, as the server labels them, and their histograms' bounds.

use std::collections::BTreeMap;

use crate::exposition::{self, Document, Series};
use crate::scenario::Scenario;

/// The label values that a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) endpoint: String,
}

impl Row {
    pub(crate) fn of(series: &Series) -> Self {
        Self {
            method: series.label("method").to_owned(),
            endpoint: series.label("endpoint").to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    of_kind: Vec<usize>,
    /// That of the scrapes; `None` where /metrics has a listener of its own, whose requests are not counted.
    pub(crate) scrapes: Option<usize>,
}

impl Rows {
    pub(crate) fn new(scenario: &Scenario, scrape_endpoint: Option<&str>) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut index_of = |row: Row| match rows.iter().position(|known| *known == row) {
            Some(index) => index,
            None => {
                rows.push(row);
                rows.len() - 1
            }
        };
        let of_kind = scenario.kinds.iter().map(|kind| {
            index_of(Row {
                method: kind.method_label().to_owned(),
                endpoint: kind.endpoint.clone(),
            })
        });
        let of_kind = of_kind.collect();
        let scrapes = scrape_endpoint.map(|endpoint| {
            index_of(Row {
                method: "GET".to_owned(),
                endpoint: endpoint.to_owned(),
            })
        });
        Self {
            rows,
            of_kind,
            scrapes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate()
    }

    pub(crate) fn row(&self, row: usize) -> &Row {
        &self.rows[row]
    }

    pub(crate) fn of_kind(&self, kind: usize) -> usize {
        self.of_kind[kind]
    }
}

/// The names of the metrics, which may have a prefix, and the labels that all of their series have.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
    constant_labels: BTreeMap<String, String>,
}

impl Names {
    /// `None` where the document has no metrics of HTTP requests.
    pub(crate) fn find(document: &Document) -> Option<Self> {
        let mut all = document.iter().map(|(series, _)| series);
        let own = ["method", "endpoint", "status_code"];
        let is_it = |series: &&Series| {
            let has = |label: &str| series.labels.contains_key(label);
            series.name.ends_with(REQUESTS) && own.into_iter().all(has)
        };
        let first = all.find(is_it)?;
        let mut constant_labels = first.labels.clone();
        constant_labels.retain(|name, _| !own.contains(&name.as_str()));
        Some(Self {
            prefix: first.name.strip_suffix(REQUESTS)?.to_owned(),
            constant_labels,
        })
    }

    /// The series of a row, with one more label.
    pub(crate) fn series(&self, name: &str, row: &Row, label: Option<(&str, &str)>) -> Series {
        let labels = [
            Some(("method", row.method.as_str())),
            Some(("endpoint", row.endpoint.as_str())),
            label,
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut all = self.constant_labels.clone();
        all.extend(labels.into_iter().flatten().map(owned));
        Series {
            name: self.of(name),
            labels: all,
        }
    }

    /// The series of one of these metrics. A server may have the same metrics twice, with other constant labels.
    pub(crate) fn named<'a>(
        &'a self,
        document: &'a Document,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Series, f64)> {
        let all = document.named(name);
        all.filter(|(series, _)| self.have_constant_labels(series))
    }

    fn have_constant_labels(&self, series: &Series) -> bool {
        let mut all = self.constant_labels.iter();
        all.all(|(name, value)| series.labels.get(name) == Some(value))
    }

    /// Whether a series is one of the hoop's that only ever grow: they stay, and their observations are never negative.
    pub(crate) fn are_of(&self, series: &Series) -> bool {
        let grow = [REQUESTS, ABORTED, OVERFLOW];
        let is_it = |name: &str| {
            let of_histogram = |suffix| {
                let base = name.strip_suffix(suffix);
                base.is_some_and(|base| HISTOGRAMS.contains(&base))
            };
            grow.contains(&name) || ["_bucket", "_count", "_sum"].into_iter().any(of_histogram)
        };
        let name = series.name.strip_prefix(self.prefix.as_str());
        name.is_some_and(is_it) && self.have_constant_labels(series)
    }

    /// Whether it is a series of a family: one with labels that not all have.
    pub(crate) fn may_be_removed(&self, series: &Series) -> bool {
        let mut names = series.labels.keys();
        names.any(|name| name != "le" && !self.constant_labels.contains_key(name))
    }

    pub(crate) fn requests(&self) -> String {
        self.of(REQUESTS)
    }

    pub(crate) fn of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

pub(crate) const REQUESTS: &str = "http_requests_total";
pub(crate) const ABORTED: &str = "http_requests_aborted_total";
/// Of requests whose endpoint has no series of its own. A scenario has few.
pub(crate) const OVERFLOW: &str = "http_requests_endpoint_overflow_total";
pub(crate) const IN_FLIGHT: &str = "http_requests_in_flight";

/// The histograms that are compared, by their names without a prefix.
pub(crate) const HISTOGRAMS: [&str; 4] = [
    "http_request_duration_seconds",
    "http_response_start_seconds",
    "http_request_size_bytes",
    "http_response_size_bytes",
];

/// The finite bounds of a row's histograms.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RowBounds {
    pub(crate) duration_seconds: Vec<f64>,
    pub(crate) start_seconds: Vec<f64>,
    pub(crate) request_bytes: Vec<f64>,
    pub(crate) response_bytes: Vec<f64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds(Vec<RowBounds>);

impl Bounds {
    /// From a scrape. A row that has no series yet gets the bounds that most have.
    pub(crate) fn find(rows: &Rows, names: &Names, document: &Document) -> Self {
        let of_row = |row: &Row| {
            let [
                duration_seconds,
                start_seconds,
                request_bytes,
                response_bytes,
            ] = HISTOGRAMS.map(|name| {
                let name = format!("{}_bucket", names.of(name));
                let own = bounds(document, names, &name, |series_row| series_row == row);
                if !own.is_empty() {
                    return own;
                }
                // Bounds are set by endpoint.
                let of_endpoint = |known: &Row| known.endpoint == row.endpoint;
                match first_row(document, names, &name, of_endpoint) {
                    Some(known) => {
                        bounds(document, names, &name, |series_row| *series_row == known)
                    }
                    None => usual(document, names, &name),
                }
            });
            RowBounds {
                duration_seconds,
                start_seconds,
                request_bytes,
                response_bytes,
            }
        };
        Self(rows.rows.iter().map(of_row).collect())
    }

    /// Without a server that has metrics there are none.
    pub(crate) fn none(rows: &Rows) -> Self {
        Self(vec![RowBounds::default(); rows.len()])
    }

    pub(crate) fn of(&self, row: usize) -> &RowBounds {
        &self.0[row]
    }
}

fn bounds(
    document: &Document,
    names: &Names,
    name: &str,
    wanted: impl Fn(&Row) -> bool,
) -> Vec<f64> {
    let of_it = names
        .named(document, name)
        .filter(|(series, _)| wanted(&Row::of(series)));
    let bounds = of_it.filter_map(|(series, _)| exposition::bound(series.label("le")));
    let mut bounds: Vec<f64> = bounds.filter(|bound| bound.is_finite()).collect();
    bounds.sort_by(f64::total_cmp);
    bounds
}

fn first_row(
    document: &Document,
    names: &Names,
    name: &str,
    wanted: impl Fn(&Row) -> bool,
) -> Option<Row> {
    let mut rows = names
        .named(document, name)
        .map(|(series, _)| Row::of(series));
    rows.find(wanted)
}

/// The bounds of most of the series.
fn usual(document: &Document, names: &Names, name: &str) -> Vec<f64> {
    let mut all: Vec<Row> = names
        .named(document, name)
        .map(|(series, _)| Row::of(series))
        .collect();
    all.sort();
    all.dedup();
    let mut counted: Vec<(Vec<f64>, usize)> = Vec::new();
    for row in &all {
        let bounds = bounds(document, names, name, |series_row| series_row == row);
        match counted.iter_mut().find(|(known, _)| *known == bounds) {
            Some((_, count)) => *count += 1,
            None => counted.push((bounds, 1)),
        }
    }
    let most = counted.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(bounds, _)| bounds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_own_bounds_or_the_usual_ones() {
        let mut text = "# TYPE p_http_requests_total counter\n".to_owned();
        text.push_str(
            "p_http_requests_total{method=\"GET\",endpoint=\"/a\",status_code=\"200\"} 1\n",
        );
        text.push_str("# TYPE p_http_request_size_bytes histogram\n");
        for (endpoint, bounds) in [("/a", ["1", "2"]), ("/b", ["5", "6"]), ("/c", ["5", "6"])] {
            for bound in bounds.iter().chain([&"+Inf"]) {
                text.push_str(&format!(
                    "p_http_request_size_bytes_bucket{{method=\"GET\",endpoint=\"{endpoint}\",le=\"{bound}\"}} 0\n"
                ));
            }
            text.push_str(&format!(
                "p_http_request_size_bytes_count{{method=\"GET\",endpoint=\"{endpoint}\"}} 0\n"
            ));
        }
        let document = Document::parse(&text, false).unwrap();
        let names = Names::find(&document).unwrap();
        assert_eq!(names.requests(), "p_http_requests_total");
        let scenario = Scenario::find("smoke").unwrap();
        let mut rows = Rows::new(&scenario, None);
        rows.rows = ["/a", "/new"]
            .map(|endpoint| Row {
                method: "GET".to_owned(),
                endpoint: endpoint.to_owned(),
            })
            .to_vec();
        let bounds = Bounds::find(&rows, &names, &document);
        assert_eq!(bounds.of(0).request_bytes, [1.0, 2.0]);
        assert_eq!(bounds.of(1).request_bytes, [5.0, 6.0]);
        assert_eq!(bounds.of(1).duration_seconds, [0.0; 0]);
    }
}
