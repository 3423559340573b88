//! Every request is counted once, whatever happens to it: on real sockets. What is not here is in
//! `matrix/`, case by case.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::TestServer;
use salvo::catcher::Catcher;
use salvo::http::{Mime, ResBody};
use salvo::prelude::*;
use salvo::routing::Filter;
use salvo::routing::filters::{get, path, post};
use tokio::sync::Notify;

#[handler]
async fn hello() -> &'static str {
    "hello"
}

#[handler]
async fn echo_length(req: &mut Request, res: &mut Response) {
    match req.payload_with_max_size(1 << 20).await {
        Ok(body) => {
            let length = body.len();
            res.render(length.to_string());
        }
        Err(_) => {
            res.status_code(StatusCode::BAD_REQUEST);
            res.render("unreadable");
        }
    }
}

#[handler]
async fn forever() {
    std::future::pending::<()>().await;
}

/// Sends `parts`, then ends as `end` says.
fn streamed(parts: &'static [&'static str], end: End) -> impl Handler {
    struct Streamed(&'static [&'static str], End);
    #[async_trait]
    impl Handler for Streamed {
        async fn handle(
            &self,
            req: &mut Request,
            _: &mut Depot,
            res: &mut Response,
            _: &mut FlowCtrl,
        ) {
            let (parts, end) = (self.0, self.1.clone());
            if req.query::<bool>("length").is_some() {
                let length: usize = parts.iter().map(|part| part.len()).sum();
                res.headers_mut().insert("content-length", length.into());
            }
            res.stream(async_stream::stream! {
                for part in parts {
                    yield Ok::<_, std::io::Error>(*part);
                    tokio::task::yield_now().await;
                }
                match end {
                    End::Ends => {}
                    End::Waits(gate) => gate.notified().await,
                }
            });
        }
    }
    Streamed(parts, end)
}

#[derive(Clone)]
enum End {
    Ends,
    /// Does not end before the gate opens.
    Waits(Arc<Notify>),
}

const TOTAL: &str = "http_requests";
const ABORTED: &str = "http_requests_aborted";
const IN_FLIGHT: &str = "http_requests_in_flight";
const RESPONSE: &str = "http_response_size_bytes";
const REQUEST: &str = "http_request_size_bytes";
const DURATION: &str = "http_request_duration_seconds";

#[test]
fn a_content_length_alone_does_not_count_for_much() {
    let server = TestServer::start(Router::new().get(hello));
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551613\r\n\r\n");
    assert_eq!(client.answer(false).status, 200);
    assert_eq!(
        server.histogram(REQUEST, &["GET", "/"]).sum,
        f64::from(1 << 20)
    );
}

/// A body that has ended before anybody asked it for anything.
struct Ended;

