//! The fleet's figures, out of the servers' own expositions: what the recording rules of deploy/prometheus/rules/recording.yml
//! are to give, written a second time, as what they mean and not as PromQL.
//!
//! Of a server it takes what it exposed before its requests and after them, and of Prometheus the times of its scrapes: `rate`
//! depends on them. That its stored samples are those of the expositions is checked elsewhere.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::arithmetic::{Extrapolation, Range, quantile, rate};
use super::series::{NAME, Settled, of, shown};
use crate::prometheus::api::Labels;

/// By the name and the labels of the recorded series.
pub(super) type Figures = BTreeMap<Labels, Range>;

/// `rate5m`.
pub(super) const WINDOW_SECONDS: i64 = 300;

const JOB: &str = "tallied";
const REQUESTS: &str = "http_requests_total";
const DURATIONS: &str = "http_request_duration_seconds_bucket";

pub(super) const ENDPOINT_REQUESTS: &str = "job_endpoint:http_requests:rate5m";
pub(super) const ENDPOINT_FAILURES: &str = "job_endpoint:http_request_failures:rate5m";
pub(super) const ENDPOINT_RATIO: &str =
    "job_endpoint:http_request_failures_per_requests:ratio_rate5m";
pub(super) const JOB_REQUESTS: &str = "job:http_requests:rate5m";
pub(super) const JOB_FAILURES: &str = "job:http_request_failures:rate5m";
pub(super) const JOB_RATIO: &str = "job:http_request_failures_per_requests:ratio_rate5m";
pub(super) const BUCKETS: &str = "job_endpoint_le:http_request_duration_seconds_bucket:rate5m";
pub(super) const P50: &str = "job_endpoint:http_request_duration_seconds:p50_rate5m";
pub(super) const P95: &str = "job_endpoint:http_request_duration_seconds:p95_rate5m";
pub(super) const P99: &str = "job_endpoint:http_request_duration_seconds:p99_rate5m";
pub(super) const P95_OF_ALL_JOBS: &str = "endpoint:http_request_duration_seconds:p95_rate5m";

/// All of them.
pub(super) const RECORDED: [&str; 11] = [
    ENDPOINT_REQUESTS,
    ENDPOINT_FAILURES,
    ENDPOINT_RATIO,
    JOB_REQUESTS,
    JOB_FAILURES,
    JOB_RATIO,
    BUCKETS,
    P50,
    P95,
    P99,
    P95_OF_ALL_JOBS,
];

/// A server, as Prometheus scraped it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scraped<'a> {
    /// What it exposed when it was scraped for the first time.
    pub(super) first: &'a Settled,
    /// … and when it was scraped for the last time.
    pub(super) last: &'a Settled,
    /// Of the scrapes, in milliseconds.
    pub(super) times: &'a [i64],
}

