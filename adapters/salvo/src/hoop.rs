//! The hoop: begins an `Exchange` for each request, and settles it once the head is final.

use std::collections::BTreeSet;
use std::sync::Arc;

use http_body::Body;
use salvo_core::http::{Method, ReqBody, Request, ResBody, Response, StatusCode};
use salvo_core::{Depot, FlowCtrl, Handler, Service, async_trait};
use tallied_http::adapter::{
    BodyInProgress, Exchange, FinalResponse, Framing, Handover, ResponseInProgress, content_length,
};
use tallied_http::{HttpMetrics, RequestHead, UnknownEndpoint, Unrecorded};

use crate::known_routes::{Route, routes};
use crate::route_pattern::Pattern;

/// Feeds [`HttpMetrics`]; see [`Instrument::hoop`].
///
/// Put it outermost on the `Service` (`Service::new(router).hoop(…)`), before any other hoop:
/// then it also counts what no route takes, what other hoops answer by themselves, and what
/// catchers write. [`Instrument::instrument`] does that. On a `Router` it counts the requests that
/// this router takes; then no hoop outside of it may drop the handlers' future (as `Timeout` does),
/// because that looks as if the client had left. Sizes are those that pass the hoop: a compression
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

/// Puts the hoop of [`HttpMetrics`] around Salvo's services.
pub trait Instrument {
    /// The hoop that feeds these metrics: the outermost one of a `Service`.
    fn hoop(&self) -> MetricsHoop;

    /// A service, or the service of a `Router`, with the hoop put before its own hoops. The routes
    /// that its router lists have their series from now on, at zero for 200 and 500: an error is an
    /// increase even if it is the first request, where `rate()` would not see a new series' first
    /// value. They keep their places, whatever clients ask for. A route that takes any method gets the series of GET.
    /// Routes below a combination of filters are not known in advance and appear with their first request.
    ///
    /// Call it last: what allowed media types, or hoops that are put before this one, do to an answer
    /// is not recorded if the service gets them afterwards. A service that has a hoop of these metrics already
    /// counts its requests once all the same.
    ///
    /// ```
    /// use salvo::prelude::*;
    /// use tallied::Registry;
    /// use tallied_salvo::{HttpMetrics, Instrument};
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
    fn instrument(&self, service: impl Into<Service>) -> Service;

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
    /// use tallied_salvo::{HttpMetrics, Instrument, Scrape};
    ///
    /// let registry = Registry::default();
    /// let options = HttpMetrics::builder().exclude_endpoint("/metric");
    /// let metrics = options.register(&registry)?;
    /// let router = Router::with_path("metrics").get(Scrape::new(registry));
    /// let error = metrics.try_instrument(router).unwrap_err();
    /// assert!(error.to_string().contains("\"/metric\""));
    /// # Ok::<(), tallied_salvo::HttpMetricsError>(())
    /// ```
    fn try_instrument(&self, service: impl Into<Service>) -> Result<Service, UnknownEndpoint>;
}

impl Instrument for HttpMetrics {
    fn hoop(&self) -> MetricsHoop {
        self.installed_without_routes();
        MetricsHoop {
            metrics: *self,
            outermost: false,
            mixed: &[],
        }
    }

    fn instrument(&self, service: impl Into<Service>) -> Service {
        let service = service.into();
        let routes = routes(&service.router);
        instrument_known(*self, service, &routes)
    }

    fn try_instrument(&self, service: impl Into<Service>) -> Result<Service, UnknownEndpoint> {
        let service = service.into();
        let routes = routes(&service.router);
        let known = routes.iter().map(Route::known).collect();
        match self.unknown_endpoint(&known) {
            Some(unknown) => Err(unknown),
            None => Ok(instrument_known(*self, service, &routes)),
        }
    }
}

fn instrument_known(
    metrics: HttpMetrics,
    mut service: Service,
    routes: &BTreeSet<Route>,
) -> Service {
    metrics.add_routes(&routes.iter().map(Route::known).collect());
    let patterns = routes.iter().map(|route| &route.pattern);
    let mixed: BTreeSet<&Pattern> = patterns.filter(|pattern| pattern.is_mixed()).collect();
    let mixed: Vec<Pattern> = mixed.into_iter().cloned().collect();
    let hoop = MetricsHoop {
        metrics,
        outermost: service.allowed_media_types.is_empty(),
        mixed: mixed.leak(),
    };
    service.hoops.insert(0, Arc::new(hoop));
    service
}

/// The pattern of the route that matched, without its leading slash, if one did. Call it in a hoop of the service,
/// before `call_next`.
pub fn matched_path<'req>(
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

