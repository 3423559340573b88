//! Two hundred streams at a time on one HTTP/2 connection, of which every second one is reset.

use std::sync::Arc;

use tallied_matrix::behaviours::{gated, waits};
use tallied_matrix::{Connection, Protocol, Record, Served, Step, route};
use tokio::sync::Semaphore;

use crate::subject::Subject;

const STREAMS: usize = 200;

over! { [http2]
    half_are_reset_before_their_answer,
    half_are_reset_in_the_middle_of_their_answer,
}

fn half_are_reset_before_their_answer(on: Subject, _: Protocol) {
    let gate = Arc::new(Semaphore::new(0));
    let server = on.serve([route("GET", "/", waits(&gate))]);
    half_are_reset(server, &gate, None, "hello");
}

fn half_are_reset_in_the_middle_of_their_answer(on: Subject, _: Protocol) {
    let gate = Arc::new(Semaphore::new(0));
    let streamed = gated(&["one"], &gate, Some(Step::Send("two")));
    let server = on.serve([route("GET", "/", streamed)]);
    half_are_reset(server, &gate, Some("one"), "two");
}

fn half_are_reset(server: Served, gate: &Semaphore, first: Option<&'static str>, rest: &str) {
    let mut client = Connection::open(server.address);
    let mut streams: Vec<_> = (0..STREAMS)
        .map(|_| client.begin("GET", "/", "", false))
        .collect();
    server.wait_in_flight("GET", STREAMS as i64);
    if let Some(first) = first {
        for stream in &mut streams {
            assert_eq!(client.head(stream).unwrap().0, 200);
            assert_eq!(client.piece(stream).unwrap().unwrap(), first);
        }
    }
    let mut staying = Vec::new();
    for (i, stream) in streams.into_iter().enumerate() {
        if i % 2 == 0 {
            stream.reset();
        } else {
            staying.push(stream);
        }
    }
    server.wait_in_flight("GET", STREAMS as i64 / 2);
    gate.add_permits(staying.len());
    for mut stream in staying {
        if first.is_some() {
            assert_eq!(client.piece(&mut stream).unwrap().unwrap(), rest);
            while let Some(piece) = client.piece(&mut stream).unwrap() {
                assert!(piece.is_empty());
            }
        } else {
            assert_eq!(client.answer(&mut stream).text(), rest);
        }
    }
    let before = first.map_or(0, str::len) as u64;
    let left = Record {
        head: first.is_some(),
        ..Record::get("/", 499, before).aborted("client_disconnect")
    };
    let answered = Record::get("/", 200, before + rest.len() as u64);
    let mut records = vec![left; STREAMS / 2];
    records.extend([answered; STREAMS / 2]);
    server.holds(&records);
    server.ends_with(&records);
}
