use std::fmt;

use measured::metric::histogram::Thresholds;
use measured::text::BufferedTextEncoder;
use measured::{CounterVec, HistogramVec, LabelGroup, MetricGroup};
use paracord::ParaCord;

use super::Library;
use crate::workload::BOUNDS;

#[derive(Clone, Copy, LabelGroup)]
#[label(set = RouteSet)]
struct Route<'a> {
    #[label(dynamic_with = ParaCord, default)]
    method: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    endpoint: &'a str,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = AnswerSet)]
struct Answer<'a> {
    #[label(dynamic_with = ParaCord, default)]
    method: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    endpoint: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status_code: &'a str,
}

#[derive(MetricGroup)]
#[metric(new())]
struct Group {
    /// Duration
    #[metric(metadata = Thresholds::with_buckets(BOUNDS))]
    request_duration_seconds: HistogramVec<RouteSet, { BOUNDS.len() }>,
    /// Calls
    calls: CounterVec<RouteSet>,
    /// Requests
    requests: CounterVec<AnswerSet>,
}

/// measured, with label values that are not known beforehand.
pub struct Measured(Group);

impl Default for Measured {
    fn default() -> Self {
        Self(Group::new())
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").finish_non_exhaustive()
    }
}

impl Measured {
    /// An increment of the counter of a method, an endpoint and a status, which was found before.
    /// What can be kept is an id, not the counter.
    pub fn counter<'a>(
        &'a self,
        method: &str,
        endpoint: &str,
        status: &str,
    ) -> impl Fn() + use<'a> {
        let counters = &self.0.requests;
        let id = counters.with_labels(Answer {
            method,
            endpoint,
            status_code: status,
        });
        move || counters.get_metric(id).inc()
    }

    /// A scrape in the text format 0.0.4.
    pub fn text(&self) -> impl AsRef<[u8]> + use<> {
        let mut encoder = BufferedTextEncoder::new();
        self.0
            .collect_group_into(&mut encoder)
            .expect("a buffer takes everything");
        encoder.finish()
    }
}

impl Library for Measured {
    fn observe(&self, method: &str, endpoint: &str, seconds: f64) {
        let route = Route { method, endpoint };
        self.0.request_duration_seconds.observe(route, seconds);
    }

    fn count(&self, method: &str, endpoint: &str) {
        self.0.calls.inc(Route { method, endpoint });
    }

    #[inline]
    fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.0.requests.inc(Answer {
            method,
            endpoint,
            status_code: status,
        });
    }
}
