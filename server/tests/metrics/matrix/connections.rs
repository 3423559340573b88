//! Several requests on a connection, what is no request, and a connection that becomes another.

use std::io::Read;

use salvo::prelude::*;

use super::handlers::hello;
use super::http2::Connection;
use super::observed::{Observed, Record};
use crate::support::Client;

fn served() -> Observed {
    Observed::router(
        Router::new()
            .push(Router::with_path("hello").get(hello))
            .push(Router::with_path("stream").get(streams))
            .push(Router::with_path("echo").get(echoes)),
    )
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

#[handler]
async fn streams(res: &mut Response) {
    res.stream(async_stream::stream! {
        yield Ok::<_, std::io::Error>("one");
        tokio::task::yield_now().await;
        yield Ok("two");
    });
}

#[handler]
async fn echoes(req: &mut Request, res: &mut Response) -> Result<(), StatusError> {
    let upgrade = WebSocketUpgrade::new();
    let echo = async |mut socket: salvo::websocket::WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    };
    upgrade.upgrade(req, res, echo).await
}

#[test]
fn keep_alive_over_http1() {
    let server = served();
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

#[test]
fn one_after_the_other_over_http2() {
    let server = served();
    let mut client = Connection::open(server.address());
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

#[test]
fn pipelining() {
    let server = served();
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

#[test]
fn what_is_not_http1() {
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ] {
        let server = served();
        let mut client = server.connect();
        client.send(nonsense);
        let answer = rest(&mut client);
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{nonsense:?}");
        server.ends_with(&[]);
    }
}

#[test]
fn what_is_not_http1_after_a_request() {
    let server = served();
    let mut client = server.connect();
    assert_eq!(client.get("/hello").text(), "hello");
    client.send("nonsense\r\n\r\n");
    assert!(rest(&mut client).starts_with(b"HTTP/1.1 400 "));
    server.ends_with(&[HELLO]);
}

#[test]
fn what_is_not_http2() {
    let server = served();
    let mut client = server.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // SETTINGS; HEADERS of stream 1 that have a method and no path; DATA of stream 0, which is none.
    client.send(b"\0\0\0\x04\0\0\0\0\0");
    client.send(b"\0\0\x01\x01\x05\0\0\0\x01\x82");
    client.send(b"\0\0\x01\0\0\0\0\0\0a");
    rest(&mut client);
    server.ends_with(&[]);
}

#[test]
fn websocket() {
    let server = served();
    let mut client = server.connect();
    client.send(
        "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    assert_eq!(client.head().status, 101);
    let records = [Record::get("/echo", 101, 0)];
    server.holds(&records);
    // "hi" as text, masked with zeros; it comes back unmasked.
    client.send(b"\x81\x82\0\0\0\0hi");
    assert_eq!(client.take(4), b"\x81\x02hi");
    // Whatever goes through the tunnel, and its end, is no part of the request.
    client.send(b"\x88\x80\0\0\0\0");
    rest(&mut client);
    server.holds(&records);
    server.ends_with(&records);
}
