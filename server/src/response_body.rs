//! Counts a streamed response on its way out, and records the request when it ends.
//!
//! The record is made before the last frame is handed over, where the body itself or the
//! Content-Length tells that it is the last. Otherwise the client learns of the end only from the
//! connection, which writes it after the body has said that it has ended; then the record is made.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{ResBody, Response};

use crate::exchange::{Aborted, Exchange};

/// Where the response observer leaves the exchange for the body, once the head is final.
#[derive(Clone)]
pub(crate) struct Handover(Arc<Mutex<Option<Exchange>>>);

impl Handover {
    /// Puts a counting body in the place of a streamed one. `None` for a body that is whole in
    /// memory, or none.
    pub(crate) fn wrap(res: &mut Response) -> Option<Self> {
        match res.body {
            ResBody::None | ResBody::Once(_) | ResBody::Chunks(_) | ResBody::Error(_) => None,
            // Hyper, Boxed, Stream, Channel, and whatever a later Salvo streams.
            _ => {
                let handover = Self(Arc::new(Mutex::new(None)));
                let length = res.headers().get(CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                let counted = DownloadBody {
                    inner: res.take_body(),
                    length,
                    sent: 0,
                    exchange: handover.clone(),
                };
                res.replace_body(ResBody::Boxed(Box::pin(counted)));
                Some(handover)
            }
        }
    }

    /// Whether the body is still there to end.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the exchange to the body.
    pub(crate) fn give(self, exchange: Exchange) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange);
    }

    fn with(&self, act: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            act(exchange);
        }
    }

    fn take(&self) -> Option<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct DownloadBody {
    inner: ResBody,
    /// The Content-Length that the handler promised.
    length: Option<u64>,
    sent: u64,
    exchange: Handover,
}

impl DownloadBody {
    /// Counts a frame that is about to be handed over.
    fn count(&mut self, frame: &Frame<Bytes>) {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        // Beyond the Content-Length the connection sends nothing.
        let bytes = bytes.min(self.length.map_or(u64::MAX, |length| length - self.sent));
        self.sent += bytes;
        self.exchange.with(|exchange| exchange.sent(bytes));
        if self.inner.is_end_stream() || self.length == Some(self.sent) {
            self.end();
        }
    }

    /// The inner body has ended.
    fn end(&self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        if self.length.is_some_and(|length| self.sent < length) {
            // The client waits for the rest until the connection is closed on it.
            exchange.abort(Aborted::BodyError);
        } else {
            exchange.finish();
        }
    }
}

impl Body for DownloadBody {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, salvo::BoxedError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.count(frame),
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Err(_))) => {
                if let Some(exchange) = self.exchange.take() {
                    exchange.abort(Aborted::BodyError);
                }
            }
            Poll::Pending => {}
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for DownloadBody {
    fn drop(&mut self) {
        // The exchange, if it is still here, records itself when it is dropped: the body panicked
        // (the connection's task is dropped while it unwinds), the client left, or the server stops.
        drop(self.exchange.take());
    }
}
