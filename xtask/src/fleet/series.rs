//! The series of a server by their labels, whether the server itself exposes them or a database has them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::alerts::promql;
use crate::http::Client;
use crate::prometheus::api::Labels;
use crate::samples;

/// The metric's name among the labels.
pub(super) const NAME: &str = "__name__";

/// What a target gives its series, and what Prometheus adds to all that it sends on.
const OF_TARGETS: [&str; 5] = ["job", "instance", "zone", "cluster", "replica"];

/// The endpoint that every look at a server changes.
pub(super) const SCRAPES: &str = "/metrics";

/// The figures that stand still between two requests: those of the endpoints, but for the scrapes' own.
pub(super) type Settled = BTreeMap<Labels, f64>;

pub(super) fn of<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

pub(super) fn is_settled(labels: &Labels) -> bool {
    !matches!(of(labels, "endpoint"), "" | SCRAPES)
}

/// The labels as the server wrote them, but for how a bound is written.
pub(super) fn without_target(mut labels: Labels) -> Labels {
    labels.retain(|name, _| !OF_TARGETS.contains(&name.as_str()));
    with_plain_bound(labels)
}

/// One way to write a bound: each format has its own, which Prometheus 3 rewrites and 2.42 leaves.
pub(super) fn with_plain_bound(mut labels: Labels) -> Labels {
    if let Some(le) = labels.get_mut("le")
        && let Ok(bound) = le.parse::<f64>()
    {
        *le = bound.to_string();
    }
    labels
}

/// What a server exposes now, in the format that Prometheus asks for.
pub(super) fn exposed(client: &Client, server: &str) -> Result<Settled> {
    let url = format!("{server}{SCRAPES}?format=openmetrics");
    let answer = client.get(&url)?;
    ensure!(answer.status == 200, "GET {url}: {}", answer.status);
    parse(&answer.body)
}

fn parse(document: &str) -> Result<Settled> {
    let mut settled = Settled::new();
    for sample in samples::parse(document)? {
        let read = promql::selector(sample.series);
        let read = read.with_context(|| format!("a scrape has the series {}", sample.series))?;
        let matchers = read.matchers.matchers.into_iter();
        let mut labels: Labels = matchers.map(|m| (m.name, m.value)).collect();
        if is_settled(&labels) {
            labels.insert(NAME.to_owned(), read.name.unwrap_or_default());
            settled.insert(with_plain_bound(labels), sample.value);
        }
    }
    Ok(settled)
}

/// `name{label="value"}`.
pub(super) fn shown(labels: &Labels) -> String {
    let others = labels.iter().filter(|(name, _)| *name != NAME);
    let others: Vec<String> = others
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{}{{{}}}", of(labels, NAME), others.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_look_changes_is_left_out() {
        let document = "# TYPE a counter\n\
            a_total{method=\"GET\",endpoint=\"/data/{id}\"} 3\n\
            a_total{method=\"GET\",endpoint=\"/metrics\"} 4\n\
            process_open_fds 7\n# EOF\n";
        let settled = parse(document).unwrap();
        let (labels, value) = settled.first_key_value().unwrap();
        assert_eq!((settled.len(), *value), (1, 3.0));
        assert_eq!(
            shown(labels),
            "a_total{endpoint=\"/data/{id}\",method=\"GET\"}"
        );
    }

    #[test]
    fn a_series_is_the_same_wherever_it_is_stored() {
        let labels = |with: &[(&str, &str)]| -> Labels {
            let pairs = with.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            pairs.collect()
        };
        let bound = |le: &str| without_target(labels(&[("le", le)]));
        assert_eq!(bound("1000000.0"), bound("1e+06"));
        assert_eq!(bound("+Inf"), labels(&[("le", "inf")]));
        let stored = labels(&[
            ("endpoint", "/"),
            ("job", "tallied"),
            ("replica", "a"),
            ("zone", "b"),
        ]);
        assert_eq!(without_target(stored), labels(&[("endpoint", "/")]));
    }
}
