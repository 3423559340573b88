//! The hoop that tells a connection of its requests, from the head to the end of the answer.
//!
//! Over HTTP/1 an answer that is whole in memory ends when it is made: what is left is to write it,
//! which the connection's stream sees. Over HTTP/2 it may wait for its client to open a window, which
//! the stream does not see, so every answer goes out in slices, and its request is in progress until
//! the last one is taken. What the service's catcher writes comes after the hoops, and is small.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::{Method, ResBody, StatusCode, Version};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use super::connection::{Ends, InProgress, Table};
use super::http2_stall::Waiting;
use super::pipelining::BodyLength;

/// How much of an answer is given to HTTP/2 at a time: a frame of its default size.
const SLICE: usize = 16_384;

/// The last byte of an answer that is longer than this goes by itself. HTTP/2 takes a slice when the
/// window is open for one byte of it, so when this byte is taken, the client can take them all.
/// Shorter answers are not worth another frame.
const LONG: usize = 1_024;

/// To be the outermost hoop of a service. Costs a map look-up under a lock that few share.
pub(super) struct RequestTracking(pub(super) Arc<Table>);

#[salvo::async_trait]
impl Handler for RequestTracking {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let client = req.remote_addr().clone().into_std();
        let local = req.local_addr().clone().into_std();
        let ends = client.zip(local);
        let ends = ends.map(|(client, local)| Ends { client, local });
        let Some(connection) = ends.and_then(|ends| self.0.find(&ends)) else {
            // Not through the acceptor: a test client.
            ctrl.call_next(req, depot, res).await;
            return;
        };
        let http2 = req.version() == Version::HTTP_2;
        let body = req.body().size_hint().exact();
        let body = body.map_or(BodyLength::Chunked, BodyLength::Known);
        let Some(request) = connection.begin(http2, body) else {
            // Its connection is being closed to make room, as if it had not arrived in time.
            res.status_code(StatusCode::SERVICE_UNAVAILABLE);
            ctrl.skip_rest();
            return;
        };
        ctrl.call_next(req, depot, res).await;
        // Salvo takes the body from the answer to a HEAD.
        let ended = res.body.is_end_stream() || *req.method() == Method::HEAD;
        if !http2 && (ended || res.body.size().is_some()) {
            request.will_be_written();
        } else if !ended {
            let body = PresentBody {
                inner: res.take_body(),
                rest: Bytes::new(),
                waiting: http2.then(|| request.waits()),
                _request: request,
            };
            res.replace_body(ResBody::Boxed(Box::pin(body)));
        }
    }
}

/// An answer that keeps its request in progress.
struct PresentBody {
    inner: ResBody,
    /// What `inner` gave and HTTP/2 was not given yet.
    rest: Bytes,
    /// Over HTTP/2.
    waiting: Option<Waiting>,
    _request: InProgress,
}

impl PresentBody {
    /// The next slice of `rest`.
    fn slice(&mut self) -> Bytes {
        let length = self.rest.len();
        let last = length <= SLICE && self.inner.is_end_stream();
        let slice = if last && length > LONG {
            length - 1
        } else {
            length.min(SLICE)
        };
        self.rest.split_to(slice)
    }
}

impl Body for PresentBody {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(waiting) = &this.waiting else {
            let polled = Pin::new(&mut this.inner).poll_frame(cx);
            return polled.map_err(Into::into);
        };
        waiting.asked();
        let mut frame = None;
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(given)) => match given.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => frame = Some(other),
                },
                ended => return Poll::Ready(ended.map(|result| result.map_err(Into::into))),
            }
        }
        let frame = frame.unwrap_or_else(|| Frame::data(this.slice()));
        if let Some(waiting) = &this.waiting {
            waiting.gave();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        // Not above the upper one: a sum of what is in memory, or of what somebody claims.
        let lower = inner.lower().saturating_add(rest);
        hint.set_lower(hint.upper().map_or(lower, |upper| upper.min(lower)));
        hint
    }
}
