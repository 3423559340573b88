//! The ways in which a streamed body tells, or does not tell, that it has ended. Each answer is complete.

use tallied_matrix::behaviours::answers;
use tallied_matrix::{
    Content, Conversation, Protocol, Record, Served, Step, Stream, route, stream,
};

use crate::subject::Subject;

over! { [http1, http2]
    by_no_more_data,
    by_trailers,
    by_an_exact_size,
    by_telling_so,
    by_a_length_of_zeros,
}

/// Asks for `/`, to the last byte, and has it recorded as answered with so many.
pub(crate) fn answered(protocol: Protocol, server: Served, bytes: u64) {
    match protocol {
        // Some of these have a length, others chunks.
        Protocol::Http1 => {
            let answer = server.connect().request("GET", "/", "TE: trailers\r\n", "");
            assert_eq!((answer.status, answer.body.len() as u64), (200, bytes));
        }
        Protocol::Http2 => {
            let mut conversation =
                Conversation::get(protocol, server.address, "/", "te: trailers\r\n");
            assert_eq!(conversation.status(), Some(200));
            let mut received = 0;
            while received < bytes {
                received += conversation.piece().unwrap().len() as u64;
            }
        }
    }
    let record = [Record::get("/", 200, bytes)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

/// Two pieces, and no word of their end.
pub(crate) fn pieces() -> Stream {
    stream(["hel", "lo"].map(Step::Send))
}

fn sent(
    on: Subject,
    protocol: Protocol,
    headers: &[(&'static str, &'static str)],
    stream: Stream,
    bytes: u64,
) {
    let sends = answers(200, headers, Content::Stream(stream));
    answered(protocol, on.serve([route("GET", "/", sends)]), bytes);
}

fn by_no_more_data(on: Subject, protocol: Protocol) {
    sent(on, protocol, &[], pieces(), 5);
}

fn by_trailers(on: Subject, protocol: Protocol) {
    let steps = [Step::Send("hel"), Step::Send("lo"), Step::Trailers];
    sent(on, protocol, &[("trailer", "x-sum")], stream(steps), 5);
}

fn by_an_exact_size(on: Subject, protocol: Protocol) {
    sent(on, protocol, &[], pieces().exact(), 5);
}

fn by_telling_so(on: Subject, protocol: Protocol) {
    sent(on, protocol, &[], pieces().tells_end(), 5);
}

fn by_a_length_of_zeros(on: Subject, protocol: Protocol) {
    sent(on, protocol, &[("content-length", "00")], stream([]), 0);
}
