//! HTTP metrics for [Salvo](https://salvo.rs): every request counted once, whatever happens to
//! it.
//!
//! ```
//! use salvo::prelude::*;
//! use tallied::Registry;
//! use tallied_server::{HttpMetrics, Scrape};
//!
//! #[handler]
//! async fn hello() -> &'static str {
//!     "hello"
//! }
//!
//! let registry = Registry::default();
//! let metrics = HttpMetrics::register(&registry)?;
//! let router = Router::new()
//!     .push(Router::with_path("hello").get(hello))
//!     .push(Router::with_path("metrics").get(Scrape::new(registry)));
//! // Outermost, so that it also sees 404, 405 and what catchers write.
//! let service = metrics.instrument(Service::new(router));
//! # let _ = service;
//! # Ok::<(), tallied::RegisterError>(())
//! ```
//!
//! - [`HttpMetrics`] registers the metrics, with the options of its [`builder`](HttpMetrics::builder);
//!   [`instrument`](HttpMetrics::instrument) puts the [`hoop`](HttpMetrics::hoop) that feeds them around a
//!   service.
//! - [`Scrape`] answers a Prometheus scrape; [`ScrapeMetrics`] measure that.
//! - [`DeferEofAcceptor`], around the acceptor, has requests counted whose clients close right behind them: hyper
//!   drops those before any hoop sees them.
//! - [`RuntimeMetrics`], and with the feature `process` `ProcessMetrics` and `HostMetrics`, say what
//!   the runtime, the process and the machine do.
//! - `app` (feature `server`, on by default) is the application that the `tallied-server` binary
//!   runs, and no part of the library's interface: turn it off with `default-features = false`.
//!
//! Features: `process`, and `prometheus-client`, which serves the metrics of a registry of that crate, too
//! (`Scrape::with_prometheus_client`).
//!
//! At the end of a drain, before what is left is cut off, call
//! [`HttpMetrics::drain_timed_out`], so that the server's own doing is not taken for the clients'.

#![forbid(unsafe_code)]
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod app;
mod counted;
mod defer_eof;
mod exchange;
mod hoop;
#[cfg(feature = "process")]
mod host;
mod http_builder;
mod http_metrics;
mod installation;
mod known_routes;
mod methods;
#[cfg(feature = "process")]
mod process;
mod request_body;
mod response_body;
mod route_pattern;
mod route_series;
mod runtime;
mod scrape;

pub use defer_eof::{DeferEof, DeferEofAcceptor};
pub use hoop::MetricsHoop;
#[cfg(feature = "process")]
pub use host::HostMetrics;
pub use http_builder::{EndpointBuckets, HttpMetric, HttpMetricsBuilder};
pub use http_metrics::HttpMetrics;
pub use installation::UnknownEndpoint;
#[cfg(feature = "process")]
pub use process::ProcessMetrics;
pub use runtime::RuntimeMetrics;
pub use scrape::{Scrape, ScrapeMetrics};

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
