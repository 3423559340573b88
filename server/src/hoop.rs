//! The hoop: sees every request come in, and sends its record after the answer.

use http_body::Body;
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{Request, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler};

use crate::exchange::Exchange;
use crate::http_metrics::HttpMetrics;
use crate::request_body;
use crate::response_body::Handover;
use crate::route_series::MethodLabel;

/// Feeds [`HttpMetrics`]; see [`HttpMetrics::hoop`].
///
/// Put it outermost on the `Service` (`Service::new(router).hoop(…)`), before any other hoop:
/// then it also counts what no route takes, what other hoops answer by themselves, and what
/// catchers write. On a `Router` it counts the requests that this router takes; then no hoop
/// outside of it may drop the handlers' future (as `Timeout` does), for that looks as if the
/// client had left. Install it once: it does not notice another one around it.
#[derive(Debug, Clone, Copy)]
pub struct MetricsHoop(HttpMetrics);

impl HttpMetrics {
    /// The hoop that feeds these metrics: the outermost one of a `Service`.
    pub fn hoop(&self) -> MetricsHoop {
        MetricsHoop(*self)
    }
}

/// The pattern of the route that matched, without its leading slash, if one did.
pub(crate) fn matched_path<'req>(req: &'req Request, res: &Response) -> Option<&'req str> {
    // Salvo sets 404 or 405 before the hoops where no route matched, and leaves the status open
    // where one did. The path alone does not tell: it is empty for the root route, too.
    let refused = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    let path = req.matched_path();
    let unmatched = path.is_empty() && res.status_code.is_some_and(|s| refused.contains(&s));
    (!unmatched).then_some(path)
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
        let method = MethodLabel::of(req.method());
        let routes = &self.0.families().routes;
        let route = routes.find(method, matched_path(req, res));
        let exchange = Exchange::begin(self.0, route, upload);

        ctrl.call_next(req, depot, res).await;

        // The status and the body are final only after catchers and the service have had their
        // say, which is when observers run. One that is dropped without having run takes the
        // exchange with it.
        let body = Handover::wrap(res);
        let observed = req.try_on_response(move |res| settle(exchange, body, res));
        if let Err(settle) = observed {
            // The request did not come through a service: this response is the final one.
            settle(res);
        }
    }
}

/// The response is final: records the request, or leaves that to the streamed body.
fn settle(mut exchange: Exchange, body: Option<Handover>, res: &Response) {
    let status = match res.status_code {
        // What hyper makes of an interim status in the place of a final one.
        Some(status) if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Some(status) => status,
        None => StatusCode::OK,
    };
    exchange.answered(status);
    let asked_for = may_have_body(status) && !has_ended(res);
    let exchange = match body {
        Some(body) if asked_for => body.give(exchange),
        _ => Some(exchange),
    };
    if let Some(mut exchange) = exchange {
        if asked_for {
            exchange.sent(res.body.size().unwrap_or(0));
        }
        exchange.finish();
    }
}

/// Whether a status lets a body follow the head (RFC 9110, section 6.4.1).
fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// Whether the connection will drop the body without asking it for anything.
fn has_ended(res: &Response) -> bool {
    let length = res.headers().get(CONTENT_LENGTH);
    length.is_some_and(|length| length == "0") || res.body.is_end_stream()
}
