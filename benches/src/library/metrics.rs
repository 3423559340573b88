use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::Library;
use crate::workload::BOUNDS;

const METADATA: Metadata<'static> = Metadata::new("benches", Level::INFO, None);

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new()
        .set_buckets(&BOUNDS)
        .expect("there are bounds")
        .build_recorder()
}

fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Vec<Label> {
    pairs
        .map(|(name, value)| Label::new(name, value.to_owned()))
        .into()
}

/// metrics with the recorder of metrics-exporter-prometheus: what the macros do, on a recorder of
/// one's own instead of the process's.
#[derive(Debug)]
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = recorder();
        let handle = recorder.handle();
        Self { recorder, handle }
    }
}

impl Metrics {
    /// The counter without labels.
    pub fn plain_counter(&self) -> Counter {
        let key = Key::from_static_name("events");
        self.recorder.register_counter(&key, &METADATA)
    }

    /// The histogram without labels.
    pub fn plain_histogram(&self) -> Histogram {
        let key = Key::from_static_name("seconds");
        self.recorder.register_histogram(&key, &METADATA)
    }

    /// The counter of a method, an endpoint and a status, to be kept.
    pub fn counter(&self, method: &str, endpoint: &str, status: &str) -> Counter {
        let labels = labels([
            ("method", method),
            ("endpoint", endpoint),
            ("status_code", status),
        ]);
        let key = Key::from_parts("requests_total", labels);
        self.recorder.register_counter(&key, &METADATA)
    }

    /// A scrape in the text format 0.0.4.
    pub fn text(&self) -> String {
        self.handle.render()
    }
}

impl Library for Metrics {
    fn observe(&self, method: &str, endpoint: &str, seconds: f64) {
        let labels = labels([("method", method), ("endpoint", endpoint)]);
        let key = Key::from_parts("request_duration_seconds", labels);
        self.recorder
            .register_histogram(&key, &METADATA)
            .record(seconds);
    }

    fn count(&self, method: &str, endpoint: &str) {
        let labels = labels([("method", method), ("endpoint", endpoint)]);
        let key = Key::from_parts("calls_total", labels);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.counter(method, endpoint, status).increment(1);
    }

    /// Moves the observations, which are kept one by one until then, into buckets.
    fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// The macros of metrics, on the process's recorder: what most users of it write.
#[derive(Debug)]
pub struct Macros(());

impl Macros {
    /// Installs the recorder; once in a process.
    pub fn install() -> Self {
        metrics::set_global_recorder(recorder()).expect("nobody else installs one");
        Self(())
    }

    /// Adds 1 to the counter of a method, an endpoint and a status.
    #[inline]
    pub fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        metrics::counter!(
            "requests_total",
            "method" => method.to_owned(),
            "endpoint" => endpoint.to_owned(),
            "status_code" => status.to_owned(),
        )
        .increment(1);
    }
}
