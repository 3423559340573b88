//! The body of an answer, as a service describes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tallied_http::BoxError;
use tokio::sync::Semaphore;

/// The body of an answer. A framework may treat each kind in a way of its own.
#[derive(Clone)]
pub enum Content {
    Nothing,
    Whole(Bytes),
    Stream(Stream),
}

/// What a stream does next.
#[derive(Clone)]
pub enum Step {
    Send(&'static str),
    /// Lets the connection write what it has.
    Pause,
    /// Waits for a permit.
    Wait(Arc<Semaphore>),
    Trailers,
    Fail,
    Panic,
}

/// A body that is sent step by step.
#[derive(Clone)]
pub struct Stream {
    steps: Vec<Step>,
    /// It tells how many bytes are left.
    exact: bool,
    /// It tells that it is at its end.
    tells_end: bool,
}

/// A stream that tells nothing of its length or its end in advance.
pub fn stream(steps: impl IntoIterator<Item = Step>) -> Stream {
    Stream {
        steps: steps.into_iter().collect(),
        exact: false,
        tells_end: false,
    }
}

impl Stream {
    #[must_use]
    pub fn exact(self) -> Self {
        Self {
            exact: true,
            ..self
        }
    }

    #[must_use]
    pub fn tells_end(self) -> Self {
        Self {
            tells_end: true,
            ..self
        }
    }

    /// Whether it is nothing but pieces of data.
    pub fn is_plain(&self) -> bool {
        let trailers = |step: &Step| matches!(step, Step::Trailers);
        !self.exact && !self.tells_end && !self.steps.iter().any(trailers)
    }

    pub fn start(self) -> Script {
        Script {
            steps: self.steps.into(),
            exact: self.exact,
            tells_end: self.tells_end,
            waits: None,
        }
    }
}

/// A [`Stream`] that is being sent.
pub struct Script {
    steps: VecDeque<Step>,
    exact: bool,
    tells_end: bool,
    waits: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(waits) = &mut self.waits {
                ready!(waits.as_mut().poll(cx));
                self.waits = None;
            }
            let Some(step) = self.steps.pop_front() else {
                return Poll::Ready(None);
            };
            return Poll::Ready(Some(match step {
                Step::Send(data) => Ok(Frame::data(Bytes::from_static(data.as_bytes()))),
                Step::Trailers => Ok(Frame::trailers(trailers())),
                Step::Fail => Err("on purpose".into()),
                Step::Panic => panic!("on purpose"),
                Step::Pause => {
                    self.waits = Some(Box::pin(tokio::task::yield_now()));
                    continue;
                }
                Step::Wait(gate) => {
                    self.waits = Some(Box::pin(
                        async move { gate.acquire().await.unwrap().forget() },
                    ));
                    continue;
                }
            }));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.exact {
            return SizeHint::default();
        }
        let length = |step: &Step| match step {
            Step::Send(data) => data.len() as u64,
            _ => 0,
        };
        SizeHint::with_exact(self.steps.iter().map(length).sum())
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    trailers
}
