//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tallied_http::BoxError;

use crate::events::Events;

/// The body of an answer of [`Live`](crate::Live): the page, a JSON, a sentence, or a viewer's stream of events. It never
/// fails. It has no errors.
#[derive(Debug)]
pub struct LiveBody(Inner);

#[derive(Debug)]
enum Inner {
    Whole(Bytes),
    Events(Events),
}

impl LiveBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole(bytes))
    }

    pub(crate) fn events(events: Events) -> Self {
        Self(Inner::Events(events))
    }

    /// The bytes of a body that is whole in memory.
    ///
    /// # Errors
    /// The body itself when it is a stream of events, which has no end yet.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(bytes) => Ok(bytes),
            Inner::Events(_) => Err(self),
        }
    }
}

impl Body for LiveBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let bytes = match &mut self.0 {
            Inner::Whole(bytes) if bytes.is_empty() => None,
            Inner::Whole(bytes) => Some(std::mem::take(bytes)),
            Inner::Events(events) => match events.poll(cx) {
                Poll::Ready(bytes) => bytes,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Events(_) => SizeHint::default(),
        }
    }
}
