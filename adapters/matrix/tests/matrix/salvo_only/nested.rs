//! A request that passes several hoops: it counts once for each `HttpMetrics`.

use std::sync::Arc;
use std::time::Duration;

use salvo::prelude::*;
use tallied::Registry;
use tallied_salvo::{HttpMetrics, Instrument, MetricsHoop};
use tokio::sync::Semaphore;

use super::conversation::{Conversation, Protocol};
use super::handlers::{Streamed, Then, echo_length, forever, hello, on_both_protocols, panics};
use super::observed::{Observed, Record};
use crate::support::TestServer;

on_both_protocols! {
    an_answer,
    a_stream,
    a_client_that_leaves,
    a_panic,
}

/// A service with three hoops of the same metrics around `/r`: the test's own, another on the service, one on a router.
fn thrice(router: Router) -> Observed {
    Observed::with_hoop(|hoop: MetricsHoop| {
        let inner = Router::new().hoop(hoop).push(router);
        Service::new(inner).hoop(hoop).hoop(hoop)
    })
}

fn an_answer(protocol: Protocol) {
    let gate = Arc::new(Semaphore::new(0));
    let waits = Waits(Arc::clone(&gate));
    let server = thrice(Router::with_path("r").get(waits));
    let mut conversation = Conversation::get(protocol, server.address(), "/r", "");
    // One, and not one for each hoop.
    server.wait_in_flight("GET", 1);
    gate.add_permits(1);
    assert_eq!(conversation.status(), Some(200));
    let record = [Record::get("/r", 200, 5)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

/// Answers once its gate is open.
struct Waits(Arc<Semaphore>);

#[async_trait]
impl Handler for Waits {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        self.0.acquire().await.unwrap().forget();
        res.render("hello");
    }
}

fn a_stream(protocol: Protocol) {
    let gate = Arc::new(Semaphore::new(1));
    let streamed = Streamed {
        first: &["one"],
        gate,
        then: Then::Sends("two"),
    };
    let server = thrice(Router::with_path("r").get(streamed));
    let mut conversation = Conversation::get(protocol, server.address(), "/r", "");
    assert_eq!(conversation.status(), Some(200));
    while conversation.piece().is_some_and(|piece| !piece.is_empty()) {}
    let record = [Record::get("/r", 200, 6)];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_client_that_leaves(protocol: Protocol) {
    let server = thrice(Router::with_path("r").get(forever));
    let conversation = Conversation::get(protocol, server.address(), "/r", "");
    server.wait_in_flight("GET", 1);
    drop(conversation);
    let left = Record::get("/r", 499, 0).aborted("client_disconnect");
    let record = [left.without_head()];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_panic(protocol: Protocol) {
    let router = Router::new()
        .push(Router::with_path("r").get(panics))
        .push(Router::with_path("hello").get(hello));
    let server = thrice(router);
    // What a panic leaves behind would be found by the next requests of its thread.
    for _ in 0..8 {
        let mut conversation = Conversation::get(protocol, server.address(), "/r", "");
        assert_eq!(conversation.status(), None);
    }
    for _ in 0..8 {
        let mut conversation = Conversation::get(protocol, server.address(), "/hello", "");
        assert_eq!(conversation.status(), Some(200));
    }
    let panic = Record::get("/r", 500, 0).aborted("panic").without_head();
    let mut records = vec![panic; 8];
    records.extend([Record::get("/hello", 200, 5); 8]);
    server.comes_to_hold(&records);
    server.ends_with(&records);
}

#[test]
fn instrumented_twice() {
    let server = TestServer::start_with(
        |http| {
            let router = Router::with_path("r").get(hello);
            http.instrument(http.instrument(router))
        },
        Duration::from_millis(100),
    );
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/r").text(), "hello");
    }
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(server.requests(), 4);
    assert_eq!(server.value("http_requests", &["GET", "/r", "200"]), 3);
}

#[test]
fn two_metrics_each_count() {
    let other = Registry::default();
    let second = HttpMetrics::register(&other).unwrap();
    let server = TestServer::start_with(
        |http| {
            let inner = Router::new()
                .hoop(http.hoop())
                .push(Router::with_path("r").get(hello))
                .push(Router::with_path("upload").post(echo_length));
            second.instrument(http.instrument(second.instrument(inner)))
        },
        Duration::from_millis(100),
    );
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/r").text(), "hello");
    }
    let leaves = Conversation::upload(Protocol::Http1, server.address, "/upload", true);
    server.wait_for("http_requests_in_flight", &["POST"], 1);
    drop(leaves);
    server.wait_for("http_requests", &["POST", "/upload", "499"], 1);
    assert_eq!(server.requests(), 4);
    let text = other.text();
    for series in [
        r#"http_requests_total{method="GET",endpoint="/r",status_code="200"} 3"#,
        r#"http_requests_total{method="POST",endpoint="/upload",status_code="499"} 1"#,
        r#"http_requests_in_flight{method="POST"} 0"#,
    ] {
        assert!(text.lines().any(|line| line == series), "{text}");
    }
}
