//! The scrape handler.

use salvo::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use salvo::http::{Request, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler};
use tallied::Registry;
use tallied::exposition::{openmetrics, text};

use crate::negotiation::Format;

/// Answers a scrape with what a [`Registry`] holds.
///
/// The format is text 0.0.4, or OpenMetrics 1.0.0 where `Accept` prefers it, as Prometheus'
/// does; `?format=text` and `?format=openmetrics` override the header, and any other value is
/// a 400. The answer is rendered on a blocking thread, so that a large one does not hold up the
/// requests of the application.
#[derive(Debug, Clone)]
pub struct Scrape {
    registry: Registry,
    #[cfg(feature = "prometheus-client")]
    others: Vec<std::sync::Arc<prometheus_client::registry::Registry>>,
}

impl Scrape {
    /// A handler for the route `/metrics`.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            #[cfg(feature = "prometheus-client")]
            others: Vec::new(),
        }
    }

    /// Adds the metrics of a prometheus-client registry, in both formats, after those that are
    /// there already. Whether the names differ is up to the caller.
    #[cfg(feature = "prometheus-client")]
    #[must_use]
    pub fn with_prometheus_client(
        mut self,
        registry: std::sync::Arc<prometheus_client::registry::Registry>,
    ) -> Self {
        self.others.push(registry);
        self
    }

    /// The document; an error is that of a foreign metric's encoding.
    fn render(&self, format: Format) -> Result<String, std::fmt::Error> {
        let mut document = String::new();
        match format {
            Format::Text => {
                text::encode_registry(&mut document, &self.registry);
                #[cfg(feature = "prometheus-client")]
                for other in &self.others {
                    tallied::exposition::families::encode(&mut document, other)?;
                }
            }
            Format::OpenMetrics => {
                openmetrics::encode_metrics(&mut document, &self.registry);
                #[cfg(feature = "prometheus-client")]
                for other in &self.others {
                    prometheus_client::encoding::text::encode_registry(&mut document, other)?;
                }
                document.push_str("# EOF\n");
            }
        }
        Ok(document)
    }
}

#[salvo::async_trait]
impl Handler for Scrape {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        _ctrl: &mut FlowCtrl,
    ) {
        let format = match req.queries().get("format") {
            None => {
                let accept = req.headers().get_all(ACCEPT).iter();
                Format::accepted(accept.filter_map(|value| value.to_str().ok()))
            }
            Some(name) => match Format::named(name) {
                Some(format) => format,
                None => {
                    let remedy = "unknown format: ask for format=text or format=openmetrics\n";
                    return refuse(res, StatusCode::BAD_REQUEST, remedy.to_owned());
                }
            },
        };
        let scrape = self.clone();
        let rendered = tokio::task::spawn_blocking(move || scrape.render(format)).await;
        match rendered
            .map_err(|panic| panic.to_string())
            .and_then(|rendered| rendered.map_err(|_| "a metric could not be encoded".to_owned()))
        {
            Ok(body) => {
                let headers = res.headers_mut();
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static(format.content_type()),
                );
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(
                    "x-content-type-options",
                    HeaderValue::from_static("nosniff"),
                );
                // Nothing is in the body yet, so writing to it cannot fail.
                let _ = res.write_body(body);
            }
            Err(error) => refuse(
                res,
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the exposition could not be rendered, please report it: {error}\n"),
            ),
        }
    }
}

fn refuse(res: &mut Response, status: StatusCode, reason: String) {
    res.status_code(status);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    res.headers_mut().insert(CONTENT_TYPE, plain);
    // Nothing is in the body yet, so writing to it cannot fail.
    let _ = res.write_body(reason);
}
