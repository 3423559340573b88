//! Many requests: not one is missing, and none is late.

use tallied_matrix::behaviours::{answers, forever, hello};
use tallied_matrix::{Content, Protocol, Record, Step, route, stream};

use crate::subject::Subject;

over! { [http1]
    every_request_is_in_the_next_scrape,
    every_stream_is_in_the_next_scrape,
    clients_that_leave_before_the_answer,
}

/// A debug build takes its time.
const MANY: usize = if cfg!(debug_assertions) {
    10_000
} else {
    100_000
};

fn every_request_is_in_the_next_scrape(on: Subject, _: Protocol) {
    const CONNECTIONS: usize = 8;
    let server = on.serve([route("GET", "/data", hello())]);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = server.connect();
                for _ in 0..MANY / CONNECTIONS {
                    assert_eq!(client.get("/data").status, 200);
                }
            });
        }
    });
    // At once: the last byte is here, so the count is there.
    let records = vec![Record::get("/data", 200, 5); MANY];
    server.holds(&records);
    server.ends_with(&records);
}

fn every_stream_is_in_the_next_scrape(on: Subject, _: Protocol) {
    let pieces = ["one", "two", "three"].map(Step::Send).into_iter();
    let pieces = stream(pieces.flat_map(|piece| [piece, Step::Pause]));
    let pieces = Content::Stream(pieces);
    let server = on.serve([
        route("GET", "/chunks", answers(200, &[], pieces.clone())),
        route(
            "GET",
            "/length",
            answers(200, &[("content-length", "11")], pieces),
        ),
    ]);
    let mut client = server.connect();
    let mut records = Vec::new();
    for path in ["/chunks", "/length"].into_iter().cycle().take(100) {
        assert_eq!(client.get(path).text(), "onetwothree");
        records.push(Record::get(path, 200, 11));
        server.holds(&records);
    }
    server.ends_with(&records);
}

fn clients_that_leave_before_the_answer(on: Subject, _: Protocol) {
    const CLIENTS: usize = 100;
    let server = on.serve([route("GET", "/slow", forever())]);
    let left = Record::get("/slow", 499, 0).aborted("client_disconnect");
    let mut records = Vec::new();
    for _ in 0..3 {
        let waiting: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = server.connect();
                client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
                client
            })
            .collect();
        server.wait_in_flight("GET", CLIENTS as i64);
        drop(waiting);
        records.extend([left.without_head(); CLIENTS]);
        server.comes_to_hold(&records);
    }
    server.ends_with(&records);
}
