//! One request on its way through the server: recorded exactly once.
//!
//! An [`Exchange`] is moved to whoever will know how the request ended: from the middleware to what
//! sees the final response, and from there into the body of a streamed response. Whoever holds it
//! last either [finishes](Exchange::finish) it or drops it, and a drop is a record too: the
//! request was cancelled, panicked or was cut off. So the in-flight gauge cannot stay up and no request is missed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, StatusCode};
use pin_project_lite::pin_project;

use crate::aborted::Aborted;
use crate::counted::{Inside, is_counted};
use crate::grpc;
use crate::head::RequestHead;
use crate::metrics::HttpMetrics;
use crate::own_labels::{RequestLabels, SetLater, Values};
use crate::place::{Grpc, Place};
use crate::recent::RecentRequest;
use crate::request_body::{CountedRequestBody, RequestBodyCount};
use crate::routes::Found;
use crate::series::{MethodSeries, Series};

/// In a response's extensions: its request is in no metric.
///
/// For a response that is no answer to be measured, such as a stream of events that lasts as long as somebody looks: closed, it
/// would be a client that left, and open, a request in flight. The middleware [forgets](Exchange::forget) its exchange when it
/// finds this, and leaves the body alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrecorded;

/// What nginx records for a request whose client left: no status was, or could be, received.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).expect("a status has three digits")
}

/// A request that has not been recorded yet.
///
/// It is recorded once: by [`settle`](Self::settle), by the body that `settle` leaves it to, or else when it is dropped: as
/// `panic` while the thread unwinds, as what the request's body failed with, as `shutdown` after
/// [`drain_timed_out`](HttpMetrics::drain_timed_out), and otherwise as `client_disconnect`.
#[derive(Debug)]
pub struct Exchange {
    metrics: HttpMetrics,
    /// Where it is recorded; `None` for a request that is left out.
    found: Found,
    own_labels: OwnValues,
    started: Instant,
    request_body: Option<Arc<RequestBodyCount>>,
    /// The status once the head is final.
    status: Option<StatusCode>,
    /// The cells, from then on.
    series: Option<&'static Series>,
    response_bytes: u64,
    grpc: Grpc,
    recorded: bool,
}

/// The values of the application's own labels.
#[derive(Debug)]
enum OwnValues {
    OfHead(Values),
    /// … some of which may still be set.
    SetLater(Arc<SetLater>),
}

impl Exchange {
    /// A request came in: it is in flight from now on, and its time begins.
    ///
    /// `None` if another middleware of these metrics is outside: then that one counts the request, and you have nothing to do
    /// but to call the inner service.
    ///
    /// `route` is the pattern that the framework reports for the route that took the request, with or without its leading
    /// slash; `None` where no route did. Where a framework reports text of the client's in the place of a pattern,
    /// `pattern_of` gives the pattern: it is called with a path that has no place yet, with its leading slash.
    ///
    /// Costs a lock-free lookup, a look at the clock and an increment. The first request of a method and path makes their series,
    /// which live as long as the process; beyond [`max_endpoints`](crate::HttpMetricsBuilder::max_endpoints) the series are
    /// those of `overflow`.
    pub fn begin(
        metrics: HttpMetrics,
        head: RequestHead<'_>,
        route: Option<&str>,
        pattern_of: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Option<Self> {
        let mut place = Place::new(route, pattern_of);
        if is_counted(metrics, || route.map(|_| place.find(metrics, head))) {
            return None;
        }
        let started = Instant::now();
        let found = place.find(metrics, head);
        if let Some(series) = found {
            series.enter();
        }
        let values = metrics.own_labels().of_head(&head);
        Some(Self {
            metrics,
            found,
            own_labels: OwnValues::OfHead(values),
            started,
            request_body: None,
            status: None,
            series: None,
            response_bytes: 0,
            grpc: place.grpc,
            recorded: false,
        })
    }

    /// Counts the request's body, which is known not to be empty.
    pub fn watch<B: http_body::Body>(&mut self, body: B) -> CountedRequestBody<B> {
        let (body, count) = CountedRequestBody::new(body);
        self.request_body = Some(count);
        body
    }

    /// Puts a handle into the request's extensions through which labels can be set, if the options have such labels.
    pub fn extend(&mut self, extensions: &mut Extensions) {
        let OwnValues::OfHead(values) = &self.own_labels else {
            return;
        };
        if let Some(handle) = self.metrics.own_labels().handle(*values) {
            RequestLabels::put(&handle, extensions);
            self.own_labels = OwnValues::SetLater(handle);
        }
    }

    /// Calls the inner service: middlewares of the same metrics that are further in leave the request to this one.
    #[inline]
    pub fn call<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let inside = Inside::begin(self.metrics);
        let answer = call();
        self.after(inside);
        answer
    }

