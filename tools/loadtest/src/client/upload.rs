//! The body of a request: whole, in chunks, or one that stops in the middle.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// How much of a streamed body goes into a chunk.
const CHUNK: usize = 4 * 1024;

#[derive(Debug)]
pub(super) enum Upload {
    None,
    Whole(Bytes),
    /// Without a Content-Length.
    Chunks(Bytes),
    /// Promises more than it has, and then says nothing more.
    Stops {
        left: Bytes,
        promised: u64,
        /// Told when all that it has is on its way.
        stopped: Rc<Notify>,
    },
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut *self {
            Self::None => return Poll::Ready(None),
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Chunks(bytes) => bytes.split_to(bytes.len().min(CHUNK)),
            Self::Stops { left, stopped, .. } => {
                if left.is_empty() {
                    // hyper writes what it has before it gives the processor back.
                    stopped.notify_one();
                    return Poll::Pending;
                }
                std::mem::take(left)
            }
        };
        match data.is_empty() {
            true => Poll::Ready(None),
            false => Poll::Ready(Some(Ok(Frame::data(data)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Whole(bytes) | Self::Chunks(bytes) => bytes.is_empty(),
            Self::Stops { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Chunks(_) => SizeHint::default(),
            Self::Stops { promised, .. } => SizeHint::with_exact(*promised),
        }
    }
}