#[async_trait]
impl Handler for MetricsHoop {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let path = matched_path(req, res, ctrl);
        let pattern_of = |path: &str| {
            let mut mixed = self.mixed.iter();
            mixed.find(|route| route.reports(path)).map(Pattern::text)
        };
        let head = RequestHead::new(
            req.method(),
            req.uri(),
            req.version(),
            req.headers(),
            req.extensions(),
        );
        let Some(mut exchange) = Exchange::begin(self.metrics, head, path, pattern_of) else {
            ctrl.call_next(req, depot, res).await;
            return;
        };
        exchange.extend(req.extensions_mut());
        watch(&mut exchange, req);
        let framing = Framing::of(req.version());
        let to_head = req.method() == Method::HEAD;

        exchange.run(ctrl.call_next(req, depot, res)).await;

        if res.extensions.get::<Unrecorded>().is_some() {
            return exchange.forget();
        }
        if self.outermost && is_final(res) {
            return settle_now(exchange, res, framing, to_head);
        }
        let (body, place) = match wrap(res, framing) {
            Some((handover, place)) => (BodyInProgress::Streamed(handover), Some(place)),
            None => (whole(res), None),
        };
        let response = ResponseInProgress {
            body,
            framing,
            to_head,
        };
        let settle = move |res: &Response| exchange.settle(response, &final_response(res, place));
        // The status and the body are final only after catchers, hoops further out and the service
        // have had their say, which is when observers run. One that is dropped without having run
        // takes the exchange with it.
        if let Err(settle) = req.try_on_response(settle) {
            // The request did not come through a service: this response is the final one.
            settle(res);
        }
    }
}

/// Settles a response that nothing will change any more.
fn settle_now(exchange: Exchange, res: &mut Response, framing: Framing, to_head: bool) {
    if !is_streamed(&res.body) {
        let response = ResponseInProgress {
            body: whole(res),
            framing,
            to_head,
        };
        return exchange.settle(response, &final_response(res, None));
    }
    let body = res.take_body();
    let response = FinalResponse {
        size_hint: body.size_hint(),
        is_end_stream: body.is_end_stream(),
        body_is_own: true,
        ..final_response(res, None)
    };
    let counted = exchange.count_body(&response, framing, to_head, body);
    res.replace_body(ResBody::Boxed(Box::pin(counted)));
}

/// Whether the service will send a response as it comes out of its hoops, but for the body of an answer to a HEAD: it
/// calls the catcher for an error without a body, and knows what no status means.
fn is_final(res: &Response) -> bool {
    let Some(status) = res.status_code else {
        return false;
    };
    let error = status.is_client_error() || status.is_server_error();
    let caught = error && (res.body.is_none() || res.body.is_error());
    !caught
}

/// Puts a counting body in the place of a request's, unless it is known to be empty.
fn watch(exchange: &mut Exchange, req: &mut Request) {
    // `body_mut` forgets what was read of the body before.
    if req.body().is_end_stream() {
        return;
    }
    let body = req.body_mut();
    let counted = exchange.watch(std::mem::take(body));
    *body = ReqBody::Boxed {
        inner: Box::pin(counted),
        fuse_config: None,
    };
}

/// Whether a body is neither whole in memory nor none.
fn is_streamed(body: &ResBody) -> bool {
    // Hyper, Boxed, Stream, Channel, and whatever a later Salvo streams.
    !matches!(
        body,
        ResBody::None | ResBody::Once(_) | ResBody::Chunks(_) | ResBody::Error(_)
    )
}

fn whole(res: &Response) -> BodyInProgress {
    BodyInProgress::Whole(res.body.size().unwrap_or(0))
}

/// Puts a counting body in the place of a streamed one, and says where that is; `None` for another.
fn wrap(res: &mut Response, framing: Framing) -> Option<(Handover, usize)> {
    if !is_streamed(&res.body) {
        return None;
    }
    let length = content_length(res.headers()).or_else(|| res.body.size_hint().exact());
    let (handover, body) = Handover::wrap(res.take_body(), length, framing);
    let body = Box::pin(body);
    let place = address(&*body);
    res.replace_body(ResBody::Boxed(body));
    Some((handover, place))
}

/// Where a body is, which is what tells it from others.
fn address(body: &(impl ?Sized + Body)) -> usize {
    std::ptr::from_ref(body).cast::<()>().addr()
}

/// A response as it will be sent; `place` is where the body is that passed the hoop.
fn final_response(res: &Response, place: Option<usize>) -> FinalResponse<'_> {
    FinalResponse {
        status: res.status_code.unwrap_or(StatusCode::OK),
        headers: res.headers(),
        content_length: content_length(res.headers()),
        whole: res.body.size(),
        size_hint: res.body.size_hint(),
        is_end_stream: res.body.is_end_stream(),
        body_is_own: match &res.body {
            ResBody::Boxed(body) => place == Some(address(&**body)),
            _ => false,
        },
    }
}
