//! One request on its way through the server: recorded exactly once.
//!
//! An [`Exchange`] is moved to whoever will know how the request ended: from the middleware to what
//! sees the final response, and from there into the body of a streamed response. Whoever holds it
//! last either [finishes](Exchange::finish) it or drops it, and a drop is a record too: the
//! request was cancelled, panicked or was cut off. So the in-flight gauge cannot stay up and no request is missed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::aborted::Aborted;
use crate::metrics::HttpMetrics;
use crate::recent::RecentRequest;
use crate::request_body::RequestBodyCount;
use crate::series::EndpointSeries;

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
    series: &'static EndpointSeries,
    started: Instant,
    request_body: Option<Arc<RequestBodyCount>>,
    /// The status once the head is final.
    status: Option<StatusCode>,
    response_bytes: u64,
    recorded: bool,
}

impl Exchange {
    /// A request came in: it is in flight from now on, its time begins, and it will be recorded in this series.
    ///
    /// `request_body` counts its body; `None` where that is known to be empty. Costs a look at the clock and an increment.
    pub fn begin(
        metrics: HttpMetrics,
        series: &'static EndpointSeries,
        request_body: Option<Arc<RequestBodyCount>>,
    ) -> Self {
        if let Some(in_flight) = &series.in_flight {
            in_flight.inc();
        }
        Self {
            metrics,
            series,
            started: Instant::now(),
            request_body,
            status: None,
            response_bytes: 0,
            recorded: false,
        }
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
        if let Some(histogram) = &self.series.response_start_seconds {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// So many more bytes of the response's body are on their way.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// The head is final, and with it the whole body of so many bytes, unless those are not its whole body.
    pub(crate) fn finish_whole(mut self, status: StatusCode, bytes: u64, aborted: Option<Aborted>) {
        // One look at the clock: the end is the start.
        let time = self.started.elapsed();
        self.answered_after(status, time);
        self.sent(bytes);
        self.record(aborted, time);
    }

    /// The answer is complete, or will be once the bytes at hand are sent.
    pub(crate) fn finish(mut self) {
        let fault = self.request_body_fault();
        let time = self.started.elapsed();
        self.record(fault, time);
    }

    /// Records nothing: the request is no longer in flight, and that is all. For a response that is [`Unrecorded`].
    pub fn forget(mut self) {
        self.recorded = true;
        if let Some(in_flight) = &self.series.in_flight {
            in_flight.dec();
        }
    }

    /// The answer will not be completed.
    pub(crate) fn abort(mut self, why: Aborted) {
        let time = self.started.elapsed();
        self.record(Some(why), time);
    }

    fn record(&mut self, aborted: Option<Aborted>, time: Duration) {
        self.recorded = true;
        let series = self.series;
        let status = match (aborted, self.status) {
            (Some(Aborted::ClientDisconnect), _) => client_closed_request(),
            (_, Some(status)) => status,
            (Some(Aborted::Shutdown), None) => StatusCode::SERVICE_UNAVAILABLE,
            (Some(Aborted::ProtocolError), None) => StatusCode::BAD_REQUEST,
            (_, None) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        series.count(status);
        if let Some(histogram) = &series.duration_seconds {
            histogram.observe(time.as_secs_f64());
        }
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
        if let Some(in_flight) = &series.in_flight {
            in_flight.dec();
        }
        let recent = self.metrics.requests();
        let failed = aborted.is_some() || status.is_server_error();
        // One look at the clock was enough: it ended when it began, and its time later.
        let ended = self.started + time;
        if failed || recent.may_be_slowest(ended, time) {
            recent.take(ended, time, failed, |when| RecentRequest {
                time: when,
                method: series.method,
                endpoint: &series.endpoint,
                // Nobody received one where the client left before.
                status: self.status.or(aborted.is_none().then_some(status)),
                aborted: aborted.map(Aborted::reason),
                duration: time,
                bytes: self.response_bytes,
            });
        }
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
