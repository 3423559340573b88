//! Counts a streamed response on its way out, and records the request when it ends.
//!
//! The record is made before the last frame is handed over, where the body itself or the
//! Content-Length tells that it is the last. Otherwise the client learns of the end only from the
//! connection, which writes it after the body has said that it has ended; then the record is made.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};

use crate::BoxError;
use crate::aborted::Aborted;
use crate::causes::causes;
use crate::exchange::Exchange;
use crate::scrape::NotTaken;

/// Takes the exchange to a streamed body once the head is final; for [`BodyInProgress::Streamed`].
///
/// [`BodyInProgress::Streamed`]: crate::adapter::BodyInProgress::Streamed
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<ResponseBodyCount>>);

impl std::fmt::Debug for Handover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handover").finish_non_exhaustive()
    }
}

impl Handover {
    /// Counts a body that is streamed; `length` is how many bytes the connection sends of it, where that is known: the
    /// Content-Length, or else the body's exact size.
    ///
    /// Costs an allocation, and for each frame a lock that nobody else waits for.
    pub fn wrap<B>(
        inner: B,
        length: Option<u64>,
        framing: Framing,
    ) -> (Self, CountedResponseBody<B>) {
        let handover = Self::default();
        let mut count = handover.lock();
        count.length = length;
        count.framing = framing;
        drop(count);
        let body = CountedResponseBody {
            inner,
            handover: handover.clone(),
            held: Mutex::default(),
            flushed: false,
        };
        (handover, body)
    }

    /// Whether the body is still there to end.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the exchange to the body of a response whose head is final. `own` is false for one that has been put
    /// into another body, whose length may differ.
    pub(crate) fn give(self, exchange: Exchange, promised: Option<u64>, own: bool) {
        let mut count = self.lock();
        count.exchange = Some(exchange);
        count.promised = promised;
        if own {
            count.length = promised;
        }
        // Something outside may have read all of it by now.
        if count.outcome.is_some() {
            count.settle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ResponseBodyCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a body ended because its client did not take it.
fn not_taken(error: &BoxError) -> bool {
    causes(&**error).any(|error| error.is::<NotTaken>())
}

/// What ends a body on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// Its Content-Length, where there is one: beyond it the connection sends nothing of a stream.
    #[default]
    Length,
    /// HTTP/2's frames: all of it is sent, and a client refuses what contradicts the Content-Length.
    Frames,
}

impl Framing {
    /// That of a version of HTTP: frames from HTTP/2 on.
    pub fn of(version: Version) -> Self {
        match version {
            Version::HTTP_2 | Version::HTTP_3 => Self::Frames,
            _ => Self::Length,
        }
    }
}

/// What is known of a streamed body.
#[derive(Default)]
struct ResponseBodyCount {
    framing: Framing,
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

impl ResponseBodyCount {
    /// A frame is about to be handed over; `last` if there is none after it.
    fn count(&mut self, frame: &Frame<Bytes>, last: bool) {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let limit = self.length.filter(|_| self.framing == Framing::Length);
        let left = |length: u64| length.saturating_sub(self.sent);
        self.sent += bytes.min(limit.map_or(u64::MAX, left));
        // After trailers the connection asks for nothing more.
        if last || frame.is_trailers() || self.length == Some(self.sent) {
            self.end(Outcome::Complete);
        }
    }

    /// Whether it would end before its Content-Length.
    fn is_short(&self) -> bool {
        self.length.is_some_and(|length| self.sent < length)
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
        // The client waits for the missing bytes until the connection closes, or refuses the excess.
        let wrong = self.length.is_some_and(|length| self.sent != length);
        match self.outcome {
            Some(Outcome::Complete) if !wrong => exchange.finish(),
            Some(Outcome::Complete | Outcome::Failed) => exchange.abort(Aborted::BodyError),
            Some(Outcome::Dropped) | None => drop(exchange),
        }
    }
}

/// A response's body that is counted while it is sent, and records the request when it ends: before its last frame is
/// handed over, if the body or its Content-Length tells which that is.
///
/// A failure, a panic or an early end of the inner body is passed on one poll late if the connection has not yet written what
/// came before it. So an HTTP/1 client gets the bytes that are recorded.
pub struct CountedResponseBody<B> {
    inner: B,
    handover: Handover,
    /// How it broke, while that is held back. A body has to be Sync; nobody ever waits for the lock.
    held: Mutex<Option<Broken>>,
    /// Whether the connection had an opportunity to write all that it was given.
    flushed: bool,
}

impl<B> std::fmt::Debug for CountedResponseBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountedResponseBody")
            .finish_non_exhaustive()
    }
}

/// Why there is no end to hand over.
enum Broken {
    Failed(BoxError),
    Panicked(Box<dyn Any + Send>),
    /// It ended before its Content-Length.
    Short,
}

impl<B> CountedResponseBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// What the connection is to be given next, unless the body broke.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        let inner = Pin::new(&mut self.inner);
        // Goes on unwinding in `poll_frame`, with nothing in between.
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => return Poll::Ready(Err(Broken::Panicked(panic))),
        };
        Poll::Ready(match polled {
            Some(Ok(frame)) => {
                let last = self.inner.is_end_stream();
                self.handover.lock().count(&frame, last);
                Ok(Some(frame))
            }
            None if self.handover.lock().is_short() => Err(Broken::Short),
            None => {
                self.handover.lock().end(Outcome::Complete);
                Ok(None)
            }
            Some(Err(error)) => Err(Broken::Failed(error.into())),
        })
    }
}

impl<B> Body for CountedResponseBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    /// Reports a broken body one poll late if the head or frames are still unwritten: hyper flushes only when a
    /// body is pending, and discards its buffer when one fails. So the client gets what is
    /// recorded: the head and the bytes before the break.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        let broken = match held.take() {
            Some(broken) => broken,
            None => match self.next(cx) {
                Poll::Pending => {
                    self.flushed = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(frame)) => {
                    self.flushed = false;
                    return Poll::Ready(frame.map(Ok));
                }
                Poll::Ready(Err(broken)) => broken,
            },
        };
        if !self.flushed {
            self.flushed = true;
            self.held = Mutex::new(Some(broken));
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match broken {
            Broken::Failed(error) => {
                // One that its client did not take is no fault of the body's.
                let outcome = if not_taken(&error) {
                    Outcome::Dropped
                } else {
                    Outcome::Failed
                };
                self.handover.lock().end(outcome);
                Poll::Ready(Some(Err(error)))
            }
            Broken::Short => {
                self.handover.lock().end(Outcome::Complete);
                Poll::Ready(None)
            }
            Broken::Panicked(panic) => resume_unwind(panic),
        }
    }

    fn is_end_stream(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for CountedResponseBody<B> {
    /// The exchange, if it is still there, is dropped, and so records itself: the body panicked (the
    /// connection's task is dropped while it unwinds), the client left, or the server stops.
    fn drop(&mut self) {
        self.handover.lock().end(Outcome::Dropped);
    }
}
