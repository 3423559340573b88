//! Counts a streamed response on its way out, and records the request when it ends.
//!
//! The record is made before the last frame is handed over, where the body itself or the
//! Content-Length tells that it is the last. Otherwise the client learns of the end only from the
//! connection, which writes it after the body has said that it has ended; then the record is made.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{ResBody, Response};

use crate::exchange::{Aborted, Exchange};
use crate::scrape::NotTaken;

/// Where the exchange is left for the body, once the head is final.
#[derive(Clone, Default)]
pub(crate) struct Handover(Arc<Mutex<Download>>);

impl Handover {
    /// Puts a counting body in the place of a streamed one. `None` for a body that is whole in
    /// memory, or none.
    pub(crate) fn wrap(res: &mut Response) -> Option<Self> {
        match res.body {
            ResBody::None | ResBody::Once(_) | ResBody::Chunks(_) | ResBody::Error(_) => None,
            // Hyper, Boxed, Stream, Channel, and whatever a later Salvo streams.
            _ => {
                let handover = Self::default();
                handover.lock().length = length(res);
                let body = Box::pin(DownloadBody {
                    inner: res.take_body(),
                    download: handover.clone(),
                });
                handover.lock().body = address(&*body);
                res.replace_body(ResBody::Boxed(body));
                Some(handover)
            }
        }
    }

    /// Whether the body is still there to end.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the exchange to the body of this response, whose head is final.
    pub(crate) fn give(self, exchange: Exchange, res: &Response) {
        let mut download = self.lock();
        download.exchange = Some(exchange);
        download.promised = length(res);
        // What is in the place of the body may have another length, if something outside encodes it.
        if let ResBody::Boxed(body) = &res.body
            && address(&**body) == download.body
        {
            download.length = download.promised;
        }
        // Something outside may have read all of it by now.
        if download.outcome.is_some() {
            download.settle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Download> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many bytes the connection sends of a response's body, and then drops it.
fn length(res: &Response) -> Option<u64> {
    let header = res.headers().get(CONTENT_LENGTH);
    let header = header.and_then(|length| length.to_str().ok()?.parse().ok());
    header.or_else(|| res.body.size_hint().exact())
}

/// Whether a body ended because its client did not take it.
fn not_taken(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<NotTaken>())
}

/// Where a body is, which is what tells it from others.
fn address(body: &(impl ?Sized + Body)) -> usize {
    std::ptr::from_ref(body).cast::<()>().addr()
}

/// What is known of a streamed body.
#[derive(Default)]
struct Download {
    /// Its address.
    body: usize,
    /// What the connection asks for of this body.
    length: Option<u64>,
    /// … and of the answer, which may have this body inside of another.
    promised: Option<u64>,
    sent: u64,
    /// How it ended, if it has.
    outcome: Option<Outcome>,
    exchange: Option<Exchange>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Complete,
    Failed,
    /// Dropped before its end: the exchange, dropped likewise, knows why.
    Dropped,
}

impl Download {
    /// A frame is about to be handed over; `last` if there is none after it.
    fn count(&mut self, frame: &Frame<Bytes>, last: bool) {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        // Beyond the Content-Length the connection sends nothing.
        let left = |length: u64| length.saturating_sub(self.sent);
        self.sent += bytes.min(self.length.map_or(u64::MAX, left));
        // After trailers the connection asks for nothing more.
        if last || frame.is_trailers() || self.length == Some(self.sent) {
            self.end(Outcome::Complete);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(match outcome {
            Outcome::Dropped if self.promised == Some(self.sent) => Outcome::Complete,
            _ => outcome,
        });
        self.settle();
    }

    fn settle(&mut self) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        exchange.sent(self.sent);
        // The client waits for the rest until the connection is closed on it.
        let short = self.length.is_some_and(|length| self.sent < length);
        match self.outcome {
            Some(Outcome::Complete) if !short => exchange.finish(),
            Some(Outcome::Complete | Outcome::Failed) => exchange.abort(Aborted::BodyError),
            Some(Outcome::Dropped) | None => drop(exchange),
        }
    }
}

struct DownloadBody {
    inner: ResBody,
    download: Handover,
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
            Poll::Ready(Some(Ok(frame))) => {
                let last = self.inner.is_end_stream();
                self.download.lock().count(frame, last);
            }
            Poll::Ready(None) => self.download.lock().end(Outcome::Complete),
            // The client took nothing: no fault of the body's.
            Poll::Ready(Some(Err(error))) if not_taken(error) => {
                self.download.lock().end(Outcome::Dropped);
            }
            Poll::Ready(Some(Err(_))) => self.download.lock().end(Outcome::Failed),
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
    /// The exchange, if it is still there, is dropped, and so records itself: the body panicked (the
    /// connection's task is dropped while it unwinds), the client left, or the server stops.
    fn drop(&mut self) {
        self.download.lock().end(Outcome::Dropped);
    }
}
