//! A request that passes three middlewares of the same metrics: it counts once.

use std::sync::Arc;

use tallied_matrix::behaviours::{forever, gated, hello, panics, waits};
use tallied_matrix::{Conversation, Protocol, Record, Step, route};
use tokio::sync::Semaphore;

use crate::subject::Subject;

over! { [http1, http2]
    an_answer,
    a_stream,
    a_client_that_leaves,
    a_panic,
}

fn an_answer(on: Subject, protocol: Protocol) {
    let gate = Arc::new(Semaphore::new(0));
    let server = on.serve_nested([route("GET", "/r", waits(&gate))]);
    let mut conversation = Conversation::get(protocol, server.address, "/r", "");
    // One, and not one for each middleware.
    server.wait_in_flight("GET", 1);
    gate.add_permits(1);
    assert_eq!(conversation.status(), Some(200));
    let record = [Record::get("/r", 200, 5)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream(on: Subject, protocol: Protocol) {
    let gate = Arc::new(Semaphore::new(1));
    let streamed = gated(&["one"], &gate, Some(Step::Send("two")));
    let server = on.serve_nested([route("GET", "/r", streamed)]);
    let mut conversation = Conversation::get(protocol, server.address, "/r", "");
    assert_eq!(conversation.status(), Some(200));
    while conversation.piece().is_some_and(|piece| !piece.is_empty()) {}
    let record = [Record::get("/r", 200, 6)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_client_that_leaves(on: Subject, protocol: Protocol) {
    let server = on.serve_nested([route("GET", "/r", forever())]);
    let conversation = Conversation::get(protocol, server.address, "/r", "");
    server.wait_in_flight("GET", 1);
    drop(conversation);
    let left = Record::get("/r", 499, 0).aborted("client_disconnect");
    let record = [left.without_head()];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_panic(on: Subject, protocol: Protocol) {
    let server = on.serve_nested([
        route("GET", "/r", panics()),
        route("GET", "/hello", hello()),
    ]);
    // What a panic leaves behind would be found by the next requests of its thread.
    for _ in 0..8 {
        let mut conversation = Conversation::get(protocol, server.address, "/r", "");
        assert_eq!(conversation.status(), None);
    }
    for _ in 0..8 {
        let mut conversation = Conversation::get(protocol, server.address, "/hello", "");
        assert_eq!(conversation.status(), Some(200));
    }
    let panic = Record::get("/r", 500, 0).aborted("panic").without_head();
    let mut records = vec![panic; 8];
    records.extend([Record::get("/hello", 200, 5); 8]);
    server.comes_to_hold(&records);
    server.ends_with(&records);
}
