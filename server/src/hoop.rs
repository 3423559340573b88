//! The hoop: sees every request come in, and sends its record after the answer.

use std::borrow::Cow;

use salvo::http::{Method, Request, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler};

use crate::exchange::Exchange;
use crate::http_metrics::{HttpMetrics, UNMATCHED, method_label};
use crate::request_body;
use crate::response_body::Handover;

/// Feeds [`HttpMetrics`]; see [`HttpMetrics::hoop`].
///
/// Put it outermost on the `Service` (`Service::new(router).hoop(…)`), before any other hoop:
/// then it also counts what no route takes, what other hoops answer by themselves, and what
/// catchers write. On a `Router` it counts the requests that this router takes.
#[derive(Debug, Clone)]
pub struct MetricsHoop(HttpMetrics);

impl HttpMetrics {
    /// The hoop that feeds these metrics: the outermost one of a `Service`.
    pub fn hoop(&self) -> MetricsHoop {
        MetricsHoop(self.clone())
    }
}

/// The `endpoint` label: the pattern of the route that matched.
fn endpoint_label(req: &Request, res: &Response) -> Cow<'static, str> {
    // Salvo sets 404 or 405 before the hoops where no route matched, and leaves the status open
    // where one did. The path alone does not tell: it is empty for the root route, too.
    if res.status_code.is_some() {
        return UNMATCHED.into();
    }
    format!("/{}", req.matched_path()).into()
}

#[salvo::async_trait]
impl Handler for MetricsHoop {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let upload = request_body::watch(req.body_mut());
        let method = method_label(req.method());
        let exchange = Exchange::begin(self.0.clone(), method, endpoint_label(req, res), upload);

        ctrl.call_next(req, depot, res).await;

        // The status and the body are final only after catchers and the service have had their
        // say, which is when observers run. One that is dropped without having run takes the
        // exchange with it.
        let body = if req.method() == Method::HEAD {
            None
        } else {
            Handover::wrap(res)
        };
        let observed = req.try_on_response(move |res| settle(exchange, body, res));
        if let Err(settle) = observed {
            // The request did not come through a service: this response is the final one.
            settle(res);
        }
    }
}

/// The response is final: records the request, or leaves that to the streamed body.
fn settle(mut exchange: Exchange, body: Option<Handover>, res: &Response) {
    exchange.answered(res.status_code.unwrap_or(StatusCode::OK));
    let exchange = match body {
        Some(body) => body.give(exchange),
        None => Some(exchange),
    };
    if let Some(mut exchange) = exchange {
        exchange.sent(res.body.size().unwrap_or(0));
        exchange.finish();
    }
}
