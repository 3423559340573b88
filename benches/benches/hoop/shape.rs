//! What is asked and answered, alike on both frameworks.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;

pub(crate) const BODY: &str = "{\"id\":42,\"name\":\"a small answer\"}";
pub(crate) const FRAMES: [&str; 3] = ["first of three\n", "second of three\n", "third of three\n"];

/// A kind of request.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// The pattern of its route.
    pub(crate) route: &'static str,
    pub(crate) bytes: usize,
}

pub(crate) const SHAPES: [Shape; 2] = [
    Shape {
        name: "whole",
        path: "/items/42",
        route: "/items/{id}",
        bytes: BODY.len(),
    },
    Shape {
        name: "streamed",
        path: "/exports/42",
        route: "/exports/{id}",
        bytes: FRAMES[0].len() + FRAMES[1].len() + FRAMES[2].len(),
    },
];

/// What a future comes to that waits for nothing.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("there is nothing to wait for"),
    }
}

/// Takes the frames of a body as hyper does: until it says that it has ended, or there are no more.
pub(crate) fn drain<B: Body<Data = Bytes>>(body: B) -> usize {
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = 0;
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => {
                let frame = frame.unwrap_or_else(|_| unreachable!("no body fails"));
                bytes += black_box(frame).data_ref().map_or(0, Bytes::len);
            }
            Poll::Ready(None) => break,
            Poll::Pending => unreachable!("there is nothing to wait for"),
        }
    }
    bytes
}
