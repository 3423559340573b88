//! What more than one subject asks for.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body::Body;
use salvo::prelude::*;
use tokio::sync::Semaphore;

#[handler]
pub(crate) async fn hello() -> &'static str {
    "hello"
}

/// Reads the body, and answers its length.
#[handler]
pub(crate) async fn echo_length(req: &mut Request, res: &mut Response) {
    match req.payload_with_max_size(1 << 20).await {
        Ok(body) => {
            let length = body.len();
            res.render(length.to_string());
        }
        Err(_) => res.render(StatusError::payload_too_large()),
    }
}

#[handler]
pub(crate) async fn forever() {
    std::future::pending::<()>().await;
}

#[handler]
pub(crate) async fn panics() {
    panic!("on purpose");
}

/// Reads the body piece by piece, and says how much it has; what it answers has no body.
#[derive(Clone, Default)]
pub(crate) struct Reader(pub(crate) Arc<AtomicUsize>);

#[async_trait]
impl Handler for Reader {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let body = req.body_mut();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            match frame {
                Ok(frame) => {
                    let bytes = frame.data_ref().map_or(0, |data| data.len());
                    self.0.fetch_add(bytes, Ordering::Relaxed);
                }
                Err(_) => {
                    res.status_code(StatusCode::NO_CONTENT);
                    return;
                }
            }
        }
    }
}

/// What a [`Streamed`] answer does after its first pieces, once its gate is open.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Sends(&'static str),
    Fails,
    Panics,
}

/// An answer in pieces: each permit of the gate lets one answer go on.
pub(crate) struct Streamed {
    pub(crate) first: &'static [&'static str],
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) then: Then,
}

impl Streamed {
    /// An answer that waits after its first pieces, for good.
    pub(crate) fn waiting(first: &'static [&'static str]) -> Self {
        Self {
            first,
            gate: Arc::new(Semaphore::new(0)),
            then: Then::Fails,
        }
    }
}

#[async_trait]
impl Handler for Streamed {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let (first, gate, then) = (self.first, Arc::clone(&self.gate), self.then);
        res.stream(async_stream::stream! {
            for piece in first {
                yield Ok(*piece);
            }
            gate.acquire().await.unwrap().forget();
            match then {
                Then::Sends(piece) => yield Ok(piece),
                Then::Fails => yield Err(std::io::Error::other("on purpose")),
                Then::Panics => panic!("on purpose"),
            }
        });
    }
}

/// Makes two tests of each function: one for each protocol.
macro_rules! on_both_protocols {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use super::Protocol;

            #[test]
            fn http1() {
                super::$case(Protocol::Http1);
            }

            #[test]
            fn http2() {
                super::$case(Protocol::Http2);
            }
        }
    )*};
}
pub(crate) use on_both_protocols;
