//! Counts what is read of a request's body, and notices a client that leaves meanwhile, or breaks its protocol.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::ReqBody;

use crate::exchange::Aborted;

/// What is known of a request's body; shared by the body and the record.
///
/// The fields are independent figures, and whatever hands the request on (the runtime's queues)
/// orders the body's stores before the record's loads: Relaxed suffices.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The Content-Length, where there is one.
    declared: Option<u64>,
    read: AtomicU64,
    /// The end was read: `read` is the size.
    complete: AtomicBool,
    fault: OnceLock<Aborted>,
}

impl Upload {
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

/// Puts a counting body in the place of a request's, unless it is known to be empty.
pub(crate) fn watch(body: &mut ReqBody) -> Option<Arc<Upload>> {
    if body.is_end_stream() {
        return None;
    }
    let upload = Arc::new(Upload {
        declared: body.size_hint().exact(),
        read: AtomicU64::new(0),
        complete: AtomicBool::new(false),
        fault: OnceLock::new(),
    });
    let inner = std::mem::take(body);
    *body = ReqBody::Boxed {
        inner: Box::pin(UploadBody {
            inner,
            upload: Arc::clone(&upload),
        }),
        fuse_config: None,
    };
    Some(upload)
}

struct UploadBody {
    inner: ReqBody,
    upload: Arc<Upload>,
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.upload.read.fetch_add(bytes, Ordering::Relaxed);
                if self.inner.is_end_stream() {
                    self.upload.complete.store(true, Ordering::Relaxed);
                }
            }
            Poll::Ready(None) => self.upload.complete.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Err(error))) => {
                if let Some(fault) = fault(error) {
                    self.upload.fault.get_or_init(|| fault);
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

/// Why a body that failed leaves nobody to answer: its client is gone, or broke HTTP/2, whose stream is then reset.
/// A client that sent nonsense over HTTP/1, or was too slow for a limit, is still there to be told.
fn fault(error: &io::Error) -> Option<Aborted> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let still_there = [
                io::ErrorKind::InvalidData,
                io::ErrorKind::InvalidInput,
                io::ErrorKind::TimedOut,
            ];
            if still_there.contains(&error.kind()) {
                return None;
            }
            // What an io::Error wraps is not what its `source` returns.
            cause = error.get_ref().map(|inner| inner as _);
            continue;
        }
        cause = error.source();
        // Matches h2's error text, so that a service without HTTP/2 need not depend on h2: "detected" is a reset by
        // this side, "received" one by the client. The test matrix checks both against h2.
        if cause.is_none() && error.to_string().starts_with("stream error detected") {
            return Some(Aborted::ProtocolError);
        }
    }
    Some(Aborted::ClientDisconnect)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::fault;
    use crate::exchange::Aborted;

    #[test]
    fn nonsense_and_slowness_are_no_disconnects() {
        let left = Some(Aborted::ClientDisconnect);
        assert_eq!(fault(&io::ErrorKind::UnexpectedEof.into()), left);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(fault(&io::Error::other(reset)), left);
        assert_eq!(fault(&io::ErrorKind::TimedOut.into()), None);
        let nonsense = io::Error::from(io::ErrorKind::InvalidInput);
        assert_eq!(fault(&io::Error::other(nonsense)), None);
    }
}
