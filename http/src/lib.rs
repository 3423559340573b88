//! HTTP metrics for any framework: every request recorded once, with its real end, whatever happens to it.
//!
//! This is the neutral middle. A service takes the package for its framework, such as `tallied-salvo`, which stands on
//! this one and exports what it needs of it.
//!
//! - [`HttpMetrics`] registers the metrics, with the options of its [`builder`](HttpMetrics::builder).
//! - [`Scrape`] answers a Prometheus scrape, from an [`http::Request`] to an [`http::Response`]; [`ScrapeMetrics`] measure
//!   that.
//! - [`DeferEof`], around the stream of a connection, has requests counted whose clients close right behind them: hyper
//!   drops those before any hoop sees them.
//! - [`adapter`] is for whoever writes the hoop, the layer or the middleware of a framework.
//!
//! At the end of a drain, before what is left is cut off, call
//! [`HttpMetrics::drain_timed_out`], so that the server's own doing is not taken for the clients'.
//!
//! The feature `prometheus-client` serves the metrics of a registry of that crate, too (`Scrape::with_prometheus_client`).

#![forbid(unsafe_code)]

mod aborted;
pub mod adapter;
mod answer;
mod builder;
mod causes;
mod counted;
mod defer_eof;
mod endpoint;
mod exchange;
mod installation;
pub mod list_header;
mod methods;
mod metrics;
mod request_body;
mod response_body;
mod scrape;
mod series;

pub use builder::{EndpointBuckets, HttpMetric, HttpMetricsBuilder};
pub use defer_eof::DeferEof;
pub use installation::UnknownEndpoint;
pub use metrics::HttpMetrics;
pub use scrape::{Connection, Scrape, ScrapeBody, ScrapeMetrics};

/// What a body may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
