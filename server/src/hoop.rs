//! The hoop: begins an `Exchange` for each request, and settles it once the head is final.

use std::collections::BTreeSet;
use std::sync::Arc;

use http_body::Body as _;
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{Method, Request, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Service};

use crate::counted::{counted, is_counted};
use crate::exchange::{Aborted, Exchange};
use crate::http_metrics::HttpMetrics;
use crate::installation::UnknownEndpoint;
use crate::known_routes::{KnownRoute, known_routes};
use crate::request_body;
use crate::response_body::{Framing, Handover, declared};
use crate::route_pattern::Pattern;

/// Feeds [`HttpMetrics`]; see [`HttpMetrics::hoop`].
///
/// Put it outermost on the `Service` (`Service::new(router).hoop(…)`), before any other hoop:
/// then it also counts what no route takes, what other hoops answer by themselves, and what
/// catchers write. [`HttpMetrics::instrument`] does that. On a `Router` it counts the requests that
/// this router takes; then no hoop outside of it may drop the handlers' future (as `Timeout` does),
/// for that looks as if the client had left. Sizes are those that pass the hoop: a compression
/// outside of it is not seen. Of several hoops of the same metrics around a request, the outermost
/// counts it; hoops of different metrics count it each.
///
/// A WebSocket is its handshake: 101, and the time until that is answered. A CORS preflight that a hoop of the
/// service answers is 204 under `unmatched`: no route takes it.
#[derive(Debug, Clone, Copy)]
pub struct MetricsHoop {
    metrics: HttpMetrics,
    /// Nothing but the service itself comes after it.
    outermost: bool,
    /// The routes of which Salvo reports a part of the request; kept for good, as the series are.
    mixed: &'static [Pattern],
}

impl HttpMetrics {
    /// The hoop that feeds these metrics: the outermost one of a `Service`.
    pub fn hoop(&self) -> MetricsHoop {
        self.installation().hoop_made();
        MetricsHoop {
            metrics: *self,
            outermost: false,
            mixed: &[],
        }
    }

    /// A service, or the service of a `Router`, with the hoop put before its own hoops. The routes
    /// that its router lists have their series from now on, at zero for 200 and 500: an error is an
    /// increase even if it is the first request, where `rate()` would not see a new series' first
    /// value. They keep their places, whatever clients ask for. A route that takes any method is made known for GET;
    /// those below a combination of filters cannot be told in advance and appear with their first request.
    ///
    /// Call it last: what allowed media types, or hoops that are put before this one, do to an answer
    /// is not recorded if the service gets them afterwards. A service that has a hoop of these metrics already
    /// counts its requests once all the same.
    ///
    /// ```
    /// use salvo::prelude::*;
    /// use tallied::Registry;
    /// use tallied_server::HttpMetrics;
    ///
    /// #[handler]
    /// async fn hello() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// let registry = Registry::default();
    /// let metrics = HttpMetrics::register(&registry)?;
    /// let service = metrics.instrument(Router::with_path("hello/{name}").get(hello));
    /// # let _ = service;
    /// let series = r#"http_requests_total{method="GET",endpoint="/hello/{name}",status_code="500"} 0"#;
    /// assert!(registry.text().contains(series));
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    #[must_use]
    pub fn instrument(&self, service: impl Into<Service>) -> Service {
        let service = service.into();
        let routes = known_routes(&service.router);
        self.instrument_known(service, &routes)
    }

    /// As [`instrument`](Self::instrument), for the only or the last service that gets these metrics.
    ///
    /// # Errors
    /// When [`exclude_endpoint`](crate::HttpMetricsBuilder::exclude_endpoint) or
    /// [`endpoint_buckets`](crate::HttpMetricsBuilder::endpoint_buckets) names an endpoint that is no route of this
    /// service, nor of one that was instrumented before. Where a combination of filters hides a pattern, or
    /// [`hoop`](Self::hoop) was called, the routes are not all known, and nothing is refused.
    ///
    /// ```
    /// use salvo::prelude::*;
    /// use tallied::Registry;
    /// use tallied_server::{HttpMetrics, Scrape};
    ///
    /// let registry = Registry::default();
    /// let options = HttpMetrics::builder().exclude_endpoint("/metric");
    /// let metrics = options.register(&registry)?;
    /// let router = Router::with_path("metrics").get(Scrape::new(registry));
    /// let error = metrics.try_instrument(router).unwrap_err();
    /// assert!(error.to_string().contains("\"/metric\""));
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    pub fn try_instrument(&self, service: impl Into<Service>) -> Result<Service, UnknownEndpoint> {
        let service = service.into();
        let routes = known_routes(&service.router);
        match self.installation().unknown(&routes) {
            Some(unknown) => Err(unknown),
            None => Ok(self.instrument_known(service, &routes)),
        }
    }