/// The rules' results at a time, of servers that were first scraped less than a window ago.
pub(super) fn at(fleet: &[Scraped<'_>], at: i64, extrapolation: Extrapolation) -> Result<Figures> {
    let rates = rates(fleet, at, extrapolation)?;
    let mut figures = Figures::new();
    let mut put = |name: &str, labels: &[(&str, &str)], figure: Range| {
        figures.insert(named(name, labels), figure);
    };

    let (mut requests, mut failures) = (Vec::new(), Vec::new());
    for (endpoint, rates) in group(&rates[REQUESTS], |labels| of(labels, "endpoint")) {
        let all = sum(&rates, |_| true);
        let failed = sum(&rates, |labels| of(labels, "status_code").starts_with('5'));
        let labels = [("job", JOB), ("endpoint", endpoint)];
        put(ENDPOINT_REQUESTS, &labels, all);
        put(ENDPOINT_FAILURES, &labels, failed);
        if all.value > 0.0 {
            put(ENDPOINT_RATIO, &labels, failed.over(all));
        }
        if is_of_users(endpoint) {
            requests.push(all);
            failures.push(failed);
        }
    }
    let (requests, failures) = (Range::sum(&requests), Range::sum(&failures));
    put(JOB_REQUESTS, &[("job", JOB)], requests);
    put(JOB_FAILURES, &[("job", JOB)], failures);
    if requests.value > 0.0 {
        put(JOB_RATIO, &[("job", JOB)], failures.over(requests));
    }

    for (endpoint, rates) in group(&rates[DURATIONS], |labels| of(labels, "endpoint")) {
        let mut buckets = Vec::new();
        for (le, rates) in group(&rates, |labels| of(labels, "le")) {
            let all = sum(&rates, |_| true);
            let labels = [("job", JOB), ("endpoint", endpoint), ("le", le)];
            put(BUCKETS, &labels, all);
            let bound: f64 = le
                .parse()
                .with_context(|| format!("a bucket has le={le:?}"))?;
            buckets.push((bound, all));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let labels = [("job", JOB), ("endpoint", endpoint)];
        for (name, q) in [(P50, 0.5), (P95, 0.95), (P99, 0.99)] {
            put(name, &labels, quantile(q, &buckets));
        }
        put(P95_OF_ALL_JOBS, &labels[1..], quantile(0.95, &buckets));
    }
    Ok(figures)
}

fn named(name: &str, labels: &[(&str, &str)]) -> Labels {
    let labels = labels.iter().copied().chain([(NAME, name)]);
    labels
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

type Rates<'a> = Vec<(&'a Labels, f64)>;

/// The rate of each series of each server, by the metric.
fn rates<'a>(
    fleet: &[Scraped<'a>],
    at: i64,
    extrapolation: Extrapolation,
) -> Result<BTreeMap<&'static str, Rates<'a>>> {
    let mut rates: BTreeMap<&str, Rates<'_>> =
        [(REQUESTS, Vec::new()), (DURATIONS, Vec::new())].into();
    for server in fleet {
        let times: Vec<i64> = server.times.iter().copied().filter(|&t| t <= at).collect();
        ensure!(
            times
                .first()
                .is_none_or(|&first| first > at - WINDOW_SECONDS * 1000),
            "a server was first scraped before the window of the rules: this took too long"
        );
        for (labels, &last) in server.last {
            let Some(rates) = rates.get_mut(of(labels, NAME)) else {
                continue;
            };
            let first = server.first.get(labels);
            let first = *first
                .with_context(|| format!("{} was not there at the first scrape", shown(labels)))?;
            ensure!(first <= last, "{} went down", shown(labels));
            let rate = rate((first, last), &times, at, WINDOW_SECONDS, extrapolation);
            rates.extend(rate.map(|rate| (labels, rate)));
        }
    }
    Ok(rates)
}

fn group<'a, 'b>(
    rates: &'b Rates<'a>,
    key: impl Fn(&'a Labels) -> &'a str,
) -> BTreeMap<&'a str, Rates<'a>> {
    let mut groups: BTreeMap<&str, Rates<'a>> = BTreeMap::new();
    for &(labels, rate) in rates {
        groups.entry(key(labels)).or_default().push((labels, rate));
    }
    groups
}

fn sum(rates: &Rates<'_>, of_it: impl Fn(&Labels) -> bool) -> Range {
    let terms = rates.iter().filter(|(labels, _)| of_it(labels));
    let terms: Vec<Range> = terms.map(|&(_, rate)| Range::exact(rate)).collect();
    Range::sum(&terms)
}

/// What users ask for: neither scrapes and probes nor what no route took.
fn is_of_users(endpoint: &str) -> bool {
    !matches!(endpoint, "unmatched" | "/metrics" | "/health") && !endpoint.starts_with("/health/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, labels: &[(&str, &str)], value: f64) -> (Labels, f64) {
        (named(name, labels), value)
    }

    /// So many requests to /data, of which some failed, all in the bucket below this bound.
    fn server(good: f64, failed: f64, bound: &str) -> Settled {
        let mut all: Settled = [("200", good), ("500", failed)]
            .map(|(status, count)| {
                series(
                    REQUESTS,
                    &[("endpoint", "/data"), ("status_code", status)],
                    count,
                )
            })
            .into();
        all.extend([series(
            REQUESTS,
            &[("endpoint", "/health"), ("status_code", "200")],
            good,
        )]);
        let mut count = 0.0;
        for le in ["0.1", "0.5", "1.0", "+Inf"] {
            if le == bound {
                count = good + failed;
            }
            all.extend([series(
                DURATIONS,
                &[("endpoint", "/data"), ("le", le)],
                count,
            )]);
        }
        all
    }

    fn figure(figures: &Figures, name: &str) -> f64 {
        let of_it = |(labels, _): &(&Labels, &Range)| {
            of(labels, NAME) == name && !matches!(of(labels, "endpoint"), "/health")
        };
        figures.iter().find(of_it).unwrap().1.value
    }

    fn close(seen: f64, expected: f64) {
        assert!((seen - expected).abs() < 1e-12, "{seen} {expected}");
    }

    #[test]
    fn requests_are_added_up_not_quantiles_or_ratios() {
        let none = server(0.0, 0.0, "");
        let (fast, slow) = (server(90.0, 0.0, "0.1"), server(5.0, 5.0, "1.0"));
        let times: Vec<i64> = (1..=20).map(|i| i * 15_000).collect();
        let of = |last| Scraped {
            first: &none,
            last,
            times: &times,
        };
        let (fast, slow) = (of(&fast), of(&slow));
        let figures = at(&[fast, slow], 300_000, Extrapolation::ZeroLast).unwrap();
        close(figure(&figures, JOB_RATIO), 0.05);
        close(figure(&figures, ENDPOINT_RATIO), 0.05);
        // The 95th of 100: in the middle of the ten slow ones.
        close(figure(&figures, P95), 0.75);
        close(figure(&figures, P95_OF_ALL_JOBS), 0.75);
        let p95 = |server| {
            figure(
                &at(&[server], 300_000, Extrapolation::ZeroLast).unwrap(),
                P95,
            )
        };
        close(p95(fast), 0.095);
        close(p95(slow), 0.975);
        // A server left out is another figure.
        let alone = at(&[fast], 300_000, Extrapolation::ZeroLast).unwrap();
        close(figure(&alone, JOB_RATIO), 0.0);
    }

    #[test]
    fn what_nobody_asked_for_has_no_ratio_and_no_quantile() {
        let none = server(0.0, 0.0, "");
        let idle = Scraped {
            first: &none,
            last: &none,
            times: &[1000, 2000],
        };
        let figures = at(&[idle], 2000, Extrapolation::ZeroLast).unwrap();
        assert!(figure(&figures, P95).is_nan());
        assert!(
            !figures
                .keys()
                .any(|labels| of(labels, NAME) == ENDPOINT_RATIO)
        );
        assert_eq!(figure(&figures, JOB_FAILURES), 0.0);
    }

    #[test]
    fn a_series_that_came_later_is_an_error() {
        let (first, last) = (Settled::new(), server(1.0, 0.0, "0.1"));
        let server = Scraped {
            first: &first,
            last: &last,
            times: &[1000, 2000],
        };
        let error = at(&[server], 2000, Extrapolation::ZeroLast).unwrap_err();
        assert!(error.to_string().contains("was not there"), "{error}");
    }
}
