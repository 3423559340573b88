//! Answers that contradict their Content-Length, are no final ones, or break before anything was written; and
//! uploads that contradict theirs.

use tallied_matrix::behaviours::{Behaviour, answers, echo_length, hello, reads_and_waits};
use tallied_matrix::{
    Connection, Content, Conversation, Protocol, Record, Served, Step, route, stream,
};

use crate::subject::{Difference, Subject, TOWER};

over! { [http1, http2]
    a_whole_body_that_is_too_short,
    a_whole_body_that_is_too_long,
    an_empty_body,
    an_answer_to_head,
    a_stream_that_is_too_short_at_once,
    a_stream_that_is_too_long,
    a_stream_that_should_be_empty,
    an_interim_status,
    a_stream_that_fails_at_once,
    a_stream_that_panics_at_once,
}

over! { [http1]
    an_upload_of_a_length_that_nobody_believes,
    an_upload_of_nonsense,
}

over! { [http2] an_upload_that_contradicts_its_length }

enum Sends {
    Nothing,
    Whole(&'static str),
    Stream,
    Fails,
    Panics,
}

struct Promises {
    status: u16,
    length: Option<&'static str>,
    sends: Sends,
}

impl Promises {
    fn length(length: &'static str, sends: Sends) -> Self {
        Self {
            status: 200,
            length: Some(length),
            sends,
        }
    }

    fn behaviour(self) -> Behaviour {
        let pieces = ["01234", "56789"].map(Step::Send).into_iter();
        let content = match self.sends {
            Sends::Nothing => Content::Nothing,
            Sends::Whole(body) => Content::Whole(body.into()),
            Sends::Stream => Content::Stream(stream(pieces)),
            Sends::Fails => Content::Stream(stream(pieces.chain([Step::Fail]))),
            Sends::Panics => Content::Stream(stream(pieces.chain([Step::Panic]))),
        };
        let length = self.length.map(|length| ("content-length", length));
        answers(self.status, length.as_slice(), content)
    }
}

fn served(on: Subject, promises: Promises) -> Served {
    on.serve([route("*", "/r", promises.behaviour())])
}

/// Asks, and has it recorded, whatever the client makes of the answer.
fn recorded(on: Subject, protocol: Protocol, promises: Promises, record: Record) {
    let server = served(on, promises);
    let conversation = Conversation::get(protocol, server.address, "/r", "");
    server.comes_to_hold(&[record]);
    drop(conversation);
    server.ends_with(&[record]);
}

const COUNTED_WHILE_SENT: &str = "Over HTTP/1 the layer records what is sent, as of a stream: a debug build of hyper panics \
    before the first byte, and another cuts what is too long. The hoop sees the whole body, and records it as broken.";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a_whole_body_that_is_too_short",
        on: TOWER,
        because: COUNTED_WHILE_SENT,
    },
    Difference {
        case: "a_whole_body_that_is_too_long",
        on: TOWER,
        because: COUNTED_WHILE_SENT,
    },
];

fn a_whole_body_that_is_too_short(on: Subject, protocol: Protocol) {
    let sent = Record::get("/r", 200, 10).aborted("body_error");
    contradicts(on, protocol, "100", sent, sent);
}

fn a_whole_body_that_is_too_long(on: Subject, protocol: Protocol) {
    let sent = Record::get("/r", 200, 10).aborted("body_error");
    contradicts(on, protocol, "3", sent, Record::get("/r", 200, 3));
}

fn contradicts(on: Subject, protocol: Protocol, length: &'static str, sent: Record, cut: Record) {
    let record = match protocol {
        Protocol::Http1 if TOWER.contains(&on) && cfg!(debug_assertions) => {
            Record::get("/r", 200, 0).aborted("panic")
        }
        Protocol::Http1 if TOWER.contains(&on) => cut,
        _ => sent,
    };
    let promises = Promises::length(length, Sends::Whole("0123456789"));
    recorded(on, protocol, promises, record);
}

fn an_empty_body(on: Subject, protocol: Protocol) {
    let record = Record::get("/r", 200, 0);
    let record = match protocol {
        // hyper corrects the length.
        Protocol::Http1 => record,
        Protocol::Http2 => record.aborted("body_error"),
    };
    recorded(
        on,
        protocol,
        Promises::length("100", Sends::Nothing),
        record,
    );
}

fn an_answer_to_head(on: Subject, protocol: Protocol) {
    for sends in [Sends::Nothing, Sends::Whole("0123456789"), Sends::Stream] {
        let server = served(on, Promises::length("100", sends));
        match protocol {
            Protocol::Http1 => {
                let answer = server.connect().request("HEAD", "/r", "", "");
                assert_eq!(answer.status, 200);
            }
            Protocol::Http2 => {
                let mut client = Connection::open(server.address);
                let mut stream = client.begin("HEAD", "/r", "", false);
                assert_eq!(client.head(&mut stream).unwrap().0, 200);
            }
        }
        let record = Record::get("/r", 200, 0).method("HEAD");
        server.comes_to_hold(&[record]);
        server.ends_with(&[record]);
    }
}

