use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use super::Library;
use crate::workload::BOUNDS;

/// tikv's prometheus: vectors that are looked up by borrowed label values.
#[derive(Debug)]
pub struct Prometheus {
    registry: Registry,
    seconds: HistogramVec,
    calls: IntCounterVec,
    requests: IntCounterVec,
}

impl Default for Prometheus {
    fn default() -> Self {
        let registry = Registry::new();
        let seconds = HistogramVec::new(
            HistogramOpts::new("request_duration_seconds", "Duration").buckets(BOUNDS.into()),
            &["method", "endpoint"],
        )
        .expect("the names and bounds are valid");
        let counter = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("the names are valid")
        };
        let calls = counter("calls_total", "Calls", &["method", "endpoint"]);
        let requests = counter(
            "requests_total",
            "Requests",
            &["method", "endpoint", "status_code"],
        );
        registry
            .register(Box::new(seconds.clone()))
            .and_then(|()| registry.register(Box::new(calls.clone())))
            .and_then(|()| registry.register(Box::new(requests.clone())))
            .expect("the names differ");
        Self {
            registry,
            seconds,
            calls,
            requests,
        }
    }
}

impl Prometheus {
    /// The counter of a method, an endpoint and a status, to be kept.
    pub fn counter(&self, method: &str, endpoint: &str, status: &str) -> IntCounter {
        self.requests.with_label_values(&[method, endpoint, status])
    }

    /// A scrape in the text format 0.0.4.
    pub fn text(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("what was gathered is whole")
    }
}

impl Library for Prometheus {
    fn observe(&self, method: &str, endpoint: &str, seconds: f64) {
        self.seconds
            .with_label_values(&[method, endpoint])
            .observe(seconds);
    }

    fn count(&self, method: &str, endpoint: &str) {
        self.calls.with_label_values(&[method, endpoint]).inc();
    }

    #[inline]
    fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.requests
            .with_label_values(&[method, endpoint, status])
            .inc();
    }
}