    #[inline]
    fn after(&mut self, inside: Inside) {
        if let Some(found) = inside.end() {
            self.move_to(found);
        }
    }

    /// Polls the inner service's future, once; otherwise as [`call`](Self::call).
    #[inline]
    pub fn poll<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let began = self.metrics.times_polls().then(Instant::now);
        let inside = Inside::begin(self.metrics);
        let polled = poll();
        self.after(inside);
        if let (Some(began), Some(series)) = (began, self.found) {
            series.polled(began);
        }
        polled
    }

    /// Runs the inner service, as [`poll`](Self::poll).
    pub fn run<F: Future>(&mut self, inner: F) -> Run<'_, F> {
        Run {
            exchange: self,
            inner,
        }
    }

    /// A better place for the request was found.
    fn move_to(&mut self, found: Found) {
        if let Some(series) = found {
            series.enter();
        }
        if let Some(series) = std::mem::replace(&mut self.found, found) {
            series.leave();
        }
    }

    /// Of each poll of the response's body.
    pub(crate) fn poll_series(&self) -> Option<&'static MethodSeries> {
        self.found.filter(|series| series.poll_seconds.is_some())
    }

    /// Why nobody is there for an answer, if the request's body told.
    pub(crate) fn request_body_fault(&self) -> Option<Aborted> {
        self.request_body.as_ref().and_then(|body| body.fault())
    }

    /// The head is final.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.answered_after(status, self.started.elapsed());
    }

    fn answered_after(&mut self, status: StatusCode, time: Duration) {
        self.status = Some(status);
        if let Some(series) = self.series() {
            if let Some(histogram) = &series.response_start_seconds {
                histogram.observe(time.as_secs_f64());
            }
        }
    }

    /// The cells, which do not change any more.
    fn series(&mut self) -> Option<&'static Series> {
        if self.series.is_none() {
            let found = self.found?;
            self.series = Some(match &self.own_labels {
                OwnValues::OfHead(values) => found.series(values),
                OwnValues::SetLater(labels) => found.series(&labels.values()),
            });
        }
        self.series
    }

    /// A head or trailers are final: they may have the status of a gRPC call. A service that knows the method of a call
    /// gives it its place.
    pub(crate) fn see(&mut self, headers: &HeaderMap, is_head: bool) {
        let before = match &self.grpc {
            Grpc::No => return,
            Grpc::Call(status) => *status,
            Grpc::UnknownMethod(unknown) => {
                if is_head && grpc::is_grpc(headers) && !grpc::is_unimplemented(headers) {
                    let found = self
                        .metrics
                        .routes()
                        .find_by_label(unknown.method, &unknown.path);
                    self.move_to(found);
                }
                None
            }
        };
        self.grpc = Grpc::Call(grpc::status(headers).or(before));
    }

    /// So many more bytes of the response's body are on their way.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// The head is final, and with it the whole body of so many bytes, unless those are not its whole body.
    pub(crate) fn finish_whole(
        &mut self,
        status: StatusCode,
        bytes: u64,
        aborted: Option<Aborted>,
    ) {
        // One look at the clock: the end is the start.
        let time = self.started.elapsed();
        self.answered_after(status, time);
        self.sent(bytes);
        self.record(aborted, time);
    }

    /// Whether it is recorded, so that nothing is left to be done.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The answer is complete, or will be once the bytes at hand are sent.
    pub(crate) fn finish(&mut self) {
        let fault = self.request_body_fault();
        let time = self.started.elapsed();
        self.record(fault, time);
    }

    /// Records nothing: the request is no longer in flight, and that is all. For a response that is [`Unrecorded`].
    pub fn forget(mut self) {
        self.recorded = true;
        if let Some(series) = self.found {
            series.leave();
        }
    }

    /// The inner service failed, so that the connection ends without an answer.
    pub fn fail(mut self) {
        let fault = self.request_body_fault();
        self.abort(fault.unwrap_or(Aborted::ServiceError));
    }

    /// The answer will not be completed.
    pub(crate) fn abort(&mut self, why: Aborted) {
        let time = self.started.elapsed();
        self.record(Some(why), time);
    }

    fn record(&mut self, aborted: Option<Aborted>, time: Duration) {
        self.recorded = true;
        let (Some(place), Some(series)) = (self.found, self.series()) else {
            return;
        };
        let status = match (aborted, self.status) {
            (Some(Aborted::ClientDisconnect), _) => client_closed_request(),
            (_, Some(status)) => status,
            (Some(Aborted::Shutdown), None) => StatusCode::SERVICE_UNAVAILABLE,
            (Some(Aborted::ProtocolError), None) => StatusCode::BAD_REQUEST,
            (_, None) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        series.count(status);
        series.observe_duration(time.as_secs_f64(), status);
        if let Some(histogram) = &series.request_bytes {
            let body = self.request_body.as_ref();
            let bytes = body.map_or(0, |body| body.size(aborted.is_some()));
            histogram.observe(bytes as f64);
        }
        if let Some(histogram) = &series.response_bytes {
            histogram.observe(self.response_bytes as f64);
        }
        if let Some(aborted) = aborted {
            series.count_aborted(aborted.reason());
        }
        match self.grpc {
            Grpc::No => {}
            Grpc::Call(Some(status)) => place.count_grpc(status.name()),
            Grpc::Call(None) | Grpc::UnknownMethod(_) => place.count_grpc(grpc::NO_STATUS),
        }
        place.leave();
        let recent = self.metrics.requests();
        let failed = aborted.is_some() || status.is_server_error();
        // One look at the clock was enough: it ended when it began, and its time later.
        let ended = self.started + time;
        if failed || recent.may_be_slowest(ended, time) {
            recent.take(ended, time, failed, |when| RecentRequest {
                time: when,
                method: place.method.name,
                endpoint: place.endpoint,
                // Nobody received one where the client left before.
                status: self.status.or(aborted.is_none().then_some(status)),
                aborted: aborted.map(Aborted::reason),
                duration: time,
                bytes: self.response_bytes,
            });
        }
    }
}

pin_project! {
    /// The inner service on its way: see [`Exchange::run`]. An async block would hold `inner` twice.
    #[derive(Debug)]
    pub struct Run<'a, F> {
        exchange: &'a mut Exchange,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for Run<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.exchange.poll(|| this.inner.poll(cx))
    }
}

impl Drop for Exchange {
    /// Nobody finished it: the future or the body that held it was dropped.
    fn drop(&mut self) {
        if self.recorded {
            return;
        }
        let why = if std::thread::panicking() {
            Aborted::Panic
        } else if let Some(fault) = self.request_body_fault() {
            fault
        } else if self.metrics.is_cutting_off() {
            Aborted::Shutdown
        } else {
            Aborted::ClientDisconnect
        };
        let time = self.started.elapsed();
        self.record(Some(why), time);
    }
}
