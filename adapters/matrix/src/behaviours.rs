//! What a service does, whatever the framework: routes, each with what takes its requests.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::rt::TokioIo;
use tallied_http::BoxError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::{Content, Step, Stream, stream};

pub type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

type Answering = Pin<Box<dyn Future<Output = Response<Content>> + Send>>;

/// What takes the requests of a route.
pub type Behaviour = Arc<dyn Fn(Request<RequestBody>) -> Answering + Send + Sync>;

/// What takes the requests of a method to a pattern.
#[derive(Clone)]
pub struct Route {
    /// `None` for any.
    pub method: Option<&'static str>,
    /// With `{name}` for a segment, and `{*name}` for the rest of a path.
    pub pattern: &'static str,
    pub behaviour: Behaviour,
}

/// `method` is `*` for any.
pub fn route(method: &'static str, pattern: &'static str, behaviour: Behaviour) -> Route {
    Route {
        method: (method != "*").then_some(method),
        pattern,
        behaviour,
    }
}

fn behaviour<F>(behaves: impl Fn(Request<RequestBody>) -> F + Send + Sync + 'static) -> Behaviour
where
    F: Future<Output = Response<Content>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(behaves(request)))
}

/// The same answer to each request.
pub fn answers(
    status: u16,
    headers: &[(&'static str, &'static str)],
    content: Content,
) -> Behaviour {
    let mut response = Response::new(content);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    behaviour(move |_| std::future::ready(response.clone()))
}

pub fn hello() -> Behaviour {
    answers(200, &[], Content::Whole("hello".into()))
}

pub fn streams(stream: Stream) -> Behaviour {
    answers(200, &[], Content::Stream(stream))
}

/// Sends these, and then waits for a permit before it goes on.
pub fn gated(first: &[&'static str], gate: &Arc<Semaphore>, then: Option<Step>) -> Behaviour {
    let first = first.iter().map(|piece| Step::Send(piece));
    let wait = Step::Wait(Arc::clone(gate));
    streams(stream(first.chain([wait]).chain(then)))
}

/// Sends these, and then waits for good.
pub fn stalls(first: &[&'static str]) -> Behaviour {
    gated(first, &Arc::new(Semaphore::new(0)), None)
}

/// Answers `hello` once its gate has a permit for it.
pub fn waits(gate: &Arc<Semaphore>) -> Behaviour {
    let gate = Arc::clone(gate);
    behaviour(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Response::new(Content::Whole("hello".into()))
        }
    })
}

pub fn forever() -> Behaviour {
    behaviour(|_| std::future::pending())
}

pub fn panics() -> Behaviour {
    behaviour(|_| async { panic!("on purpose") })
}

/// Reads the body, and answers its length; 400 where it cannot be read.
pub fn echo_length() -> Behaviour {
    behaviour(|request| async {
        match request.into_body().collect().await {
            Ok(body) => {
                let length = body.to_bytes().len().to_string();
                Response::new(Content::Whole(length.into()))
            }
            Err(_) => {
                let mut response = Response::new(Content::Whole("unreadable".into()));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            }
        }
    })
}

/// Reads the body piece by piece, and says how much it has; what it answers has no body.
pub fn reads(read: &Arc<AtomicUsize>) -> Behaviour {
    let read = Arc::clone(read);
    behaviour(move |request| {
        let read = Arc::clone(&read);
        async move {
            read_all(request.into_body(), &read).await;
            Response::new(Content::Nothing)
        }
    })
}

/// Reads the body, and then waits for good.
pub fn reads_and_waits() -> Behaviour {
    behaviour(|request| async {
        read_all(request.into_body(), &AtomicUsize::new(0)).await;
        std::future::pending().await
    })
}

/// Agrees to speak another protocol, which sends back whatever comes.
pub fn tunnels() -> Behaviour {
    behaviour(|mut request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async {
            let mut tunnel = TokioIo::new(upgrade.await.unwrap());
            let mut buffer = [0; 64];
            while let Ok(n @ 1..) = tunnel.read(&mut buffer).await {
                tunnel.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let mut response = Response::new(Content::Nothing);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [("connection", "upgrade"), ("upgrade", "echo")] {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    })
}

async fn read_all(mut body: RequestBody, read: &AtomicUsize) {
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        read.fetch_add(bytes, Ordering::Relaxed);
    }
}
