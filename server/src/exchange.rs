//! One request on its way through the server: recorded exactly once.
//!
//! An [`Exchange`] is moved to whoever will know how the request ended: from the hoop to the
//! response observer, and from there into the body of a streamed response. Whoever holds it
//! last either [finishes](Exchange::finish) it or drops it, and a drop is a record too: the
//! request was cancelled, panicked or was cut off. So the in-flight gauge cannot stay up and no request is missed.

use std::sync::Arc;
use std::time::Instant;

use salvo::http::StatusCode;

use crate::http_metrics::HttpMetrics;
use crate::request_body::Upload;
use crate::route_series::RouteSeries;

/// What nginx records for a request whose client left: no status was, or could be, received.
const CLIENT_CLOSED_REQUEST: &str = "499";

/// Why a request did not get its whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// The client left.
    ClientDisconnect,
    /// A handler, a hoop or a body panicked.
    Panic,
    /// The response's body failed after the head was sent.
    BodyError,
    /// The server stopped before the answer was complete.
    Shutdown,
}

impl Aborted {
    fn reason(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client_disconnect",
            Self::Panic => "panic",
            Self::BodyError => "body_error",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A request that has not been recorded yet.
#[derive(Debug)]
pub(crate) struct Exchange {
    metrics: HttpMetrics,
    route: &'static RouteSeries,
    started: Instant,
    upload: Option<Arc<Upload>>,
    /// The status once the head is final.
    status: Option<StatusCode>,
    response_bytes: u64,
    recorded: bool,
}

impl Exchange {
    /// A request came in.
    pub(crate) fn begin(
        metrics: HttpMetrics,
        route: &'static RouteSeries,
        upload: Option<Arc<Upload>>,
    ) -> Self {
        route.in_flight.inc();
        Self {
            metrics,
            route,
            started: Instant::now(),
            upload,
            status: None,
            response_bytes: 0,
            recorded: false,
        }
    }

    /// The head is final.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// So many more bytes of the response's body are on their way.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// The answer is complete, or will be once the bytes at hand are sent.
    pub(crate) fn finish(mut self) {
        let client_left = self
            .upload
            .as_ref()
            .is_some_and(|upload| upload.client_left());
        self.record(client_left.then_some(Aborted::ClientDisconnect));
    }

    /// The answer will not be completed.
    pub(crate) fn abort(mut self, why: Aborted) {
        self.record(Some(why));
    }

    fn record(&mut self, aborted: Option<Aborted>) {
        if std::mem::replace(&mut self.recorded, true) {
            return;
        }
        let families = self.metrics.families();
        let (method, endpoint) = (self.route.method, &*self.route.endpoint);
        let status = match (aborted, &self.status) {
            (Some(Aborted::ClientDisconnect), _) => CLIENT_CLOSED_REQUEST,
            (_, Some(status)) => status.as_str(),
            (Some(Aborted::Shutdown), None) => "503",
            (_, None) => "500",
        };
        let request_bytes = self
            .upload
            .as_ref()
            .map_or(0, |upload| upload.size(aborted.is_some()));
        families
            .requests
            .get_or_create(&[method, endpoint, status])
            .inc();
        let seconds = self.started.elapsed().as_secs_f64();
        self.route.duration_seconds.observe(seconds);
        self.route.request_bytes.observe(request_bytes as f64);
        let response_bytes = self.response_bytes as f64;
        self.route.response_bytes.observe(response_bytes);
        if let Some(aborted) = aborted {
            families
                .aborted
                .get_or_create(&[method, endpoint, aborted.reason()])
                .inc();
        }
        self.route.in_flight.dec();
    }
}

impl Drop for Exchange {
    /// Nobody finished it: the future or the body that held it was dropped.
    fn drop(&mut self) {
        let why = if std::thread::panicking() {
            Aborted::Panic
        } else if self.metrics.is_cutting_off() {
            Aborted::Shutdown
        } else {
            Aborted::ClientDisconnect
        };
        self.record(Some(why));
    }
}
