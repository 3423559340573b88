//! Clients that leave before they have their whole answer: by closing the connection, or, where
//! other streams share it, by resetting their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tallied_matrix::behaviours::{echo_length, forever, hello, reads, stalls};
use tallied_matrix::{Conversation, DEADLINE, Leaving, Protocol, Record, Served, route};

use crate::subject::Subject;

over! { [leaving]
    before_the_answer,
    during_an_upload,
    during_an_upload_of_a_known_length,
    after_the_head,
    in_the_middle_of_a_stream,
}

over! { [http1]
    during_an_upload_that_is_answered_all_the_same,
    right_behind_the_request,
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
fn leave(conversation: Conversation, leaving: Leaving, server: Served, record: Record) {
    let _connection = conversation.leave(leaving);
    server.comes_to_hold(&[record]);
    server.ends_with(&[record]);
}

fn before_the_answer(on: Subject, leaving: Leaving) {
    let server = on.serve([route("GET", "/", forever())]);
    let conversation = Conversation::get(leaving.protocol(), server.address, "/", "");
    server.wait_in_flight("GET", 1);
    leave(conversation, leaving, server, left("GET", 0, 0));
}

fn during_an_upload(on: Subject, leaving: Leaving) {
    upload(on, leaving, false);
}

fn during_an_upload_of_a_known_length(on: Subject, leaving: Leaving) {
    upload(on, leaving, true);
}

fn upload(on: Subject, leaving: Leaving, declared: bool) {
    let read = Arc::new(AtomicUsize::new(0));
    let server = on.serve([route("POST", "/", reads(&read))]);
    let conversation = Conversation::upload(leaving.protocol(), server.address, "/", declared);
    let start = Instant::now();
    while read.load(Ordering::Relaxed) < 5 {
        assert!(start.elapsed() < DEADLINE, "the upload does not arrive");
        std::thread::yield_now();
    }
    leave(conversation, leaving, server, left("POST", 5, 0));
}

fn during_an_upload_that_is_answered_all_the_same(on: Subject, protocol: Protocol) {
    let server = on.serve([route("POST", "/", echo_length())]);
    let conversation = Conversation::upload(protocol, server.address, "/", true);
    server.wait_in_flight("POST", 1);
    leave(
        conversation,
        Leaving::Http1Close,
        server,
        left("POST", 5, 0),
    );
}

fn after_the_head(on: Subject, leaving: Leaving) {
    let server = on.serve([route("GET", "/", stalls(&[]))]);
    let mut conversation = Conversation::get(leaving.protocol(), server.address, "/", "");
    assert_eq!(conversation.status(), Some(200));
    leave(conversation, leaving, server, left_after_the_head(0));
}

fn in_the_middle_of_a_stream(on: Subject, leaving: Leaving) {
    let server = on.serve([route("GET", "/", stalls(&["one"]))]);
    let mut conversation = Conversation::get(leaving.protocol(), server.address, "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"one");
    leave(conversation, leaving, server, left_after_the_head(3));
}

/// It is answered if the answer is ready at once.
fn right_behind_the_request(on: Subject, _: Protocol) {
    const CLIENTS: usize = 100;
    let server = on.serve([
        route("GET", "/", forever()),
        route("GET", "/hello", hello()),
    ]);
    for _ in 0..CLIENTS {
        for path in ["/", "/hello"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
            server.connect().send(request);
        }
    }
    let mut records = vec![left("GET", 0, 0); CLIENTS];
    records.extend([Record::get("/hello", 200, 5); CLIENTS]);
    server.comes_to_hold(&records);
    server.ends_with(&records);
}
