//! HTTP metrics for any framework: every request recorded once, with its real end, whatever happens to it.
//!
//! Applications use the package for their framework, such as `tallied-salvo`, which re-exports what they need of this
//! one. "Middleware" here is what Salvo calls a hoop and tower a layer.
//!
//! - [`HttpMetrics`] registers the metrics, with the options of its [`builder`](HttpMetrics::builder).
//! - [`Scrape`] answers a Prometheus scrape, from an [`http::Request`] to an [`http::Response`]; [`ScrapeMetrics`] measure
//!   that.
//! - [`DeferEof`] goes around the stream of a connection. Without it, hyper drops requests whose clients close right
//!   behind them, before any middleware sees them.
//! - [`adapter`] is for those who write the middleware of a framework.
//! - [`accept_quality`] is how the scrape's format is chosen, for handlers that answer in several media types, too.
//!
//! When a drain reaches its time limit, call [`HttpMetrics::drain_timed_out`] before you cut off the requests that are left:
//! they then count as `shutdown`, not as clients that left.
//!
//! With the feature `prometheus-client`, `Scrape::with_prometheus_client` also serves the metrics of a prometheus-client
//! registry.

#![forbid(unsafe_code)]

mod aborted;
mod accept;
pub mod adapter;
mod append_only;
mod bounds;
mod builder;
mod causes;
mod counted;
mod defer_eof;
mod endpoint;
mod endpoint_rule;
mod exchange;
mod families;
mod grpc;
mod head;
mod installation;
mod labelled;
mod list_header;
mod methods;
mod metrics;
mod options_error;
mod own_labels;
mod place;
mod recent;
mod request_body;
mod response_body;
mod response_in_progress;
mod routes;
mod scrape;
mod series;

pub use accept::accept_quality;
pub use bounds::EndpointBuckets;
pub use builder::{HttpMetric, HttpMetricsBuilder, LabelBuilder};
pub use defer_eof::DeferEof;
pub use endpoint_rule::EndpointRule;
pub use exchange::Unrecorded;
pub use head::RequestHead;
pub use installation::UnknownEndpoint;
pub use metrics::HttpMetrics;
pub use options_error::HttpMetricsError;
pub use own_labels::{RequestLabels, UnknownLabel};
pub use recent::{Recent, RecentRequest};
pub use scrape::{Connection, Scrape, ScrapeBody, ScrapeMetrics};

/// The error of a body: that of the body inside, whatever its type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
