//! The ways in which a streamed body tells, or does not tell, that it has ended. Each answer is
//! complete, and `hello`.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{HeaderMap, HeaderValue, ResBody};
use salvo::prelude::*;

use super::conversation::{Conversation, Protocol};
use super::handlers::on_both_protocols;
use super::observed::{Observed, Record};

on_both_protocols! {
    by_trailers,
    by_the_trailers_of_a_channel,
    by_an_exact_size,
    by_a_length_that_is_set_outside,
    by_a_length_of_zeros,
    before_the_head_was_final,
}

/// Frames of data, and perhaps trailers; it never says that it is at its end.
#[derive(Clone)]
struct Frames {
    data: VecDeque<&'static str>,
    trailers: bool,
    exact: bool,
}

impl Frames {
    fn of(data: &[&'static str]) -> Self {
        Self {
            data: data.iter().copied().collect(),
            trailers: false,
            exact: false,
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match self.data.pop_front() {
            Some(data) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            None => std::mem::take(&mut self.trailers).then(|| Ok(Frame::trailers(trailers()))),
        })
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.data.iter().map(|data| data.len() as u64).sum();
        if self.exact {
            SizeHint::with_exact(left)
        } else {
            SizeHint::default()
        }
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    trailers
}

#[async_trait]
impl Handler for Frames {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        if self.trailers {
            let announced = HeaderValue::from_static("x-sum");
            res.headers_mut().insert("trailer", announced);
        }
        res.replace_body(ResBody::Boxed(Box::pin(self.clone())));
    }
}

/// Asks for `/`, to the last byte, and has it recorded as answered with so many.
fn answered(protocol: Protocol, server: Observed, bytes: u64) {
    match protocol {
        // Some of these have a length, others chunks.
        Protocol::Http1 => {
            let answer = server.connect().request("GET", "/", "TE: trailers\r\n", "");
            assert_eq!((answer.status, answer.body.len() as u64), (200, bytes));
        }
        Protocol::Http2 => {
            let mut conversation =
                Conversation::get(protocol, server.address(), "/", "te: trailers\r\n");
            assert_eq!(conversation.status(), Some(200));
            let mut received = 0;
            while received < bytes {
                received += conversation.piece().unwrap().len() as u64;
            }
        }
    }
    let record = [Record::get("/", 200, bytes)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn by_trailers(protocol: Protocol) {
    let frames = Frames {
        trailers: true,
        ..Frames::of(&["hel", "lo"])
    };
    answered(protocol, Observed::router(Router::new().get(frames)), 5);
}

fn by_the_trailers_of_a_channel(protocol: Protocol) {
    #[handler]
    async fn tells(res: &mut Response) {
        let (mut sender, body) = ResBody::channel();
        res.headers_mut()
            .insert("trailer", HeaderValue::from_static("x-sum"));
        res.replace_body(body);
        tokio::spawn(async move {
            sender.send_data("hello").await.unwrap();
            sender.send_trailers(trailers()).await.unwrap();
        });
    }
    answered(protocol, Observed::router(Router::new().get(tells)), 5);
}

fn by_an_exact_size(protocol: Protocol) {
    let frames = Frames {
        exact: true,
        ..Frames::of(&["hel", "lo"])
    };
    answered(protocol, Observed::router(Router::new().get(frames)), 5);
}

/// Sets the length of an answer, when the hoop is through with it.
struct Length(&'static str);

#[async_trait]
impl Handler for Length {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
        let length = HeaderValue::from_static(self.0);
        res.headers_mut().insert(CONTENT_LENGTH, length);
    }
}

fn by_a_length_that_is_set_outside(protocol: Protocol) {
    let router = Router::new().get(Frames::of(&["hel", "lo"]));
    let service = |hoop| Service::new(router).hoop(Length("5")).hoop(hoop);
    answered(protocol, Observed::with_hoop(service), 5);
}

fn by_a_length_of_zeros(protocol: Protocol) {
    let router = Router::new().hoop(Length("00")).get(Frames::of(&[]));
    answered(protocol, Observed::router(router), 0);
}

fn before_the_head_was_final(protocol: Protocol) {
    /// Outside of the hoop: takes all of a body, and puts it back whole.
    struct Collects;

    #[async_trait]
    impl Handler for Collects {
        async fn handle(
            &self,
            req: &mut Request,
            depot: &mut Depot,
            res: &mut Response,
            ctrl: &mut FlowCtrl,
        ) {
            ctrl.call_next(req, depot, res).await;
            let mut all = Vec::new();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut res.body).poll_frame(cx)).await {
                all.extend(frame.unwrap().into_data().unwrap());
            }
            // The body that was read is kept for ever.
            std::mem::forget(res.take_body());
            res.body(all);
        }
    }
    let router = Router::new().get(Frames::of(&["hel", "lo"]));
    let service = |hoop| Service::new(router).hoop(Collects).hoop(hoop);
    answered(protocol, Observed::with_hoop(service), 5);
}
