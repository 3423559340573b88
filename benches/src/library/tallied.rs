use tallied::{Buckets, Counter, Family, Histogram, Registry, SeriesRef};

use super::Library;
use crate::workload::BOUNDS;

/// This project's families in a registry.
#[derive(Debug)]
pub struct Tallied {
    registry: Registry,
    seconds: Family<Histogram, 2>,
    calls: Family<Counter, 2>,
    requests: Family<Counter, 3>,
}

impl Default for Tallied {
    fn default() -> Self {
        let registry = Registry::default();
        let buckets = Buckets::new(BOUNDS).expect("the bounds increase");
        let seconds = Family::new_with_constructor(["method", "endpoint"], move || {
            Histogram::with_buckets(&buckets)
        });
        let calls = Family::new(["method", "endpoint"]);
        let requests = Family::new(["method", "endpoint", "status_code"]);
        registry
            .register("request_duration_seconds", "Duration", seconds.clone())
            .and_then(|_| registry.register("calls", "Calls", calls.clone()))
            .and_then(|_| registry.register("requests", "Requests", requests.clone()))
            .expect("the names are valid and differ");
        Self {
            registry,
            seconds,
            calls,
            requests,
        }
    }
}

impl Tallied {
    /// The histogram of a method and an endpoint, to be kept.
    pub fn histogram(&self, method: &str, endpoint: &str) -> Histogram {
        Histogram::clone(&self.seconds.get_or_create(&[method, endpoint]))
    }

    /// The counter of a method, an endpoint and a status, to be kept.
    pub fn counter(&self, method: &str, endpoint: &str, status: &str) -> Counter {
        let series: SeriesRef<'_, Counter> =
            self.requests.get_or_create(&[method, endpoint, status]);
        Counter::clone(&series)
    }

    /// A scrape in the text format 0.0.4.
    pub fn text(&self) -> String {
        self.registry.text()
    }

    /// A scrape as OpenMetrics.
    pub fn openmetrics(&self) -> String {
        self.registry.openmetrics()
    }

    /// A scrape in the protobuf format.
    pub fn protobuf(&self) -> Vec<u8> {
        self.registry.protobuf()
    }
}

impl Library for Tallied {
    fn observe(&self, method: &str, endpoint: &str, seconds: f64) {
        self.seconds
            .get_or_create(&[method, endpoint])
            .observe(seconds);
    }

    fn count(&self, method: &str, endpoint: &str) {
        self.calls.get_or_create(&[method, endpoint]).inc();
    }

    #[inline]
    fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.requests
            .get_or_create(&[method, endpoint, status])
            .inc();
    }
}
