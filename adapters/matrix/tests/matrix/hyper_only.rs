//! What only a plain service has: endpoints that nobody declared, and errors of its own.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tallied_matrix::{Conversation, Protocol, Record, get};
use tallied_tower::{CountedRequestBody, Instrument};
use tower::{Layer, service_fn};

use crate::answers::Sent::Is;
use crate::answers::answered;
use crate::hyper::start;
use crate::subject::Subject;

/// Why these are no cases of the others.
pub(crate) const BECAUSE: &str = "## hyper only\n\nA service that is no framework has routes that nobody declared, and errors that are no answers.";

over! { hyper [http1, http2]
    an_endpoint_that_is_not_declared,
    a_service_that_fails,
}

type Asked = Request<CountedRequestBody<Incoming>>;

fn an_endpoint_that_is_not_declared(_: Subject, protocol: Protocol) {
    let server = start(|metrics| {
        let layer = metrics.layer().endpoints(["/declared"]).unwrap();
        layer.layer(service_fn(async |_: Asked| {
            Ok::<_, io::Error>(Response::new(Full::from("hello")))
        }))
    });
    answered(server, protocol, get("/r"), ("unmatched", 200, Is("hello")));
}

/// There is no answer: the connection ends, or the stream is reset.
fn a_service_that_fails(_: Subject, protocol: Protocol) {
    let server = start(|metrics| {
        let layer = metrics.layer().endpoints(["/r"]).unwrap();
        layer.layer(service_fn(async |_: Asked| {
            Err::<Response<Full<Bytes>>, _>(io::Error::other("on purpose"))
        }))
    });
    let mut conversation = Conversation::get(protocol, server.address, "/r", "");
    assert_eq!(conversation.status(), None);
    let record = [Record::get("/r", 500, 0)
        .aborted("service_error")
        .without_head()];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}
