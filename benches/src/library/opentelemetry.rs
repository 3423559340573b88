use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, Counter, Histogram, Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};

use crate::workload::BOUNDS;

/// opentelemetry_sdk, read by hand; it allows 2,000 label sets an instrument and puts the others
/// together, so it takes part where there are fewer.
#[derive(Debug)]
pub struct OpenTelemetry {
    meter: Meter,
    requests: Counter<u64>,
    /// Keeps what the meter counts into.
    _provider: SdkMeterProvider,
}

impl Default for OpenTelemetry {
    fn default() -> Self {
        let provider = SdkMeterProvider::builder()
            .with_reader(ManualReader::default())
            .build();
        let meter = provider.meter("benches");
        Self {
            requests: meter.u64_counter("requests").build(),
            meter,
            _provider: provider,
        }
    }
}

fn attributes(method: &str, endpoint: &str, status: &str) -> [KeyValue; 3] {
    [
        KeyValue::new("method", method.to_owned()),
        KeyValue::new("endpoint", endpoint.to_owned()),
        KeyValue::new("status_code", status.to_owned()),
    ]
}

impl OpenTelemetry {
    /// A counter, to which 1 is added without labels.
    pub fn plain_counter(&self) -> Counter<u64> {
        self.meter.u64_counter("events").build()
    }

    /// A histogram, which observes without labels.
    pub fn plain_histogram(&self) -> Histogram<f64> {
        self.meter
            .f64_histogram("seconds")
            .with_boundaries(BOUNDS.into())
            .build()
    }

    /// The counter of a method, an endpoint and a status, to be kept; by an experiment of the API.
    pub fn counter(&self, method: &str, endpoint: &str, status: &str) -> BoundCounter<u64> {
        self.requests.bind(&attributes(method, endpoint, status))
    }

    /// Adds 1 to the counter of a method, an endpoint and a status.
    #[inline]
    pub fn count_status(&self, method: &str, endpoint: &str, status: &str) {
        self.requests.add(1, &attributes(method, endpoint, status));
    }
}
