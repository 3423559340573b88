//! What is in progress when the server stops.

use std::sync::Arc;

use tallied_matrix::behaviours::{forever, gated, stalls, waits};
use tallied_matrix::{Conversation, Protocol, Record, Step, route};
use tokio::sync::Semaphore;

use crate::subject::Subject;

over! { [http1, http2]
    what_its_limit_cuts_off_is_a_shutdown,
    what_ends_within_it_is_answered,
}

fn what_its_limit_cuts_off_is_a_shutdown(on: Subject, protocol: Protocol) {
    let server = on.serve([
        route("GET", "/slow", forever()),
        route("GET", "/stream", stalls(&["one"])),
    ]);
    let _slow = Conversation::get(protocol, server.address, "/slow", "");
    let mut stream = Conversation::get(protocol, server.address, "/stream", "");
    assert_eq!(stream.status(), Some(200));
    assert_eq!(stream.piece().unwrap(), b"one");
    server.wait_in_flight("GET", 2);
    server.ends_with(&[
        Record::get("/slow", 503, 0)
            .aborted("shutdown")
            .without_head(),
        Record::get("/stream", 200, 3).aborted("shutdown"),
    ]);
}

fn what_ends_within_it_is_answered(on: Subject, protocol: Protocol) {
    let gate = Arc::new(Semaphore::new(0));
    let mut server = on.serve([
        route("GET", "/slow", waits(&gate)),
        route(
            "GET",
            "/stream",
            gated(&["one"], &gate, Some(Step::Send("two"))),
        ),
    ]);
    let mut slow = Conversation::get(protocol, server.address, "/slow", "");
    let mut stream = Conversation::get(protocol, server.address, "/stream", "");
    assert_eq!(stream.status(), Some(200));
    server.wait_in_flight("GET", 2);
    server.begin_drain();
    gate.add_permits(2);
    assert_eq!(slow.status(), Some(200));
    while stream.piece().is_some_and(|piece| !piece.is_empty()) {}
    server.ends_with(&[Record::get("/slow", 200, 5), Record::get("/stream", 200, 6)]);
}
