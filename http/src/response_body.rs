//! Counts a streamed response on its way out, and records the request when it ends.
//!
//! The record is made before the last frame is handed over, where the body itself or the
//! Content-Length tells that it is the last. Otherwise the client learns of the end only from the
//! connection, which writes it after the body has said that it has ended; then the record is made.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;
use crate::aborted::Aborted;
use crate::causes::causes;
use crate::exchange::Exchange;
use crate::scrape::NotTaken;
use crate::series::MethodSeries;

/// Takes the exchange to a streamed body once the head is final; for [`BodyInProgress::Streamed`].
///
/// [`BodyInProgress::Streamed`]: crate::adapter::BodyInProgress::Streamed
#[derive(Clone)]
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
        let count = ResponseBodyCount::new(length, framing);
        let handover = Self(Arc::new(Mutex::new(count)));
        let count = Count::Shared(handover.clone());
        (handover, CountedResponseBody::new(inner, count))
    }

    /// Whether the body is still there to end.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the exchange to the body of a response whose head is final. `own` is false for one that has been put
    /// into another body, whose length may differ.
    pub(crate) fn give(self, exchange: Exchange, promised: Option<u64>, own: bool) {
        self.lock().take(exchange, promised, own);
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
#[derive(Debug)]
pub(crate) struct ResponseBodyCount {
    framing: Framing,
    /// What the connection asks for of this body.
    length: Option<u64>,
    /// … and of the answer, which may have this body inside of another.
    promised: Option<u64>,
    sent: u64,
    /// How it ended, if it has.
    outcome: Option<Outcome>,
    exchange: Option<Exchange>,
    /// The trailers, if they came before the exchange.
    trailers: Option<Box<HeaderMap>>,
    /// Whose polls are timed.
    poll_series: Option<&'static MethodSeries>,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Complete,
    Failed,
    /// Dropped before its end: the exchange, dropped likewise, knows why.
    Dropped,
}

impl ResponseBodyCount {
    fn new(length: Option<u64>, framing: Framing) -> Self {
        Self {
            framing,
            length,
            promised: None,
            sent: 0,
            outcome: None,
            exchange: None,
            trailers: None,
            poll_series: None,
        }
    }

    fn take(&mut self, exchange: Exchange, promised: Option<u64>, own: bool) {
        self.poll_series = exchange.poll_series();
        self.exchange = Some(exchange);
        self.promised = promised;
        if own {
            self.length = promised;
        }
        // Something outside may have read all of it by now.
        if self.outcome.is_some() {
            self.settle();
        }
    }

    /// A frame is about to be handed over; `last` if there is none after it.
    fn count(&mut self, frame: &Frame<Bytes>, last: bool) {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let limit = self.length.filter(|_| self.framing == Framing::Length);
        let left = |length: u64| length.saturating_sub(self.sent);
        self.sent += bytes.min(limit.map_or(u64::MAX, left));
        if let Some(trailers) = frame.trailers_ref() {
            match &mut self.exchange {
                Some(exchange) => exchange.see(trailers, false),
                None => self.trailers = Some(Box::new(trailers.clone())),
            }
        }
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
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        if exchange.is_recorded() {
            return;
        }
        if let Some(trailers) = self.trailers.take() {
            exchange.see(&trailers, false);
        }
        exchange.sent(self.sent);
        // The client waits for the missing bytes until the connection closes, or refuses the excess.
        let wrong = self.length.is_some_and(|length| self.sent != length);
        match self.outcome {
            Some(Outcome::Complete) if !wrong => exchange.finish(),
            Some(Outcome::Complete | Outcome::Failed) => exchange.abort(Aborted::BodyError),
            Some(Outcome::Dropped) | None => self.exchange = None,
        }
    }
}

pin_project! {
    /// A response's body that is counted while it is sent, and records the request when it ends: before its last frame is
    /// handed over, if the body or its Content-Length tells which that is.
    ///
    /// A failure, a panic or an early end of the inner body is passed on one poll late if the connection has not yet written what
    /// came before it. So an HTTP/1 client gets the bytes that are recorded.
    pub struct CountedResponseBody<B> {
        #[pin]
        inner: B,
        count: Count,
        // How it broke, while that is held back. A body has to be Sync; nobody ever waits for the lock.
        held: Option<Box<Mutex<Broken>>>,
        // Whether the connection had an opportunity to write all that it was given.
        flushed: bool,
    }

    impl<B> PinnedDrop for CountedResponseBody<B> {
        /// The exchange, if it is still there, is dropped, and so records itself: the body panicked (the
        /// connection's task is dropped while it unwinds), the client left, or the server stops.
        fn drop(this: Pin<&mut Self>) {
            this.project().count.end(Outcome::Dropped);
        }
    }
}

impl<B> std::fmt::Debug for CountedResponseBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountedResponseBody")
            .finish_non_exhaustive()
    }
}

