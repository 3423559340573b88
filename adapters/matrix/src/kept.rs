//! A stream must be recorded before its end is sent, and not when its body is dropped: over HTTP/2 that is another task's,
//! and can be later than the client's next scrape. Here it is.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tallied_http::BoxError;

use crate::{Conversation, DEADLINE, Protocol, Record, Served};

/// Until when bodies are kept.
#[derive(Clone)]
pub struct Until(Arc<Mutex<Receiver<()>>>);

/// Bodies are kept until the first of these is dropped.
pub fn keep() -> (Sender<()>, Until) {
    let (release, until) = channel();
    (release, Until(Arc::new(Mutex::new(until))))
}

/// Outside of the middleware: a body that is kept after its end.
pub struct Kept<B> {
    body: B,
    until: Until,
}

impl<B> Kept<B> {
    pub fn new(body: B, until: &Until) -> Self {
        let until = until.clone();
        Self { body, until }
    }
}

impl<B> Body for Kept<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }
}

impl<B> Drop for Kept<B> {
    fn drop(&mut self) {
        let until = &self.until.0;
        // The connection's task may be queued behind this one: it goes on elsewhere.
        tokio::task::block_in_place(|| until.lock().unwrap().recv_timeout(DEADLINE).ok());
    }
}

/// Asks for `/`, which is a stream of `hello` whose body is kept: it is recorded all the same.
#[track_caller]
pub fn recorded_while_kept(server: Served, release: Sender<()>) {
    let mut conversation = Conversation::get(Protocol::Http2, server.address, "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"hello");
    assert_eq!(conversation.piece().unwrap(), b"");
    let record = [Record::get("/", 200, 5)];
    server.holds(&record);
    // Before the server, which waits for the body.
    drop(release);
    server.ends_with(&record);
}
