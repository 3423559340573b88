//! The scrape as a tower service.

use std::convert::Infallible;
use std::pin::Pin;
#[cfg(feature = "prometheus-client")]
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tallied::Registry;
use tallied_http::{ScrapeBody, ScrapeMetrics};
use tower_service::Service;

const MIDDLEWARE_HINT: &str =
    "put HttpMetrics::axum_layer() or HttpMetrics::layer() around the service";

/// Answers a scrape with what a registry holds; [`tallied_http::Scrape`] says how. A tower service and, with the feature `axum`, a
/// handler: `get(scrape)`.
///
/// GET and HEAD are answered, and any other method with 405.
///
/// Clones share the limits and the documents, so that one service may be mounted in several places. A scraper that stalls
/// loses its document, and its stream or its answer ends when it takes something again; its connection is the server's to end.
#[derive(Debug, Clone)]
pub struct Scrape(tallied_http::Scrape);

impl Scrape {
    /// A service for the route `/metrics`.
    pub fn new(registry: Registry) -> Self {
        tallied_http::Scrape::new(registry).into()
    }

    /// As [`tallied_http::Scrape::with_prometheus_client`].
    #[cfg(feature = "prometheus-client")]
    #[must_use]
    pub fn with_prometheus_client(
        self,
        registry: Arc<prometheus_client::registry::Registry>,
    ) -> Self {
        Self(self.0.with_prometheus_client(registry))
    }

    /// Measures the scrapes; [`ScrapeMetrics`] says what. Without it nothing is measured.
    #[must_use]
    pub fn with_metrics(self, metrics: ScrapeMetrics) -> Self {
        Self(self.0.with_metrics(metrics))
    }

    /// As [`tallied_http::Scrape::with_max_documents`].
    #[must_use]
    pub fn with_max_documents(self, documents: usize) -> Self {
        Self(self.0.with_max_documents(documents))
    }

    /// As [`tallied_http::Scrape::with_write_timeout`].
    #[must_use]
    pub fn with_write_timeout(self, timeout: Duration) -> Self {
        Self(self.0.with_write_timeout(timeout))
    }

    /// As [`tallied_http::Scrape::with_timeout`].
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }
}

impl From<tallied_http::Scrape> for Scrape {
    fn from(scrape: tallied_http::Scrape) -> Self {
        Self(scrape.with_middleware_hint(MIDDLEWARE_HINT))
    }
}

impl<B> Service<Request<B>> for Scrape {
    type Response = Response<ScrapeBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.0.respond(&request.map(|_| ()), None);
        Box::pin(async move { Ok(answer.await) })
    }
}
