//! A request that passes hoops of two metrics counts once for each.

use salvo::prelude::*;
use tallied::Registry;
use tallied_matrix::behaviours::{echo_length, hello};
use tallied_matrix::{Conversation, Protocol, Record, route};
use tallied_salvo::{HttpMetrics, Instrument};

use crate::salvo::{router, start};
use crate::subject::Subject;

over! { salvo_observed [http1, http2] each_counts }

fn each_counts(_: Subject, protocol: Protocol) {
    let other = Registry::default();
    let second = HttpMetrics::register(&other).unwrap();
    let routes = vec![
        route("GET", "/r", hello()),
        route("POST", "/upload", echo_length()),
    ];
    let server = start(move |first| {
        let inner = Router::new().hoop(first.hoop()).push(router(routes));
        second.instrument(first.instrument(second.instrument(inner)))
    });
    let mut conversation = Conversation::get(protocol, server.address, "/r", "");
    assert_eq!(conversation.status(), Some(200));
    let leaves = Conversation::upload(protocol, server.address, "/upload", true);
    server.wait_in_flight("POST", 1);
    drop(leaves);
    let left = Record::get("/upload", 499, 0).aborted("client_disconnect");
    let left = Record {
        request_bytes: 5,
        ..left.method("POST").without_head()
    };
    let records = [Record::get("/r", 200, 5), left];
    server.comes_to_hold(&records);
    server.ends_with(&records);
    let text = other.text();
    for series in [
        r#"http_requests_total{method="GET",endpoint="/r",status_code="200"} 1"#,
        r#"http_requests_total{method="POST",endpoint="/upload",status_code="499"} 1"#,
        r#"http_requests_in_flight{method="POST"} 0"#,
    ] {
        assert!(text.lines().any(|line| line == series), "{text}");
    }
}
