//! Answers that contradict their Content-Length, are no final ones, or break before anything was written; and
//! uploads that contradict theirs.

use salvo::http::header::CONTENT_LENGTH;
use salvo::http::{HeaderValue, ResBody};
use salvo::prelude::*;

use super::conversation::{Conversation, Protocol};
use super::handlers::{Reader, echo_length, on_both_protocols};
use super::http2::Connection;
use super::observed::{Observed, Record};

on_both_protocols! {
    a_whole_body_that_is_too_short,
    a_whole_body_that_is_too_long,
    an_empty_body,
    an_answer_to_head,
    a_stream_that_is_too_short_at_once,
    a_stream_that_is_too_long,
    an_interim_status,
    a_stream_that_fails_at_once,
    a_stream_that_panics_at_once,
}

enum Sends {
    Nothing,
    Whole(&'static str),
    Stream,
    Fails,
    Panics,
}

struct Promises {
    status: StatusCode,
    length: Option<&'static str>,
    sends: Sends,
}

impl Promises {
    fn length(length: &'static str, sends: Sends) -> Self {
        Self {
            status: StatusCode::OK,
            length: Some(length),
            sends,
        }
    }
}

#[async_trait]
impl Handler for Promises {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.status_code(self.status);
        if let Some(length) = self.length {
            let length = HeaderValue::from_static(length);
            res.headers_mut().insert(CONTENT_LENGTH, length);
        }
        let end = match self.sends {
            Sends::Nothing => return,
            Sends::Whole(body) => {
                res.body(ResBody::Once(body.into()));
                return;
            }
            Sends::Stream => Ok(()),
            Sends::Fails => Err(false),
            Sends::Panics => Err(true),
        };
        res.stream(async_stream::stream! {
            yield Ok("01234");
            yield Ok("56789");
            if let Err(panics) = end {
                assert!(!panics, "on purpose");
                yield Err(std::io::Error::other("on purpose"));
            }
        });
    }
}

fn served(promises: Promises) -> Observed {
    Observed::router(Router::with_path("r").goal(promises))
}

/// Asks, and has it recorded, whatever the client makes of the answer.
fn recorded(protocol: Protocol, promises: Promises, record: Record) {
    let server = served(promises);
    let conversation = Conversation::get(protocol, server.address(), "/r", "");
    server.comes_to_hold(&[record]);
    drop(conversation);
    server.ends_with(&[record]);
}

fn a_whole_body_that_is_too_short(protocol: Protocol) {
    // A debug build of hyper asserts the length over HTTP/1, and the client gets nothing.
    let record = Record::get("/r", 200, 10).aborted("body_error");
    let promises = Promises::length("100", Sends::Whole("0123456789"));
    recorded(protocol, promises, record);
}

fn a_whole_body_that_is_too_long(protocol: Protocol) {
    let record = Record::get("/r", 200, 10).aborted("body_error");
    let promises = Promises::length("3", Sends::Whole("0123456789"));
    recorded(protocol, promises, record);
}

fn an_empty_body(protocol: Protocol) {
    let record = Record::get("/r", 200, 0);
    let record = match protocol {
        // hyper corrects the length.
        Protocol::Http1 => record,
        Protocol::Http2 => record.aborted("body_error"),
    };
    recorded(protocol, Promises::length("100", Sends::Nothing), record);
}

fn an_answer_to_head(protocol: Protocol) {
    for sends in [Sends::Nothing, Sends::Whole("0123456789"), Sends::Stream] {
        let server = served(Promises::length("100", sends));
        match protocol {
            Protocol::Http1 => {
                let answer = server.connect().request("HEAD", "/r", "", "");
                assert_eq!(answer.status, 200);
            }
            Protocol::Http2 => {
                let mut client = Connection::open(server.address());
                let mut stream = client.begin("HEAD", "/r", "", false);
                assert_eq!(client.head(&mut stream).unwrap().0, 200);
            }
        }
        let method = "HEAD";
        let record = Record {
            method,
            ..Record::get("/r", 200, 0)
        };
        server.comes_to_hold(&[record]);
        server.ends_with(&[record]);
    }
}

/// All that comes over HTTP/1, with `end` at its end.
fn comes(protocol: Protocol, server: &Observed, end: &str) {
    // Over HTTP/2 the reset may overtake the head.
    if protocol == Protocol::Http1 {
        let mut client = server.connect();
        client.send("GET /r HTTP/1.1\r\nHost: test\r\n\r\n");
        let head = client.head();
        assert_eq!(head.status, 200);
        assert_eq!(client.take(end.len()), end.as_bytes());
        assert!(client.is_closed());
    } else {
        let mut conversation = Conversation::get(protocol, server.address(), "/r", "");
        conversation.status();
    }
}

fn a_stream_that_is_too_short_at_once(protocol: Protocol) {
    let server = served(Promises::length("100", Sends::Stream));
    comes(protocol, &server, "0123456789");
    let record = [Record::get("/r", 200, 10).aborted("body_error")];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_is_too_long(protocol: Protocol) {
    let record = match protocol {
        // It is cut where its length ends.
        Protocol::Http1 => Record::get("/r", 200, 3),
        Protocol::Http2 => Record::get("/r", 200, 10).aborted("body_error"),
    };
    recorded(protocol, Promises::length("3", Sends::Stream), record);
}

fn an_interim_status(protocol: Protocol) {
    for sends in [Sends::Nothing, Sends::Whole("0123456789"), Sends::Stream] {
        let promises = Promises {
            status: StatusCode::from_u16(103).unwrap(),
            length: None,
            sends,
        };
        let record = Record::get("/r", 500, 0);
        let record = match protocol {
            // hyper answers so.
            Protocol::Http1 => record,
            Protocol::Http2 => record.aborted("body_error"),
        };
        recorded(protocol, promises, record);
    }
}

fn breaks_at_once(protocol: Protocol, sends: Sends, reason: &'static str) {
    let server = served(Promises {
        status: StatusCode::OK,
        length: None,
        sends,
    });
    comes(protocol, &server, "5\r\n01234\r\n5\r\n56789\r\n");
    let record = [Record::get("/r", 200, 10).aborted(reason)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_fails_at_once(protocol: Protocol) {
    breaks_at_once(protocol, Sends::Fails, "body_error");
}

fn a_stream_that_panics_at_once(protocol: Protocol) {
    breaks_at_once(protocol, Sends::Panics, "panic");
}

/// Reads all of the body, and then waits for good.
struct ReadsAndWaits;

#[async_trait]
impl Handler for ReadsAndWaits {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        Reader::default().handle(req, depot, res, ctrl).await;
        std::future::pending::<()>().await;
    }
}

#[test]
fn an_upload_that_contradicts_its_length() {
    for declared in ["5", "50"] {
        let router = Router::new()
            .push(Router::with_path("r").post(echo_length))
            .push(Router::with_path("waits").post(ReadsAndWaits));
        let server = Observed::router(router);
        let mut client = Connection::open(server.address());
        let mut records = Vec::new();
        for endpoint in ["/r", "/waits"] {
            let length = format!("content-length: {declared}");
            let mut stream = client.begin("POST", endpoint, &length, true);
            stream.send("0123456789", true);
            let error = client.head(&mut stream).unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::PROTOCOL_ERROR));
            let record = Record::get(endpoint, 400, 0).aborted("protocol_error");
            let method = "POST";
            records.push(Record { method, ..record }.without_head());
        }
        server.comes_to_hold(&records);
        server.ends_with(&records);
    }
}
