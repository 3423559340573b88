//! The fleet's figures, out of the servers' own expositions.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::member::Member;
use crate::alerts::promql;
use crate::http::Client;
use crate::prometheus::api::{Labels, Sample};
use crate::samples;

/// The endpoint that every look at a server changes.
const SCRAPES: &str = "/metrics";
const REQUESTS: &str = "http_requests_total";
const DURATIONS: &str = "http_request_duration_seconds_bucket";

/// The series of a server by their labels, the metric's name among them: those of the endpoints, which stand still between
/// two requests, but for the scrapes' own.
pub(super) type Exposed = BTreeMap<Labels, f64>;

/// Series that are added up over the servers.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) metric: &'static str,
    by: [&'static str; 3],
}

pub(super) const COUNTS: [Count; 2] = [
    Count {
        metric: REQUESTS,
        by: ["method", "endpoint", "status_code"],
    },
    Count {
        metric: DURATIONS,
        by: ["method", "endpoint", "le"],
    },
];

type Totals = BTreeMap<[String; 3], f64>;

impl Count {
    /// `instances` is a pattern.
    pub(super) fn query(self, instances: &str) -> String {
        let Self { metric, by } = self;
        format!(
            "sum by ({}) ({metric}{{job=\"tallied\",instance=~\"{instances}\",endpoint!=\"{SCRAPES}\"}})",
            by.join(", ")
        )
    }

    fn key(self, labels: &Labels) -> [String; 3] {
        self.by.map(|name| {
            let value = labels.get(name).cloned().unwrap_or_default();
            // Prometheus 3 makes `1e+06` of the bound `1000000.0`, and 2.42 leaves it.
            let bound = value.parse::<f64>().ok().filter(|_| name == "le");
            bound.map_or(value, |bound| bound.to_string())
        })
    }
}

pub(super) fn totals<'a>(count: Count, servers: impl Iterator<Item = &'a Exposed>) -> Totals {
    let mut totals = Totals::new();
    for (labels, value) in servers.flatten() {
        if is_of(labels, count.metric) {
            *totals.entry(count.key(labels)).or_default() += value;
        }
    }
    totals
}

pub(super) fn stored(count: Count, samples: &[Sample]) -> Totals {
    let samples = samples.iter();
    samples
        .map(|sample| (count.key(&sample.labels), sample.value))
        .collect()
}

/// A recorded figure, and what it means.
#[derive(Clone, Copy)]
pub(super) struct Headline {
    pub(super) query: &'static str,
    of: fn(&[Member]) -> f64,
}

pub(super) const HEADLINES: [Headline; 2] = [
    Headline {
        query: "job:http_request_failures_per_requests:ratio_rate5m{job=\"tallied\"}",
        of: error_ratio,
    },
    Headline {
        query: "job_endpoint:http_request_duration_seconds:p95_rate5m{job=\"tallied\",endpoint=\"/fault\"}",
        of: p95_of_fault,
    },
];

impl Headline {
    pub(super) fn expected(self, members: &[Member]) -> f64 {
        (self.of)(members)
    }
}

fn error_ratio(members: &[Member]) -> f64 {
    let requests = |failed: bool| {
        increase(members, REQUESTS, |labels| {
            is_of_users(&labels["endpoint"]) && (!failed || labels["status_code"].starts_with('5'))
        })
    };
    requests(true) / requests(false)
}

/// What users ask for: neither scrapes and probes nor what no route took.
fn is_of_users(endpoint: &str) -> bool {
    endpoint != "unmatched" && !endpoint.starts_with("/health")
}

fn p95_of_fault(members: &[Member]) -> f64 {
    let mut buckets: BTreeMap<&str, f64> = BTreeMap::new();
    for member in members {
        for labels in member.last.keys().filter(|labels| is_of(labels, DURATIONS)) {
            buckets.entry(&labels["le"]).or_default();
        }
    }
    let mut buckets: Vec<(f64, f64)> = buckets
        .into_keys()
        .map(|le| {
            let below = increase(members, DURATIONS, |labels| {
                labels["endpoint"] == "/fault" && labels["le"] == le
            });
            (le.parse().unwrap_or(f64::NAN), below)
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantile(0.95, &buckets)
}

/// Linear within a bucket, as <https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile> has it.
fn quantile(q: f64, buckets: &[(f64, f64)]) -> f64 {
    let rank = q * buckets.last().map_or(0.0, |(_, all)| *all);
    let (mut lower, mut before) = (0.0, 0.0);
    for &(upper, below) in buckets {
        if below >= rank {
            return lower + (upper - lower) * (rank - before) / (below - before);
        }
        (lower, before) = (upper, below);
    }
    f64::NAN
}

fn increase(members: &[Member], metric: &str, of_it: impl Fn(&Labels) -> bool) -> f64 {
    let all = members.iter().flat_map(|member| {
        let series = member.last.iter();
        series.map(|(labels, last)| (labels, last - member.first.get(labels).unwrap_or(&0.0)))
    });
    let of_it = all.filter(|(labels, _)| is_of(labels, metric) && of_it(labels));
    of_it.map(|(_, increase)| increase).sum()
}

fn is_of(labels: &Labels, metric: &str) -> bool {
    labels.get("__name__").is_some_and(|name| name == metric)
}

/// What a server exposes now, in the format that Prometheus asks for.
pub(super) fn exposed(client: &Client, server: &str) -> Result<Exposed> {
    let url = format!("{server}{SCRAPES}?format=openmetrics");
    let answer = client.get(&url)?;
    ensure!(answer.status == 200, "GET {url}: {}", answer.status);
    let mut exposed = Exposed::new();
    for sample in samples::parse(&answer.body)? {
        let read = promql::selector(sample.series);
        let read = read.with_context(|| format!("a scrape has the series {}", sample.series))?;
        let matchers = read.matchers.matchers.into_iter();
        let mut labels: Labels = matchers.map(|m| (m.name, m.value)).collect();
        if labels
            .get("endpoint")
            .is_some_and(|endpoint| endpoint != SCRAPES)
        {
            labels.insert("__name__".to_owned(), read.name.unwrap_or_default());
            exposed.insert(labels, sample.value);
        }
    }
    Ok(exposed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let buckets = [
            (0.1, 90.0),
            (0.5, 90.0),
            (1.0, 100.0),
            (f64::INFINITY, 100.0),
        ];
        assert!((quantile(0.95, &buckets) - 0.75).abs() < 1e-12);
        assert!((quantile(0.45, &buckets) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn counts_are_added_up_by_their_labels() {
        let series = |le: &str| -> Labels {
            let labels = [("__name__", DURATIONS), ("endpoint", "/"), ("le", le)];
            labels.map(|(n, v)| (n.to_owned(), v.to_owned())).into()
        };
        let one = Exposed::from([(series("1e+06"), 1.0)]);
        let other = Exposed::from([(series("1000000.0"), 2.0)]);
        let totals = totals(COUNTS[1], [one, other].iter());
        assert_eq!(totals.into_values().collect::<Vec<_>>(), [3.0]);
    }
}
