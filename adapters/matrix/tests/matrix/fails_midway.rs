//! Answers that the server does not complete: a panic before the head, and what ends a stream early.

use std::sync::Arc;

use tallied_matrix::behaviours::{gated, panics};
use tallied_matrix::{Conversation, Protocol, Record, Step, route};
use tokio::sync::Semaphore;

use crate::subject::Subject;

over! { [http1, http2]
    a_panic_that_nobody_catches,
    a_stream_that_panics,
    a_stream_that_fails,
}

fn a_panic_that_nobody_catches(on: Subject, protocol: Protocol) {
    let server = on.serve([route("GET", "/", panics())]);
    let mut conversation = Conversation::get(protocol, server.address, "/", "");
    assert_eq!(conversation.status(), None);
    let record = [Record::get("/", 500, 0).aborted("panic").without_head()];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_panics(on: Subject, protocol: Protocol) {
    breaks_off(on, protocol, Step::Panic, "panic");
}

fn a_stream_that_fails(on: Subject, protocol: Protocol) {
    breaks_off(on, protocol, Step::Fail, "body_error");
}

fn breaks_off(on: Subject, protocol: Protocol, then: Step, reason: &'static str) {
    let gate = Arc::new(Semaphore::new(0));
    let server = on.serve([route("GET", "/", gated(&["one"], &gate, Some(then)))]);
    let mut conversation = Conversation::get(protocol, server.address, "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"one");
    gate.add_permits(1);
    assert_eq!(conversation.piece(), None);
    let record = [Record::get("/", 200, 3).aborted(reason)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}
