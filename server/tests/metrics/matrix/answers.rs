//! Requests that are answered to their last byte, and are then in the next scrape.

use std::time::Duration;

use Sent::{Is, Nothing, Page};
use salvo::cors::{CallNext, Cors, CorsHandler};
use salvo::http::Method;
use salvo::prelude::*;

use super::conversation::Protocol;
use super::handlers::{echo_length, forever, hello, panics};
use super::http2::Connection;
use super::observed::{Observed, Record};
use crate::support::Answer;

/// Makes two tests of each row, one for each protocol.
macro_rules! answers {
    ($($name:ident: $asked:expr => $endpoint:literal, $status:literal, $sent:expr;)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every row has a body")]
            use super::*;

            #[test]
            fn http1() {
                check(Protocol::Http1, $asked, $endpoint, $status, &$sent);
            }

            #[test]
            fn http2() {
                check(Protocol::Http2, $asked, $endpoint, $status, &$sent);
            }
        }
    )*};
}

// A name: what is asked for => the endpoint and the status that are recorded, and the body.
answers! {
    a_handler: get("/hello") => "/hello", 200, Is("hello");
    the_root: get("/") => "/", 200, Is("hello");
    a_query: get("/hello?x=1") => "/hello", 200, Is("hello");
    nested_routers: get("/users/7/posts") => "/users/{id}/posts", 200, Is("hello");
    a_parameter_of_a_kind: get("/numbers/7") => "/numbers/{id}", 200, Is("hello");
    a_parameter_of_another_kind: get("/numbers/seven") => "unmatched", 404, Page;
    a_wildcard: get("/files/a/b/c") => "/files/{**rest}", 200, Is("hello");
    an_empty_wildcard: get("/files") => "/files/{**rest}", 200, Is("hello");
    no_route: get("/nowhere") => "unmatched", 404, Page;
    no_route_for_the_method: ask("DELETE", "/hello") => "unmatched", 405, Page;
    no_route_for_a_made_up_method: ask("FROBNICATE", "/nowhere") => "unmatched", 404, Page;

    head: ask("HEAD", "/both") => "/both", 200, Nothing;
    head_of_a_stream: ask("HEAD", "/stream") => "/stream", 200, Nothing;
    head_where_only_get_is: ask("HEAD", "/hello") => "unmatched", 405, Nothing;
    head_of_nothing: ask("HEAD", "/nowhere") => "unmatched", 404, Nothing;

    preflight: ask("OPTIONS", "/hello").with(PREFLIGHT) => "unmatched", 204, Nothing;
    preflight_of_nothing: ask("OPTIONS", "/nowhere").with(PREFLIGHT) => "unmatched", 204, Nothing;
    options_but_no_preflight: ask("OPTIONS", "/hello") => "unmatched", 405, Page;
    get_across_origins: get("/hello").with("Origin: http://elsewhere\r\n") => "/hello", 200, Is("hello");

    an_upload: ask("POST", "/length").body("12345") => "/length", 200, Is("5");
    an_upload_without_length: ask("POST", "/length").in_parts("abc", "defg") => "/length", 200, Is("7");
    an_empty_upload: ask("POST", "/length") => "/length", 200, Is("0");
    an_upload_left_unread: ask("POST", "/hello").body("1234567") => "/hello", 200, Is("hello");
    an_upload_that_is_too_large: ask("POST", "/limited").body("12345678901") => "/limited", 413, Page;
    an_upload_that_becomes_too_large:
        ask("POST", "/limited").in_parts("123456789", "01") => "/limited", 413, Page;
    an_upload_within_the_limit: ask("POST", "/limited").body("1234567890") => "/limited", 200, Is("10");

    redirect: get("/redirect") => "/redirect", 303, Nothing;
    a_status_for_the_catcher: get("/broken") => "/broken", 502, Page;
    a_page_of_its_own: get("/gone") => "/gone", 404, Is("gone");
    no_content: get("/nothing") => "/nothing", 204, Nothing;
    timeout: get("/timeout") => "/timeout", 503, Page;
    a_caught_panic: get("/panics") => "/panics", 500, Page;

    stream: get("/stream") => "/stream", 200, Is("onetwothree");
    stream_of_a_known_length: get("/stream?length=11") => "/stream", 200, Is("onetwothree");
    an_empty_stream: get("/stream?pieces=0") => "/stream", 200, Nothing;
    events: get("/events") => "/events", 200, Is("data: one\n\ndata: two\n\n");
    websocket_without_upgrade: get("/socket") => "/socket", 400, Page;
}

const PREFLIGHT: &str = "Origin: http://elsewhere\r\nAccess-Control-Request-Method: GET\r\n";

fn service() -> Service {
    let users = Router::with_path("users").push(
        Router::with_path("{id}").push(Router::with_path("posts").get(hello).post(echo_length)),
    );
    let limited = Router::with_path("limited").hoop(max_size(10));
    let timeout = Router::with_path("timeout").hoop(Timeout::new(Duration::from_millis(1)));
    let caught = Router::with_path("panics").hoop(CatchPanic::new());
    let router = Router::new()
        .get(hello)
        .push(Router::with_path("hello").get(hello).post(hello))
        .push(Router::with_path("both").get(hello).head(hello))
        .push(users)
        .push(Router::with_path("numbers/{id:num}").get(hello))
        .push(Router::with_path("files/{**rest}").get(hello))
        .push(Router::with_path("length").post(echo_length))
        .push(limited.post(echo_length))
        .push(Router::with_path("redirect").get(redirects))
        .push(Router::with_path("broken").get(breaks))
        .push(Router::with_path("gone").get(is_gone))
        .push(Router::with_path("nothing").get(says_nothing))
        .push(timeout.get(forever))
        .push(caught.get(panics))
        .push(Router::with_path("stream").get(streams).head(streams))
        .push(Router::with_path("events").get(tells_events))
        .push(Router::with_path("socket").get(upgrades));
    let cors = Cors::new()
        .allow_origin("http://elsewhere")
        .allow_methods(Method::GET);
    Service::new(router).hoop(cors.into_handler())
}

