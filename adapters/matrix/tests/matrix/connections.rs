//! Several requests on a connection, what is no request, and a connection that becomes another.

use std::io::Read;

use tallied_matrix::behaviours::{hello, streams, tunnels};
use tallied_matrix::{Client, Connection, Protocol, Record, Served, Step, route, stream};

use crate::subject::Subject;

over! { [http1]
    keep_alive_over_http1,
    pipelining,
    what_is_not_http1,
    what_is_not_http1_after_a_request,
    an_upgrade,
}

over! { [http2]
    one_after_the_other_over_http2,
    what_is_not_http2,
}

fn served(on: Subject) -> Served {
    let pieces = [Step::Send("one"), Step::Pause, Step::Send("two")];
    on.serve([
        route("GET", "/hello", hello()),
        route("GET", "/stream", streams(stream(pieces))),
        route("GET", "/tunnel", tunnels()),
    ])
}

const HELLO: Record = Record {
    method: "GET",
    endpoint: "/hello",
    status: 200,
    aborted: None,
    head: true,
    request_bytes: 0,
    response_bytes: 5,
};

fn keep_alive_over_http1(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    let mut records = Vec::new();
    for _ in 0..3 {
        assert_eq!(client.get("/hello").text(), "hello");
        records.push(HELLO);
        server.holds(&records);
        assert_eq!(client.get("/stream").text(), "onetwo");
        records.push(Record::get("/stream", 200, 6));
        server.holds(&records);
    }
    server.ends_with(&records);
}

fn one_after_the_other_over_http2(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = Connection::open(server.address);
    let mut records = Vec::new();
    for _ in 0..3 {
        for (path, body) in [("/hello", "hello"), ("/stream", "onetwo")] {
            let mut stream = client.begin("GET", path, "", false);
            assert_eq!(client.answer(&mut stream).text(), body);
            records.push(Record::get(path, 200, body.len() as u64));
            server.holds(&records);
        }
    }
    server.ends_with(&records);
}

fn pipelining(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(
        ["/hello", "/stream", "/nowhere", "/hello"]
            .map(request)
            .concat(),
    );
    assert_eq!(client.answer(false).text(), "hello");
    assert_eq!(client.answer(false).text(), "onetwo");
    let page = client.answer(false).body.len() as u64;
    assert_eq!(client.answer(false).text(), "hello");
    let records = [
        HELLO,
        Record::get("/stream", 200, 6),
        Record::get("unmatched", 404, page),
        HELLO,
    ];
    server.holds(&records);
    server.ends_with(&records);
}

/// Everything up to the end of the connection.
fn rest(client: &mut Client) -> Vec<u8> {
    let mut rest = Vec::new();
    match client.stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    rest
}

fn what_is_not_http1(on: Subject, _: Protocol) {
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ] {
        let server = served(on);
        let mut client = server.connect();
        client.send(nonsense);
        let answer = rest(&mut client);
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{nonsense:?}");
        only_a_request_counts(server);
    }
}

/// The next client's.
fn only_a_request_counts(server: Served) {
    assert_eq!(server.connect().get("/hello").text(), "hello");
    server.ends_with(&[HELLO]);
}

fn what_is_not_http1_after_a_request(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    assert_eq!(client.get("/hello").text(), "hello");
    client.send("nonsense\r\n\r\n");
    assert!(rest(&mut client).starts_with(b"HTTP/1.1 400 "));
    server.ends_with(&[HELLO]);
}

fn what_is_not_http2(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // SETTINGS; HEADERS of stream 1 that have a method and no path; DATA of stream 0, which is none.
    client.send(b"\0\0\0\x04\0\0\0\0\0");
    client.send(b"\0\0\x01\x01\x05\0\0\0\x01\x82");
    client.send(b"\0\0\x01\0\0\0\0\0\0a");
    rest(&mut client);
    only_a_request_counts(server);
}

/// As a WebSocket begins.
fn an_upgrade(on: Subject, _: Protocol) {
    let server = served(on);
    let mut client = server.connect();
    client
        .send("GET /tunnel HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().status, 101);
    let records = [Record::get("/tunnel", 101, 0)];
    server.holds(&records);
    client.send("hi");
    assert_eq!(client.take(2), b"hi");
    // Whatever goes through the tunnel, and its end, is no part of the request.
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    rest(&mut client);
    server.holds(&records);
    server.ends_with(&records);
}
