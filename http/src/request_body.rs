//! Counts what is read of a request's body, and notices a client that leaves meanwhile, or breaks its protocol.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;
use crate::aborted::Aborted;
use crate::causes::causes;

/// What is known of a request's body: how much of it was read, and why it failed. [`CountedRequestBody`] writes it, and
/// the [`Exchange`](crate::adapter::Exchange) reads it.
///
/// The fields are independent figures, and whatever hands the request on (the runtime's queues)
/// orders the body's stores before the record's loads: Relaxed suffices.
#[derive(Debug)]
pub(crate) struct RequestBodyCount {
    /// The Content-Length, where there is one.
    declared: Option<u64>,
    read: AtomicU64,
    /// The end was read: `read` is the size.
    complete: AtomicBool,
    fault: OnceLock<Aborted>,
}

impl RequestBodyCount {
    /// Why nobody is there for an answer, whatever the handler made of the truncated body.
    pub(crate) fn fault(&self) -> Option<Aborted> {
        self.fault.get().copied()
    }

    /// The size of the body in bytes. What a handler left unread counts by its Content-Length, as
    /// far as the client is [believed](BELIEVED_BYTES), unless the request was aborted, when only
    /// what was read is certain to have been sent.
    pub(crate) fn size(&self, aborted: bool) -> u64 {
        let read = self.read.load(Ordering::Relaxed);
        if aborted || self.complete.load(Ordering::Relaxed) {
            read
        } else {
            self.declared
                .map_or(read, |declared| read.max(declared.min(BELIEVED_BYTES)))
        }
    }
}

/// How much of a Content-Length counts without having been read. It costs a client nothing to
/// write 2⁶⁴, and one such number would drown all true ones in the sum.
const BELIEVED_BYTES: u64 = 1 << 20;

pin_project! {
    /// A request's body that is counted while it is read. Frames and errors pass as they are, errors boxed.
    #[derive(Debug)]
    pub struct CountedRequestBody<B> {
        #[pin]
        inner: B,
        count: Option<Arc<RequestBodyCount>>,
    }
}

impl<B: Body> CountedRequestBody<B> {
    /// Counts `inner`, and gives the count. Costs an allocation.
    pub(crate) fn new(inner: B) -> (Self, Arc<RequestBodyCount>) {
        let count = Arc::new(RequestBodyCount {
            declared: inner.size_hint().exact(),
            read: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            fault: OnceLock::new(),
        });
        let body = Self {
            inner,
            count: Some(Arc::clone(&count)),
        };
        (body, count)
    }

    /// A body that is passed on as it is: an empty one, or that of a request that somebody else counts.
    pub fn uncounted(inner: B) -> Self {
        Self { inner, count: None }
    }
}

impl<B> Body for CountedRequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(cx);
        let polled = polled.map_err(Into::into);
        let Some(count) = this.count else {
            return polled;
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                count.read.fetch_add(bytes, Ordering::Relaxed);
                if this.inner.is_end_stream() {
                    count.complete.store(true, Ordering::Relaxed);
                }
            }
            Poll::Ready(None) => count.complete.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Err(error))) => {
                if let Some(fault) = fault(&**error) {
                    count.fault.get_or_init(|| fault);
                }
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Why a body that failed leaves nobody to answer: its client is gone, or broke HTTP/2, whose stream is then reset.
/// A client that sent nonsense over HTTP/1, or was too slow for a limit, is still there to be told.
fn fault(error: &(dyn Error + 'static)) -> Option<Aborted> {
    let mut root = error;
    for cause in causes(error) {
        root = cause;
        let io = cause.downcast_ref::<io::Error>();
        let kind = io.map(io::Error::kind);
        if let Some(
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::TimedOut,
        ) = kind
        {
            return None;
        }
    }
    // Matches h2's error text, so that a service without HTTP/2 need not depend on h2: "detected" is a reset by
    // this side, "received" one by the client. The test matrix checks both against h2.
    if root.to_string().starts_with("stream error detected") {
        return Some(Aborted::ProtocolError);
    }
    Some(Aborted::ClientDisconnect)
}

#[cfg(test)]
mod tests {
    use std::io;

    use crate::aborted::Aborted;

    #[test]
    fn nonsense_and_slowness_are_no_disconnects() {
        let left = Some(Aborted::ClientDisconnect);
        let fault = |error: io::Error| super::fault(&error);
        assert_eq!(fault(io::ErrorKind::UnexpectedEof.into()), left);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(fault(io::Error::other(reset)), left);
        assert_eq!(fault(io::ErrorKind::TimedOut.into()), None);
        let nonsense = io::Error::from(io::ErrorKind::InvalidInput);
        assert_eq!(fault(io::Error::other(nonsense)), None);
    }
}