    fn instrument_known(&self, mut service: Service, routes: &BTreeSet<KnownRoute>) -> Service {
        self.installation().instrumented(routes);
        self.routes().know(routes);
        let patterns = routes.iter().map(|route| &route.pattern);
        let mixed: BTreeSet<&Pattern> = patterns.filter(|pattern| pattern.is_mixed()).collect();
        let mixed: Vec<Pattern> = mixed.into_iter().cloned().collect();
        let hoop = MetricsHoop {
            metrics: *self,
            outermost: service.allowed_media_types.is_empty(),
            mixed: mixed.leak(),
        };
        service.hoops.insert(0, Arc::new(hoop));
        service
    }
}

/// The pattern of the route that matched, without its leading slash, if one did.
pub(crate) fn matched_path<'req>(
    req: &'req Request,
    res: &Response,
    ctrl: &FlowCtrl,
) -> Option<&'req str> {
    let path = req.matched_path();
    // The path alone does not tell: it is empty for the root route, too, which takes the root alone.
    // Salvo sets 404 or 405 before the hoops where no route matched, and leaves the status open
    // where one did; but a hoop before this one may have set another. Where a route matched, its
    // handler is still to come.
    let refused = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    let unmatched = path.is_empty()
        && (res.status_code.is_some_and(|s| refused.contains(&s))
            || !ctrl.has_next()
            || !req.uri().path().bytes().all(|byte| byte == b'/'));
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
        if is_counted(self.metrics) {
            ctrl.call_next(req, depot, res).await;
            return;
        }
        let path = matched_path(req, res, ctrl);
        let Some(route) = self.metrics.routes().find(req.method(), path, self.mixed) else {
            counted(self.metrics, ctrl.call_next(req, depot, res)).await;
            return;
        };
        let upload = request_body::watch(req.body_mut());
        let exchange = Exchange::begin(self.metrics, route, upload);
        let framing = Framing::of(req.version());
        let head = req.method() == Method::HEAD;

        counted(self.metrics, ctrl.call_next(req, depot, res)).await;

        let body = match Handover::wrap(res, framing) {
            Some(handover) => Body::Streamed(handover),
            None => Body::Whole(res.body.size().unwrap_or(0)),
        };
        let answer = Answer {
            body,
            framing,
            head,
        };
        if self.outermost && is_final(req, res) {
            return settle(exchange, answer, res);
        }
        // The status and the body are final only after catchers, hoops further out and the service
        // have had their say, which is when observers run. One that is dropped without having run
        // takes the exchange with it.
        let observed = req.try_on_response(move |res| settle(exchange, answer, res));
        if let Err(settle) = observed {
            // The request did not come through a service: this response is the final one.
            settle(res);
        }
    }
}

/// Whether the service will send a response as it comes out of its hoops: it calls the catcher for an
/// error without a body, takes the body from the answer to a HEAD, and knows what no status means.
fn is_final(req: &Request, res: &Response) -> bool {
    let Some(status) = res.status_code else {
        return false;
    };
    let error = status.is_client_error() || status.is_server_error();
    let caught = error && (res.body.is_none() || res.body.is_error());
    !caught && req.method() != Method::HEAD
}

/// An answer as it passed the hoop.
struct Answer {
    body: Body,
    framing: Framing,
    /// To a HEAD.
    head: bool,
}

enum Body {
    Streamed(Handover),
    /// So many bytes.
    Whole(u64),
}

/// The response is final: records the request, or leaves that to the streamed body.
fn settle(mut exchange: Exchange, answer: Answer, res: &Response) {
    if let Some(fault) = exchange.upload_fault() {
        return exchange.abort(fault);
    }
    let status = res.status_code.unwrap_or(StatusCode::OK);
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        // An interim status in the place of a final one. Over HTTP/1 hyper answers 500 instead; over HTTP/2 it
        // is sent, and the client gets no final answer.
        let aborted = (answer.framing == Framing::Frames).then_some(Aborted::BodyError);
        return exchange.finish_whole(StatusCode::INTERNAL_SERVER_ERROR, 0, aborted);
    }
    if !may_have_body(status) || answer.head {
        return exchange.finish_whole(status, 0, None);
    }
    let bytes = match answer.body {
        _ if has_ended(res) => 0,
        Body::Streamed(handover) if handover.is_awaited() => {
            exchange.answered(status);
            return handover.give(exchange, res);
        }
        // Something outside took the body away and put another in its place.
        Body::Streamed(_) => res.body.size().unwrap_or(0),
        // Where it is a stream now, something outside of the hoop encodes it.
        Body::Whole(bytes) => res.body.size().unwrap_or(bytes),
    };
    let wrong = contradicts_its_length(res, answer.framing);
    exchange.finish_whole(status, bytes, wrong.then_some(Aborted::BodyError));
}

/// Whether a whole body has another size than its Content-Length: then the client waits for the rest, or takes
/// what is too much for the next answer, or refuses it. A hoop further out may have
/// turned it into a stream of known size. hyper corrects the length of an empty one over HTTP/1.
fn contradicts_its_length(res: &Response, framing: Framing) -> bool {
    let size = res.body.size().or_else(|| res.body.size_hint().exact());
    let (Some(declared), Some(size)) = (declared(res), size) else {
        return false;
    };
    declared != size && (size > 0 || framing == Framing::Frames)
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
