//! A streamed body of chunks at a pace, which may break in the middle.
//!
//! It stands for streams without an end of their own, so it ends, properly, when a drain begins.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::parameters::{Break, Plan};
use crate::health::Draining;

pub(super) struct Chunks {
    plan: Plan,
    sent: u64,
    chunk: Bytes,
    /// When the next chunk is due.
    next: Pin<Box<Sleep>>,
    draining: Draining,
}

impl Chunks {
    pub(super) fn new(plan: Plan, draining: Draining) -> Self {
        Self {
            sent: 0,
            // One buffer for all of them: a chunk costs a reference.
            chunk: Bytes::from(vec![b'x'; plan.bytes]),
            next: Box::pin(sleep_until(Instant::now())),
            plan,
            draining,
        }
    }

    fn breaks_now(&self) -> Option<Break> {
        self.plan
            .breaks
            .and_then(|(at, how)| (at == self.sent).then_some(how))
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if Pin::new(&mut self.draining).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        // Not before the first chunk, and not behind the last one.
        if self.sent > 0 && self.sent < self.plan.count && !self.plan.pace.is_zero() {
            ready!(self.next.as_mut().poll(cx));
        }
        match self.breaks_now() {
            Some(Break::Error) => {
                let error = io::Error::other("a body error that /fault was asked for");
                return Poll::Ready(Some(Err(error.into())));
            }
            Some(Break::Panic) => {
                panic!("a panic in the middle of a body that /fault was asked for")
            }
            None => {}
        }
        if self.sent == self.plan.count {
            return Poll::Ready(None);
        }
        self.sent += 1;
        if !self.plan.pace.is_zero() {
            let next = Instant::now() + self.plan.pace;
            self.next.as_mut().reset(next);
        }
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.plan.count && self.breaks_now().is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // Unknown, as with any stream that may break: no Content-Length is promised.
        SizeHint::default()
    }
}