/// All that comes over HTTP/1, with `end` at its end.
fn comes(protocol: Protocol, server: &Served, end: &str) {
    // Over HTTP/2 the reset may overtake the head.
    if protocol == Protocol::Http1 {
        let mut client = server.connect();
        client.send("GET /r HTTP/1.1\r\nHost: test\r\n\r\n");
        let head = client.head();
        assert_eq!(head.status, 200);
        assert_eq!(client.take(end.len()), end.as_bytes());
        assert!(client.is_closed());
    } else {
        let mut conversation = Conversation::get(protocol, server.address, "/r", "");
        conversation.status();
    }
}

fn a_stream_that_is_too_short_at_once(on: Subject, protocol: Protocol) {
    let server = served(on, Promises::length("100", Sends::Stream));
    comes(protocol, &server, "0123456789");
    let record = [Record::get("/r", 200, 10).aborted("body_error")];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_is_too_long(on: Subject, protocol: Protocol) {
    let record = match protocol {
        // It is cut where its length ends.
        Protocol::Http1 => Record::get("/r", 200, 3),
        Protocol::Http2 => Record::get("/r", 200, 10).aborted("body_error"),
    };
    recorded(on, protocol, Promises::length("3", Sends::Stream), record);
}

fn a_stream_that_should_be_empty(on: Subject, protocol: Protocol) {
    let record = match protocol {
        // The connection does not ask for it.
        Protocol::Http1 => Record::get("/r", 200, 0),
        Protocol::Http2 => Record::get("/r", 200, 10).aborted("body_error"),
    };
    recorded(on, protocol, Promises::length("0", Sends::Stream), record);
}

fn an_interim_status(on: Subject, protocol: Protocol) {
    for sends in [Sends::Nothing, Sends::Whole("0123456789"), Sends::Stream] {
        let promises = Promises {
            status: 103,
            length: None,
            sends,
        };
        let record = Record::get("/r", 500, 0);
        let record = match protocol {
            // hyper answers so.
            Protocol::Http1 => record,
            Protocol::Http2 => record.aborted("body_error"),
        };
        recorded(on, protocol, promises, record);
    }
}

fn breaks_at_once(on: Subject, protocol: Protocol, sends: Sends, reason: &'static str) {
    let server = served(
        on,
        Promises {
            status: 200,
            length: None,
            sends,
        },
    );
    comes(protocol, &server, "5\r\n01234\r\n5\r\n56789\r\n");
    let record = [Record::get("/r", 200, 10).aborted(reason)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_stream_that_fails_at_once(on: Subject, protocol: Protocol) {
    breaks_at_once(on, protocol, Sends::Fails, "body_error");
}

fn a_stream_that_panics_at_once(on: Subject, protocol: Protocol) {
    breaks_at_once(on, protocol, Sends::Panics, "panic");
}

fn an_upload_of_a_length_that_nobody_believes(on: Subject, _: Protocol) {
    let server = on.serve([route("POST", "/", hello())]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551613\r\n\r\n");
    assert_eq!(client.answer(false).status, 200);
    let record = [Record {
        request_bytes: 1 << 20,
        ..Record::get("/", 200, 5).method("POST")
    }];
    server.holds(&record);
    server.ends_with(&record);
}

/// The client stays, and is answered.
fn an_upload_of_nonsense(on: Subject, _: Protocol) {
    let server = on.serve([route("POST", "/", echo_length())]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.text()), (400, "unreadable"));
    let record = [Record::get("/", 400, 10).method("POST")];
    server.holds(&record);
    server.ends_with(&record);
}

fn an_upload_that_contradicts_its_length(on: Subject, _: Protocol) {
    for declared in ["5", "50"] {
        let server = on.serve([
            route("POST", "/r", echo_length()),
            route("POST", "/waits", reads_and_waits()),
        ]);
        let mut client = Connection::open(server.address);
        let mut records = Vec::new();
        for endpoint in ["/r", "/waits"] {
            let length = format!("content-length: {declared}");
            let mut stream = client.begin("POST", endpoint, &length, true);
            stream.send("0123456789", true);
            let error = client.head(&mut stream).unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::PROTOCOL_ERROR));
            let record = Record::get(endpoint, 400, 0).aborted("protocol_error");
            records.push(record.method("POST").without_head());
        }
        server.comes_to_hold(&records);
        server.ends_with(&records);
    }
}
