//! Clients that leave before they have their whole answer: by closing the connection, or, where
//! other streams share it, by resetting their own.

use std::sync::atomic::Ordering;
use std::time::Instant;

use salvo::prelude::*;

use super::conversation::{Conversation, Leaving, Protocol};
use super::handlers::{Reader, Streamed, echo_length, forever};
use super::observed::{Observed, Record};
use crate::support::DEADLINE;

/// Makes three tests of each function: one for each way to leave.
macro_rules! however_it_leaves {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use super::Leaving;

            #[test]
            fn http1_close() {
                super::$case(Leaving::Http1Close);
            }

            #[test]
            fn http2_reset() {
                super::$case(Leaving::Http2Reset);
            }

            #[test]
            fn http2_close() {
                super::$case(Leaving::Http2Close);
            }
        }
    )*};
}

however_it_leaves! {
    before_the_answer,
    during_an_upload,
    during_an_upload_of_a_known_length,
    after_the_head,
    in_the_middle_of_a_stream,
    between_events,
}

/// What is recorded of a request to `/` whose client leaves before the head.
fn left(method: &'static str, request_bytes: u64, response_bytes: u64) -> Record {
    Record {
        method,
        endpoint: "/",
        status: 499,
        aborted: Some("client_disconnect"),
        head: false,
        request_bytes,
        response_bytes,
    }
}

/// And after it.
fn left_after_the_head(response_bytes: u64) -> Record {
    Record {
        head: true,
        ..left("GET", 0, response_bytes)
    }
}

/// The client leaves, and then that is recorded.
fn leave(conversation: Conversation, leaving: Leaving, server: Observed, record: Record) {
    let _connection = conversation.leave(leaving);
    server.comes_to_hold(&[record]);
    server.ends_with(&[record]);
}

fn before_the_answer(leaving: Leaving) {
    let server = Observed::router(Router::new().get(forever));
    let conversation = Conversation::get(leaving.protocol(), server.address(), "/", "");
    server.wait_in_flight("GET", 1);
    leave(conversation, leaving, server, left("GET", 0, 0));
}

fn during_an_upload(leaving: Leaving) {
    upload(leaving, false);
}

fn during_an_upload_of_a_known_length(leaving: Leaving) {
    upload(leaving, true);
}

fn upload(leaving: Leaving, declared: bool) {
    let reader = Reader::default();
    let server = Observed::router(Router::new().post(reader.clone()));
    let conversation = Conversation::upload(leaving.protocol(), server.address(), "/", declared);
    let start = Instant::now();
    while reader.0.load(Ordering::Relaxed) < 5 {
        assert!(start.elapsed() < DEADLINE, "the upload does not arrive");
        std::thread::yield_now();
    }
    leave(conversation, leaving, server, left("POST", 5, 0));
}

#[test]
fn during_an_upload_that_is_answered_all_the_same() {
    let server = Observed::router(Router::new().post(echo_length));
    let conversation = Conversation::upload(Protocol::Http1, server.address(), "/", true);
    server.wait_in_flight("POST", 1);
    leave(
        conversation,
        Leaving::Http1Close,
        server,
        left("POST", 5, 0),
    );
}

fn after_the_head(leaving: Leaving) {
    let server = Observed::router(Router::new().get(Streamed::waiting(&[])));
    let mut conversation = Conversation::get(leaving.protocol(), server.address(), "/", "");
    assert_eq!(conversation.status(), Some(200));
    leave(conversation, leaving, server, left_after_the_head(0));
}

fn in_the_middle_of_a_stream(leaving: Leaving) {
    let server = Observed::router(Router::new().get(Streamed::waiting(&["one"])));
    let mut conversation = Conversation::get(leaving.protocol(), server.address(), "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"one");
    leave(conversation, leaving, server, left_after_the_head(3));
}

fn between_events(leaving: Leaving) {
    #[handler]
    async fn tells_one(res: &mut Response) {
        let events = async_stream::stream! {
            yield Ok::<_, std::io::Error>(SseEvent::default().text("one"));
            std::future::pending::<()>().await;
        };
        SseKeepAlive::new(Box::pin(events)).stream(res);
    }
    let server = Observed::router(Router::new().get(tells_one));
    let mut conversation = Conversation::get(leaving.protocol(), server.address(), "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"data: one\n\n");
    leave(conversation, leaving, server, left_after_the_head(11));
}