/// Where a body is counted.
pub(crate) enum Count {
    /// The request is recorded already.
    Nobody,
    Own(ResponseBodyCount),
    /// The body and whoever sees the final head.
    Shared(Handover),
}

impl Count {
    /// The end of the body records this request; the connection sends `length` bytes of it, where that is known.
    pub(crate) fn own(exchange: Exchange, length: Option<u64>, framing: Framing) -> Self {
        let mut count = ResponseBodyCount::new(length, framing);
        count.take(exchange, length, true);
        Self::Own(count)
    }

    fn with<T>(&mut self, change: impl FnOnce(&mut ResponseBodyCount) -> T) -> Option<T> {
        match self {
            Self::Nobody => None,
            Self::Own(count) => Some(change(count)),
            Self::Shared(handover) => Some(change(&mut handover.lock())),
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.with(|count| count.end(outcome));
    }
}

impl<B> CountedResponseBody<B> {
    /// A body that is passed on as it is, because its request is recorded already, or by somebody else.
    pub fn uncounted(inner: B) -> Self {
        Self::new(inner, Count::Nobody)
    }

    pub(crate) fn new(inner: B, count: Count) -> Self {
        Self {
            inner,
            count,
            held: None,
            flushed: false,
        }
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
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reports a broken body one poll late if the head or frames are still unwritten: hyper flushes only when a
    /// body is pending, and discards its buffer when one fails. So the client gets what is
    /// recorded: the head and the bytes before the break.
    #[cold]
    fn poll_broken(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        broken: Broken,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if !*this.flushed {
            *this.flushed = true;
            *this.held = Some(Box::new(Mutex::new(broken)));
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
                this.count.end(outcome);
                Poll::Ready(Some(Err(error)))
            }
            Broken::Short => {
                this.count.end(Outcome::Complete);
                Poll::Ready(None)
            }
            Broken::Panicked(panic) => resume_unwind(panic),
        }
    }
}

impl<B> Body for CountedResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.as_mut().project();
        if let Some(broken) = this.held.take() {
            let broken = broken.into_inner();
            return self.poll_broken(cx, broken.unwrap_or_else(PoisonError::into_inner));
        }
        let timed = this.count.with(|count| count.poll_series).flatten();
        let began = timed.map(|_| Instant::now());
        let inner = this.inner.as_mut();
        // Written there, because a frame is large to be passed through `catch_unwind`.
        let mut polled = Poll::Pending;
        // Goes on unwinding in `poll_broken`, with nothing in between.
        let panicked = catch_unwind(AssertUnwindSafe(|| polled = inner.poll_frame(cx)));
        if let (Some(series), Some(began)) = (timed, began) {
            series.polled(began);
        }
        if let Err(panic) = panicked {
            return self.poll_broken(cx, Broken::Panicked(panic));
        }
        match polled {
            Poll::Pending => {
                *this.flushed = true;
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                *this.flushed = false;
                let last = this.inner.is_end_stream();
                this.count.with(|count| count.count(&frame, last));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) if this.count.with(|count| count.is_short()) == Some(true) => {
                self.poll_broken(cx, Broken::Short)
            }
            Poll::Ready(None) => {
                this.count.end(Outcome::Complete);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => self.poll_broken(cx, Broken::Failed(error.into())),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
