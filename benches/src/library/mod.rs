//! The libraries, each behind the same few calls, written as its users write them.
//!
//! What is compared is what a service does: label values are borrowed strings that came with a
//! request, and nothing but the library keeps them.

mod measured;
mod metrics;
mod opentelemetry;
mod prometheus;
mod prometheus_client;
mod tallied;

pub use self::measured::Measured;
pub use self::metrics::{Macros, Metrics};
pub use self::opentelemetry::OpenTelemetry;
pub use self::prometheus::Prometheus;
pub use self::prometheus_client::PrometheusClient;
pub use self::tallied::Tallied;

/// Three families of a service, found anew by their label values at each call.
pub trait Library: Sync {
    /// Observes in the histogram of a method and an endpoint, which has the bounds
    /// [`BOUNDS`](crate::workload::BOUNDS).
    fn observe(&self, method: &str, endpoint: &str, seconds: f64);

    /// Adds 1 to the counter of a method and an endpoint.
    fn count(&self, method: &str, endpoint: &str);

    /// Adds 1 to the counter of a method, an endpoint and a status.
    fn count_status(&self, method: &str, endpoint: &str, status: &str);

    /// Does what the library wants done from time to time beside recording and scraping.
    fn upkeep(&self) {}
}
