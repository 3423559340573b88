use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Library;
use crate::workload::BOUNDS;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    method: String,
    endpoint: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answer {
    method: String,
    endpoint: String,
    status_code: String,
}

/// prometheus-client: a `Family` is looked up by a label set of its own, with owned strings.
#[derive(Debug)]
pub struct PrometheusClient {
    registry: Registry,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    calls: Family<Route, Counter>,
    requests: Family<Answer, Counter>,
}

impl Default for PrometheusClient {
    fn default() -> Self {
        let mut registry = Registry::default();
        let new: fn() -> Histogram = || Histogram::new(BOUNDS);
        let seconds = Family::new_with_constructor(new);
        let (calls, requests) = (Family::default(), Family::default());
        registry.register(
            "request_duration_seconds",
            "Duration",
            Family::clone(&seconds),
        );
        registry.register("calls", "Calls", Family::clone(&calls));
        registry.register("requests", "Requests", Family::clone(&requests));
        Self {
            registry,
            seconds,
            calls,
            requests,
        }
    }
}

fn route(method: &str, endpoint: &str) -> Route {
    Route {
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
    }
}

fn answer(method: &str, endpoint: &str, status: &str) -> Answer {
    Answer {
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        status_code: status.to_owned(),
    }
}

impl PrometheusClient {
    /// The histogram of a method and an endpoint, to be kept.
    pub fn histogram(&self, method: &str, endpoint: &str) -> Histogram {
        self.seconds.get_or_create_owned(&route(method, endpoint))
    }

    /// The counter of a method, an endpoint and a status, to be kept.
    pub fn counter(&self, method: &str, endpoint: &str, status: &str) -> Counter {
        self.requests
            .get_or_create_owned(&answer(method, endpoint, status))
    }

    /// A scrape as OpenMetrics.
    pub fn openmetrics(&self) -> String {
        let mut document = String::new();
        text::encode(&mut document, &self.registry).expect("a String takes everything");
        document
    }
}

impl Library for PrometheusClient {
    fn observe(&self, method: &str, endpoint: &str, seconds: f64) {
        self.seconds
            .get_or_create(&route(method, endpoint))
            .observe(seconds);
    }

    fn count(&self, method: &str, endpoint: &str) {
        self.calls.get_or_create(&route(method, endpoint)).inc();
    }

    #[inline]
    fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.requests
            .get_or_create(&answer(method, endpoint, status))
            .inc();
    }
}
