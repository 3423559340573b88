//! Requests and their records on real sockets, as Salvo and this server have them: routes that leak, catchers, the end of a
//! drain. What is recorded with any framework is in `adapters/matrix/`, case by case.

use std::time::Duration;

use crate::support::TestServer;
use salvo::catcher::Catcher;
use salvo::http::{Mime, ResBody};
use salvo::prelude::*;
use salvo::routing::Filter;
use salvo::routing::filters::{get, path, post};

#[handler]
async fn hello() -> &'static str {
    "hello"
}

#[handler]
async fn forever() {
    std::future::pending::<()>().await;
}

const TOTAL: &str = "http_requests";
const ABORTED: &str = "http_requests_aborted";
const IN_FLIGHT: &str = "http_requests_in_flight";
const RESPONSE: &str = "http_response_size_bytes";

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
    #[handler]
    async fn streams(res: &mut Response) {
        res.stream(async_stream::stream! { yield Ok::<_, std::io::Error>("<svg>"); });
    }
    let router = Router::new().push(Router::with_path("stream").get(streams));
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
    #[handler]
    async fn stalls(res: &mut Response) {
        res.stream(async_stream::stream! {
            yield Ok::<_, std::io::Error>("one");
            std::future::pending::<()>().await;
        });
    }
    let router = Router::new()
        .push(Router::with_path("slow").get(forever))
        .push(Router::with_path("stream").get(stalls));
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