#[handler]
async fn redirects(res: &mut Response) {
    res.render(Redirect::other("/hello"));
}

#[handler]
async fn breaks(res: &mut Response) {
    res.status_code(StatusCode::BAD_GATEWAY);
}

#[handler]
async fn is_gone(res: &mut Response) {
    res.status_code(StatusCode::NOT_FOUND);
    res.render("gone");
}

#[handler]
async fn says_nothing(res: &mut Response) {
    res.status_code(StatusCode::NO_CONTENT);
}

#[handler]
async fn streams(req: &mut Request, res: &mut Response) {
    if let Some(length) = req.query::<usize>("length") {
        res.headers_mut().insert("content-length", length.into());
    }
    let pieces = req.query::<usize>("pieces").unwrap_or(3);
    res.stream(async_stream::stream! {
        for piece in ["one", "two", "three"].iter().take(pieces) {
            yield Ok::<_, std::io::Error>(*piece);
            tokio::task::yield_now().await;
        }
    });
}

#[handler]
async fn tells_events(res: &mut Response) {
    salvo::sse::stream(
        res,
        async_stream::stream! {
            for event in ["one", "two"] {
                yield Ok::<_, std::io::Error>(SseEvent::default().text(event));
            }
        },
    );
}

#[handler]
async fn upgrades(req: &mut Request, res: &mut Response) -> Result<(), StatusError> {
    let upgrade = WebSocketUpgrade::new();
    upgrade.upgrade(req, res, async |_| {}).await
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Ask {
    method: &'static str,
    path: &'static str,
    headers: &'static str,
    body: &'static str,
    /// What follows the body, whose length is not told then.
    rest: Option<&'static str>,
}

fn ask(method: &'static str, path: &'static str) -> Ask {
    Ask {
        method,
        path,
        headers: "",
        body: "",
        rest: None,
    }
}

fn get(path: &'static str) -> Ask {
    ask("GET", path)
}

impl Ask {
    fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    fn in_parts(self, body: &'static str, rest: &'static str) -> Self {
        Self {
            body,
            rest: Some(rest),
            ..self
        }
    }

    fn over(self, protocol: Protocol, server: &Observed) -> Answer {
        let Self {
            method,
            path,
            headers,
            body,
            rest,
        } = self;
        match (protocol, rest) {
            (Protocol::Http1, None) => server.connect().request(method, path, headers, body),
            (Protocol::Http1, Some(rest)) => {
                let mut client = server.connect();
                let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n", bytes.len());
                let (body, rest) = (chunk(body), chunk(rest));
                client.send(format!(
                    "{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\
                     Transfer-Encoding: chunked\r\n\r\n{body}{rest}0\r\n\r\n"
                ));
                client.answer(false)
            }
            (Protocol::Http2, None) => {
                let mut connection = Connection::open(server.address());
                let length = match body.len() {
                    0 => String::new(),
                    length => format!("content-length: {length}\r\n"),
                };
                let headers = format!("{headers}{length}");
                let mut stream = connection.begin(method, path, &headers, !body.is_empty());
                if !body.is_empty() {
                    stream.send(body, true);
                }
                connection.answer(&mut stream)
            }
            (Protocol::Http2, Some(rest)) => {
                let mut connection = Connection::open(server.address());
                let mut stream = connection.begin(method, path, headers, true);
                stream.send(body, false);
                stream.send(rest, true);
                connection.answer(&mut stream)
            }
        }
    }
}

/// The body of an answer.
enum Sent {
    Nothing,
    Is(&'static str),
    /// Something that Salvo writes.
    Page,
}

fn check(protocol: Protocol, asked: Ask, endpoint: &'static str, status: u16, sent: &Sent) {
    let server = Observed::service(service());
    let answer = asked.over(protocol, &server);
    assert_eq!(answer.status, status, "{answer:?}");
    match sent {
        Nothing => assert_eq!(answer.text(), ""),
        Is(text) => assert_eq!(answer.text(), *text),
        Page => assert_ne!(answer.text(), ""),
    }
    let record = Record {
        method: match asked.method {
            "FROBNICATE" => "OTHER",
            known => known,
        },
        endpoint,
        status,
        aborted: None,
        head: true,
        request_bytes: (asked.body.len() + asked.rest.map_or(0, str::len)) as u64,
        response_bytes: answer.body.len() as u64,
    };
    server.holds(&[record]);
    server.ends_with(&[record]);
}

/// A preflight that CORS answers outside of the hoop, after it or before it.
fn preflight_outside(order: CallNext) {
    let cors = Cors::new()
        .allow_origin("http://elsewhere")
        .allow_methods(Method::GET);
    let cors = CorsHandler::new(cors, order);
    let server = Observed::with_hoop(|hoop| Service::new(Router::new()).hoop(cors).hoop(hoop));
    let preflight = ask("OPTIONS", "/nowhere").with(PREFLIGHT);
    assert_eq!(preflight.over(Protocol::Http1, &server).status, 204);
    server.ends_with(&[Record {
        method: "OPTIONS",
        ..Record::get("unmatched", 204, 0)
    }]);
}

#[test]
fn preflight_with_cors_outside() {
    preflight_outside(CallNext::Before);
}

#[test]
fn preflight_with_cors_outside_that_answers_first() {
    preflight_outside(CallNext::After);
}