impl http_body::Body for Ended {
    type Data = bytes::Bytes;
    type Error = salvo::BoxedError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[test]
fn a_body_that_the_connection_does_not_ask_for_is_an_answer() {
    #[handler]
    async fn streams(req: &mut Request, res: &mut Response) {
        let status = req.query::<u16>("status").unwrap();
        res.status_code(StatusCode::from_u16(status).unwrap());
        if let Some(length) = req.query::<String>("length") {
            res.headers_mut()
                .insert("content-length", length.parse().unwrap());
        }
        if req.query::<bool>("whole").is_some() {
            res.body(ResBody::Once("hello".into()));
        } else if req.query::<bool>("ended").is_some() {
            res.body(ResBody::Boxed(Box::pin(Ended)));
        } else {
            res.stream(async_stream::stream! { yield Ok::<_, std::io::Error>("hello"); });
        }
    }
    let server = TestServer::start(Router::with_path("r").get(streams).head(streams));
    let mut client = server.connect();
    for (path, status) in [
        ("/r?status=204", "204"),
        ("/r?status=304", "304"),
        ("/r?status=304&whole=true", "304"),
        ("/r?status=200&length=0", "200"),
        ("/r?status=201&ended=true", "201"),
    ] {
        let before = server.value(TOTAL, &["GET", "/r", status]);
        assert_eq!(client.get(path).status.to_string(), status, "{path}");
        assert_eq!(
            server.value(TOTAL, &["GET", "/r", status]),
            before + 1,
            "{path}"
        );
    }
    assert_eq!(client.request("HEAD", "/r?status=200", "", "").status, 200);
    assert_eq!(server.value(TOTAL, &["HEAD", "/r", "200"]), 1);
    assert_eq!(server.requests(), 6);
    assert_eq!(server.histogram(RESPONSE, &["GET", "/r"]).sum, 0.0);
    assert_eq!(server.histogram(RESPONSE, &["HEAD", "/r"]).sum, 0.0);
}

#[test]
fn a_stream_of_another_length_than_promised() {
    #[handler]
    async fn promises(req: &mut Request, res: &mut Response) {
        let length = req.query::<String>("length").unwrap();
        res.headers_mut()
            .insert("content-length", length.parse().unwrap());
        res.stream(async_stream::stream! { yield Ok::<_, std::io::Error>("hello"); });
    }
    let router = Router::new()
        .push(Router::with_path("short").get(promises))
        .push(Router::with_path("long").get(promises));
    let server = TestServer::start(router);
    let mut short = server.connect();
    short.send("GET /short?length=10 HTTP/1.1\r\nHost: x\r\n\r\n");
    server.wait_for(ABORTED, &["GET", "/short", "body_error"], 1);
    assert_eq!(server.value(TOTAL, &["GET", "/short", "200"]), 1);
    assert_eq!(server.connect().get("/long?length=3").text(), "hel");
    assert_eq!(server.value(TOTAL, &["GET", "/long", "200"]), 1);
    assert_eq!(server.histogram(RESPONSE, &["GET", "/long"]).sum, 3.0);
    assert_eq!(server.requests(), 2);
}

/// A route of which Salvo reports what the client sent, and one behind a filter that is a function.
fn leaking() -> Router {
    Router::new()
        .push(Router::with_path("v{id}-{**rest}").get(hello))
        .push(Router::with_path("admin").filter_fn(|_, _| true).get(hello))
}

fn ask_for_many(server: &TestServer) {
    let mut client = server.connect();
    for i in 0..1_100 {
        assert_eq!(client.get(&format!("/v1-{i}/x")).status, 200);
    }
    assert_eq!(client.get("/admin").status, 200);
    assert_eq!(server.requests(), 1_101);
}

#[test]
fn clients_cannot_make_up_endpoints_without_end() {
    // The router is not known to a hoop that is put somewhere by hand.
    let service = |hoop| Service::new(leaking()).hoop(hoop);
    let server = TestServer::start_with_hoop(service, Duration::from_millis(100));
    ask_for_many(&server);
    let snapshot = server.registry.snapshot();
    let family = snapshot
        .families
        .iter()
        .find(|f| f.descriptor.name() == TOTAL)
        .unwrap();
    assert_eq!(family.series.len(), 1_001, "a thousand, and overflow");
    assert_eq!(server.value(TOTAL, &["GET", "overflow", "200"]), 101);
    assert_eq!(server.value("http_requests_endpoint_overflow", &[]), 101);
}

#[test]
fn clients_cannot_take_the_places_of_routes() {
    let server = TestServer::start(leaking());
    ask_for_many(&server);
    assert_eq!(
        server.value(TOTAL, &["GET", "/v{id}-{**rest}", "200"]),
        1_100
    );
    assert_eq!(server.value(TOTAL, &["GET", "/admin", "200"]), 1);
    assert_eq!(server.value("http_requests_endpoint_overflow", &[]), 0);
}

#[test]
fn clients_cannot_take_the_places_of_routes_that_are_no_series_yet() {
    // What leaks is hidden in a combination, and what is below one has its place all the same.
    let hidden = path("v{id}-{**rest}").or(path("hidden"));
    let router = leaking()
        .unshift(Router::with_filter(hidden).get(hello))
        .push(
            Router::with_path("below")
                .filter(get().or(post()))
                .goal(hello),
        );
    let server = TestServer::start(router);
    ask_for_many(&server);
    assert_eq!(server.connect().get("/below").status, 200);
    assert_eq!(server.value(TOTAL, &["GET", "/admin", "200"]), 1);
    assert_eq!(server.value(TOTAL, &["GET", "/below", "200"]), 1);
}

/// A debug build takes its time.
const MANY: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    200_000
};

#[test]
fn every_request_is_in_the_next_scrape() {
    const CONNECTIONS: u64 = 8;
    let server = TestServer::start(Router::with_path("data").get(hello));
    let each = MANY / CONNECTIONS;
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = server.connect();
                for _ in 0..each {
                    assert_eq!(client.get("/data").status, 200);
                }
            });
        }
    });
    // At once: the last byte is here, so the count is there.
    assert_eq!(server.value(TOTAL, &["GET", "/data", "200"]), MANY as i64);
    for name in [DURATION, REQUEST, RESPONSE] {
        let histogram = server.histogram(name, &["GET", "/data"]);
        assert_eq!(histogram.count, MANY, "{name}");
        assert_eq!(histogram.buckets.iter().sum::<u64>(), MANY, "{name}");
    }
    assert_eq!(
        server.histogram(RESPONSE, &["GET", "/data"]).sum,
        5.0 * MANY as f64
    );
    assert_eq!(server.value(IN_FLIGHT, &["GET"]), 0);
}

#[test]
fn clients_that_leave_before_the_answer_are_all_counted() {
    const CLIENTS: i64 = 1_000;
    let server = TestServer::start(Router::with_path("slow").get(forever));
    for batch in 0..10 {
        let waiting: Vec<_> = (0..CLIENTS / 10)
            .map(|_| {
                let mut client = server.connect();
                client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
                client
            })
            .collect();
        server.wait_for(IN_FLIGHT, &["GET"], CLIENTS / 10);
        drop(waiting);
        server.wait_for(TOTAL, &["GET", "/slow", "499"], (batch + 1) * CLIENTS / 10);
    }
    assert_eq!(
        server.value(ABORTED, &["GET", "/slow", "client_disconnect"]),
        CLIENTS
    );
    assert_eq!(server.value(IN_FLIGHT, &["GET"]), 0);
    assert_eq!(server.requests(), CLIENTS as u64);
    assert_eq!(
        server.histogram(DURATION, &["GET", "/slow"]).count,
        CLIENTS as u64
    );
}

