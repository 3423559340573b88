//! HTTP metrics for [axum](https://docs.rs/axum), [hyper](https://docs.rs/hyper), [tonic](https://docs.rs/tonic) and any
//! other [tower](https://docs.rs/tower) service: every request counted once, whatever happens to it.
//!
//! With the feature `axum`:
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use axum::Router;
//! use axum::routing::get;
//! use tallied::Registry;
//! use tallied_tower::{HttpMetrics, Instrument, Scrape};
//!
//! let registry = Registry::default();
//! let metrics = HttpMetrics::register(&registry)?;
//! let app: Router = Router::new()
//!     .route("/hello/{name}", get(async || "hello"))
//!     .route("/metrics", get(Scrape::new(registry)))
//!     // Last, so that it goes around everything, the fallback included.
//!     .layer(metrics.axum_layer());
//! # let _ = app;
//! # Ok::<(), tallied::RegisterError>(())
//! ```
//!
//! - [`HttpMetrics`] registers the metrics, with the options of its [`builder`](HttpMetrics::builder);
//!   [`Instrument`] gives the layer that feeds them.
//! - [`Scrape`] answers a Prometheus scrape; [`ScrapeMetrics`] measure that.
//! - [`DeferEof`] goes around the stream of a connection, and `DeferEofListener` around a listener of axum. Without it, hyper drops
//!   requests whose clients close right behind them, before any layer sees them.
//!
//! With the feature `live`, `Live` is a page that shows the metrics as they change.
//!
//! With the feature `prometheus-client`, `Scrape::with_prometheus_client` also serves the metrics of a prometheus-client
//! registry.
//!
//! # Stopping
//!
//! When a drain reaches its time limit, call [`HttpMetrics::drain_timed_out`] before you cut off the requests that are
//! left: they then count as `shutdown`, not as clients that left. The example `axum` shows how.

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
mod axum;
mod declared;
mod layer;
#[cfg(feature = "axum")]
mod listener;
#[cfg(feature = "live")]
mod live;
mod router;
mod scrape;

#[cfg(feature = "axum")]
pub use crate::axum::Axum;
pub use declared::EndpointError;
pub use layer::{Instrument, MetricsFuture, MetricsLayer, MetricsService};
#[cfg(feature = "axum")]
pub use listener::DeferEofListener;
#[cfg(feature = "live")]
pub use live::Live;
pub use router::{Plain, Router};
pub use scrape::Scrape;
pub use tallied_http::adapter::{CountedRequestBody, CountedResponseBody};
pub use tallied_http::{
    BoxError, DeferEof, EndpointBuckets, EndpointRule, HttpMetric, HttpMetrics, HttpMetricsBuilder,
    HttpMetricsError, LabelBuilder, RequestHead, RequestLabels, ScrapeBody, ScrapeMetrics,
    UnknownEndpoint, UnknownLabel, Unrecorded,
};
#[cfg(feature = "live")]
pub use tallied_live::{LiveBody, LiveBuilder};
