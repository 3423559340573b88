//! A stream is recorded before its end is sent, and not when its body is dropped: over HTTP/2 that
//! is another task's, and can be later than the client's next scrape. Here it is.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use salvo::http::ResBody;
use salvo::prelude::*;

use super::conversation::{Conversation, Protocol};
use super::observed::{Observed, Record};
use crate::support::DEADLINE;

/// Outside of the hoop: keeps the body of an answer until the other end of the channel is dropped.
struct Keeps(Arc<Mutex<Receiver<()>>>);

#[async_trait]
impl Handler for Keeps {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
        let kept = Kept {
            body: res.take_body(),
            until: Arc::clone(&self.0),
        };
        res.body(ResBody::Boxed(Box::pin(kept)));
    }
}

struct Kept {
    body: ResBody,
    until: Arc<Mutex<Receiver<()>>>,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // The connection's task may be queued behind this one: it goes on elsewhere.
        tokio::task::block_in_place(|| self.until.lock().unwrap().recv_timeout(DEADLINE).ok());
    }
}

#[test]
fn a_stream_whose_body_is_still_there() {
    #[handler]
    async fn streams(res: &mut Response) {
        res.stream(async_stream::stream! { yield Ok::<_, std::io::Error>("hello"); });
    }
    let (release, until) = channel();
    let keeps = Keeps(Arc::new(Mutex::new(until)));
    let router = Router::new().get(streams);
    let server = Observed::with_hoop(|hoop| Service::new(router).hoop(keeps).hoop(hoop));
    // Dropped before the server, which would wait for it.
    let release = release;
    let mut conversation = Conversation::get(Protocol::Http2, server.address(), "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"hello");
    assert_eq!(conversation.piece().unwrap(), b"");
    let record = [Record::get("/", 200, 5)];
    server.holds(&record);
    drop(release);
    server.ends_with(&record);
}
