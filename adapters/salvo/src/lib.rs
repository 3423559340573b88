//! HTTP metrics for [Salvo](https://salvo.rs): every request counted once, whatever happens to
//! it.
//!
//! ```
//! use salvo::prelude::*;
//! use tallied::Registry;
//! use tallied_salvo::{HttpMetrics, Instrument, Scrape};
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
//!   [`Instrument`] puts the hoop that feeds them around a service.
//! - [`Scrape`] answers a Prometheus scrape; [`ScrapeMetrics`] measure that.
//! - [`DeferEofAcceptor`] goes around the acceptor. Without it, hyper drops requests whose clients close right behind
//!   them, before any hoop sees them.
//!
//! With the feature `live`, `Live` is a page that shows the metrics as they change.
//!
//! With the feature `prometheus-client`, `Scrape::with_prometheus_client` also serves the metrics of a prometheus-client
//! registry.
//!
//! # Stopping
//!
//! When a drain reaches its time limit, call [`HttpMetrics::drain_timed_out`] before you cut off the requests that are
//! left: they then count as `shutdown`, not as clients that left. Give Salvo's `stop_graceful` no limit of its own,
//! because it leaves no moment for this call:
//!
//! ```
//! use std::time::Duration;
//!
//! use salvo::conn::Acceptor;
//! use salvo::prelude::*;
//! use tallied_salvo::HttpMetrics;
//!
//! async fn serve(
//!     server: Server<impl Acceptor + Send>,
//!     service: Service,
//!     metrics: HttpMetrics,
//!     stop: impl Future<Output = ()>,
//! ) -> std::io::Result<()> {
//!     let handle = server.handle();
//!     let mut serving = std::pin::pin!(server.try_serve(service));
//!     tokio::select! {
//!         served = &mut serving => return served,
//!         () = stop => handle.stop_graceful(None),
//!     }
//!     tokio::select! {
//!         served = &mut serving => return served,
//!         () = tokio::time::sleep(Duration::from_secs(10)) => metrics.drain_timed_out(),
//!     }
//!     handle.stop_forceful();
//!     serving.await
//! }
//! ```

#![forbid(unsafe_code)]

mod acceptor;
mod hoop;
mod known_routes;
#[cfg(feature = "live")]
mod live;
mod route_pattern;
mod scrape;
mod translated;

pub use acceptor::DeferEofAcceptor;
pub use hoop::{Instrument, MetricsHoop, matched_path};
pub use known_routes::known_routes;
#[cfg(feature = "live")]
pub use live::Live;
pub use scrape::Scrape;
pub use tallied_http::adapter::KnownRoute;
pub use tallied_http::{
    DeferEof, EndpointBuckets, EndpointRule, HttpMetric, HttpMetrics, HttpMetricsBuilder,
    HttpMetricsError, LabelBuilder, RequestHead, RequestLabels, ScrapeMetrics, UnknownEndpoint,
    UnknownLabel, Unrecorded,
};
#[cfg(feature = "live")]
pub use tallied_live::LiveBuilder;