#[test]
fn a_client_that_sends_nonsense_stays_and_is_answered() {
    let server = TestServer::start(Router::with_path("upload").post(echo_length));
    let mut client = server.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(client.answer(false).status, 400);
    assert_eq!(server.value(TOTAL, &["POST", "/upload", "400"]), 1);
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_stream_counts_its_bytes_and_is_recorded_before_its_end_is_sent() {
    let server = TestServer::start(
        Router::with_path("stream").get(streamed(&["one", "two", "three"], End::Ends)),
    );
    let mut client = server.connect();
    for (i, path) in ["/stream", "/stream?length=true"]
        .iter()
        .cycle()
        .take(200)
        .enumerate()
    {
        assert_eq!(client.get(path).text(), "onetwothree");
        // At once: the last byte is here.
        assert_eq!(
            server.value(TOTAL, &["GET", "/stream", "200"]),
            i as i64 + 1,
            "{path}"
        );
    }
    let histogram = server.histogram(RESPONSE, &["GET", "/stream"]);
    assert_eq!((histogram.count, histogram.sum), (200, 2_200.0));
    assert_eq!(server.value(IN_FLIGHT, &["GET"]), 0);
    assert_eq!(server.requests(), 200);
}

#[test]
fn what_a_catcher_or_the_service_makes_of_the_answer_is_what_counts() {
    #[handler]
    async fn teapot(res: &mut Response, ctrl: &mut FlowCtrl) {
        if res.status_code == Some(StatusCode::NOT_FOUND) {
            res.status_code(StatusCode::IM_A_TEAPOT);
            res.body(ResBody::Once("short and stout".into()));
            ctrl.skip_rest();
        }
    }
    let router =
        Router::new().push(Router::with_path("stream").get(streamed(&["<svg>"], End::Ends)));
    let service = Service::new(router)
        .catcher(Catcher::default().hoop(teapot))
        .allowed_media_types(vec!["application/json".parse::<Mime>().unwrap()]);
    let server = TestServer::start_service(service, Duration::from_millis(100));
    let mut client = server.connect();
    assert_eq!(client.get("/nowhere").text(), "short and stout");
    assert_eq!(server.value(TOTAL, &["GET", "unmatched", "418"]), 1);
    assert_eq!(server.histogram(RESPONSE, &["GET", "unmatched"]).sum, 15.0);
    // The stream has no content type that is refused; it is answered.
    assert_eq!(client.get("/stream").status, 200);
    assert_eq!(server.value(TOTAL, &["GET", "/stream", "200"]), 1);
    assert_eq!(server.requests(), 2);
}

#[test]
fn a_stream_that_the_service_replaces_is_recorded_with_what_replaced_it() {
    #[handler]
    async fn picture(res: &mut Response) {
        res.headers_mut()
            .insert("content-type", "image/png".parse().unwrap());
        res.stream(async_stream::stream! { yield Ok::<_, std::io::Error>("png"); });
    }
    let service = Service::new(Router::new().get(picture))
        .allowed_media_types(vec!["application/json".parse::<Mime>().unwrap()]);
    let server = TestServer::start_service(service, Duration::from_millis(100));
    let answer = server.connect().get("/");
    assert_eq!(answer.status, 415);
    assert_eq!(server.value(TOTAL, &["GET", "/", "415"]), 1);
    assert_eq!(
        server.histogram(RESPONSE, &["GET", "/"]).sum,
        answer.body.len() as f64
    );
    assert_eq!(server.requests(), 1);
}

#[test]
fn what_the_end_of_the_drain_cuts_off_is_a_shutdown() {
    let gate = Arc::new(Notify::new());
    let router = Router::new()
        .push(Router::with_path("slow").get(forever))
        .push(Router::with_path("stream").get(streamed(&["one"], End::Waits(gate))));
    let mut server = TestServer::start(router);
    let mut slow = server.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut stream = server.connect();
    stream.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(stream.head().status, 200);
    server.wait_for(IN_FLIGHT, &["GET"], 2);
    server.stop();
    // The runtime is gone, and with it every future.
    assert_eq!(server.value(TOTAL, &["GET", "/slow", "503"]), 1);
    assert_eq!(server.value(TOTAL, &["GET", "/stream", "200"]), 1);
    assert_eq!(server.value(ABORTED, &["GET", "/slow", "shutdown"]), 1);
    assert_eq!(server.value(ABORTED, &["GET", "/stream", "shutdown"]), 1);
    assert_eq!(server.value(IN_FLIGHT, &["GET"]), 0);
}
