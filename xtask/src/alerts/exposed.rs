//! What a server exposes: the names of the samples, their labels, and the labels' values in each text format.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::promql;

/// What a scrape adds to each series.
pub(crate) const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// What Prometheus makes of each scrape, with the target's labels.
const OF_A_SCRAPE: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// What other programs of the stack expose, and Prometheus of its alerts: not ours to know.
const OF_OTHERS: [&str; 5] = ["ALERTS", "prometheus_", "alertmanager_", "grafana_", "vm_"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Written by a recording rule.
    Recorded,
    Scrape,
    Others,
    /// Ours, or nobody's.
    Server,
}

pub(crate) fn origin(name: &str) -> Origin {
    if name.contains(':') {
        Origin::Recorded
    } else if OF_A_SCRAPE.contains(&name) {
        Origin::Scrape
    } else if OF_OTHERS.iter().any(|prefix| name.starts_with(prefix)) {
        Origin::Others
    } else {
        Origin::Server
    }
}

/// The values that a label was seen with. Both formats write all of them alike, but for some bounds of histograms.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) text: BTreeSet<String>,
    pub(crate) openmetrics: BTreeSet<String>,
}

impl Known {
    pub(crate) fn only(value: &str) -> Self {
        Self {
            text: BTreeSet::from([value.to_owned()]),
            openmetrics: BTreeSet::from([value.to_owned()]),
        }
    }
}

pub(crate) type Labels = BTreeMap<String, Known>;

#[derive(Debug, Default)]
pub(crate) struct Exposed {
    samples: BTreeMap<String, Labels>,
}

impl Exposed {
    /// Of one server's two documents, scraped one after the other.
    pub(crate) fn parse(text: &str, openmetrics: &str) -> Result<Self> {
        let mut exposed = Self::default();
        exposed.read(text, |known| &mut known.text)?;
        exposed.read(openmetrics, |known| &mut known.openmetrics)?;
        Ok(exposed)
    }

    fn read(&mut self, document: &str, set: fn(&mut Known) -> &mut BTreeSet<String>) -> Result<()> {
        let lines = document.lines();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            // A series is written as in PromQL; a value has no brace.
            let end = line.rfind('}').map(|brace| brace + 1);
            let end = end.or_else(|| line.find(' ')).unwrap_or(line.len());
            let series = promql::selector(&line[..end])
                .with_context(|| format!("/metrics has a line that is no sample: {line}"))?;
            let labels = self
                .samples
                .entry(series.name.unwrap_or_default())
                .or_default();
            for matcher in series.matchers.matchers {
                set(labels.entry(matcher.name).or_default()).insert(matcher.value);
            }
        }
        Ok(())
    }

    /// The labels of the samples of this name, without those that a scrape adds.
    pub(crate) fn labels(&self, name: &str) -> Option<&Labels> {
        self.samples.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str, label: &str, value: &str) -> bool {
        let known = self.labels(name).and_then(|labels| labels.get(label));
        known.is_some_and(|known| known.text.contains(value))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small server of the fixtures.
    pub(crate) fn exposed() -> Exposed {
        let series = |one: &str, error: &str| {
            format!(
                "# TYPE x gauge\nplain 1\n\
                 http_requests_total{{endpoint=\"/data\",status_code=\"200\"}} 5\n\
                 http_requests_total{{endpoint=\"/data\",status_code=\"{error}\"}} 5\n\
                 t_seconds_bucket{{endpoint=\"/data\",le=\"0.5\"}} 1\n\
                 t_seconds_bucket{{endpoint=\"/data\",le=\"{one}\"}} 1\n\
                 t_seconds_bucket{{endpoint=\"/data\",le=\"+Inf\"}} 1\n\
                 t_seconds_sum{{endpoint=\"/data\"}} 0.25\n"
            )
        };
        let openmetrics = format!("{}# EOF\n", series("1.0", "500"));
        Exposed::parse(&series("1", "500"), &openmetrics).unwrap()
    }

    #[test]
    fn reads_names_labels_and_values() {
        let exposed = exposed();
        assert_eq!(exposed.labels("plain"), Some(&Labels::new()));
        assert!(exposed.has("http_requests_total", "status_code", "500"));
        let bounds = &exposed.labels("t_seconds_bucket").unwrap()["le"];
        assert!(bounds.text.contains("1") && !bounds.openmetrics.contains("1"));
        assert!(Exposed::parse("x{y} 1\n", "").is_err());
    }

    #[test]
    fn braces_in_a_value_are_its_own() {
        let text = "x{endpoint=\"/data/{id}\",q=\"a\\\"b\\\\\"} 1\n";
        let exposed = Exposed::parse(text, "").unwrap();
        assert!(exposed.has("x", "endpoint", "/data/{id}"));
        assert!(exposed.has("x", "q", "a\"b\\"));
    }

    #[test]
    fn a_name_tells_whose_it_is() {
        assert_eq!(origin("job:x:rate5m"), Origin::Recorded);
        assert_eq!(origin("up"), Origin::Scrape);
        assert_eq!(origin("prometheus_build_info"), Origin::Others);
        assert_eq!(origin("process_open_fds"), Origin::Server);
    }
}
