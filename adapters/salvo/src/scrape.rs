//! The scrape handler for Salvo's routers.

#[cfg(feature = "prometheus-client")]
use std::sync::Arc;
use std::time::Duration;

use salvo_core::http::{Request, ResBody, Response};
use salvo_core::{Depot, FlowCtrl, Handler, async_trait};
use tallied::Registry;
use tallied_http::ScrapeMetrics;

use crate::translated::{put_head, translated};

const MIDDLEWARE_HINT: &str =
    "call HttpMetrics::instrument, or put HttpMetrics::hoop() on the service";

/// Answers a scrape with what a registry holds; [`tallied_http::Scrape`] says how.
///
/// GET and HEAD are answered, and any other method with 405, whatever the route says.
///
/// Clones share the limits and the documents, so that one handler may be mounted in several places.
#[derive(Debug, Clone)]
pub struct Scrape(tallied_http::Scrape);

impl Scrape {
    /// A handler for the route `/metrics`.
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

#[async_trait]
impl Handler for Scrape {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let (request, connection) = translated(req, ctrl);
        let response = self.0.respond(&request, Some(connection)).await;
        let body = put_head(response, res);
        res.replace_body(match body.into_whole() {
            Ok(bytes) if bytes.is_empty() => ResBody::None,
            Ok(bytes) => ResBody::Once(bytes),
            Err(document) => ResBody::Boxed(Box::pin(document)),
        });
    }
}
