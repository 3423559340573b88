//! Answers that the server does not complete: a panic before the head, and what ends a stream early.

use std::sync::Arc;

use salvo::prelude::*;
use tokio::sync::Semaphore;

use super::conversation::{Conversation, Protocol};
use super::handlers::{Streamed, Then, on_both_protocols, panics};
use super::observed::{Observed, Record};

on_both_protocols! {
    a_panic_that_nobody_catches,
    a_stream_that_panics,
    a_stream_that_fails,
}

fn a_panic_that_nobody_catches(protocol: Protocol) {
    let server = Observed::router(Router::new().get(panics));
    let mut conversation = Conversation::get(protocol, server.address(), "/", "");
    assert_eq!(conversation.status(), None);
    let record = [Record::get("/", 500, 0).aborted("panic").without_head()];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_panics(protocol: Protocol) {
    breaks_off(protocol, Then::Panics, "panic");
}

fn a_stream_that_fails(protocol: Protocol) {
    breaks_off(protocol, Then::Fails, "body_error");
}

fn breaks_off(protocol: Protocol, then: Then, reason: &'static str) {
    let gate = Arc::new(Semaphore::new(0));
    let streamed = Streamed {
        first: &["one"],
        gate: Arc::clone(&gate),
        then,
    };
    let server = Observed::router(Router::new().get(streamed));
    let mut conversation = Conversation::get(protocol, server.address(), "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"one");
    gate.add_permits(1);
    assert_eq!(conversation.piece(), None);
    let record = [Record::get("/", 200, 3).aborted(reason)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}
