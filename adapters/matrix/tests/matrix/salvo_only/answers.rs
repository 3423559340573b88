//! Requests that are answered to their last byte: by Salvo's hoops and catchers, and on routes as only Salvo has them.

use std::time::Duration;

use salvo::cors::{CallNext, Cors, CorsHandler};
use salvo::http::Method;
use salvo::prelude::*;
use tallied_matrix::behaviours::{echo_length, forever, hello, panics};
use tallied_matrix::{Conversation, Leaving, Protocol, Record, ask, get};
use tallied_salvo::Instrument as _;

use crate::answers::Sent::{Is, Nothing, Whatever};
use crate::answers::answered;
use crate::salvo::{Behaves, serve_service, start};
use crate::subject::Subject;

/// Makes a case of each row.
macro_rules! rows {
    ($($case:ident: $asked:expr => $endpoint:literal, $status:literal, $sent:expr;)*) => {
        over! { salvo [http1, http2] $(
            $case: |on, protocol| {
                let server = serve_service(on, service());
                answered(server, protocol, $asked, ($endpoint, $status, $sent));
            };
        )*}
    };
}

rows! {
    nested_routers: get("/users/7/posts") => "/users/{id}/posts", 200, Is("hello");
    a_parameter_of_a_kind: get("/numbers/7") => "/numbers/{id}", 200, Is("hello");
    a_parameter_of_another_kind: get("/numbers/seven") => "unmatched", 404, Whatever;

    preflight: ask("OPTIONS", "/hello").with(PREFLIGHT) => "unmatched", 204, Nothing;
    preflight_of_nothing: ask("OPTIONS", "/nowhere").with(PREFLIGHT) => "unmatched", 204, Nothing;
    options_but_no_preflight: ask("OPTIONS", "/hello") => "unmatched", 405, Whatever;
    get_across_origins: get("/hello").with("Origin: http://elsewhere\r\n") => "/hello", 200, Is("hello");

    an_upload_that_is_too_large: ask("POST", "/limited").body("12345678901") => "/limited", 413, Whatever;
    an_upload_within_the_limit: ask("POST", "/limited").body("1234567890") => "/limited", 200, Is("10");

    a_timeout: get("/timeout") => "/timeout", 503, Whatever;
    a_caught_panic: get("/panics") => "/panics", 500, Whatever;
    events: get("/events") => "/events", 200, Is("data: one\n\ndata: two\n\n");
}

const PREFLIGHT: &str = "Origin: http://elsewhere\r\nAccess-Control-Request-Method: GET\r\n";

fn service() -> Service {
    let posts = Router::with_path("posts").get(Behaves(hello()));
    let users = Router::with_path("users").push(Router::with_path("{id}").push(posts));
    let limited = Router::with_path("limited").hoop(max_size(10));
    let timeout = Router::with_path("timeout").hoop(Timeout::new(Duration::from_millis(1)));
    let caught = Router::with_path("panics").hoop(CatchPanic::new());
    let router = Router::new()
        .push(Router::with_path("hello").get(Behaves(hello())))
        .push(users)
        .push(Router::with_path("numbers/{id:num}").get(Behaves(hello())))
        .push(limited.post(Behaves(echo_length())))
        .push(timeout.get(Behaves(forever())))
        .push(caught.get(Behaves(panics())))
        .push(Router::with_path("events").get(tells_events));
    Service::new(router).hoop(cors().into_handler())
}

fn cors() -> Cors {
    let cors = Cors::new().allow_origin("http://elsewhere");
    cors.allow_methods(Method::GET)
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

over! { salvo_observed [http1]
    preflight_with_cors_outside: |_, protocol| preflight_outside(protocol, CallNext::Before);
    preflight_with_cors_outside_that_answers_first:
        |_, protocol| preflight_outside(protocol, CallNext::After);
}

/// A preflight that CORS answers outside of the hoop, after it or before it.
fn preflight_outside(protocol: Protocol, order: CallNext) {
    let cors = CorsHandler::new(cors(), order);
    let service = |hoop| Service::new(Router::new()).hoop(cors).hoop(hoop);
    let server = start(|metrics| service(metrics.hoop()));
    let preflight = ask("OPTIONS", "/nowhere").with(PREFLIGHT);
    answered(server, protocol, preflight, ("unmatched", 204, Nothing));
}

over! { salvo [leaving] between_events }

fn between_events(on: Subject, leaving: Leaving) {
    #[handler]
    async fn tells_one(res: &mut Response) {
        let events = async_stream::stream! {
            yield Ok::<_, std::io::Error>(SseEvent::default().text("one"));
            std::future::pending::<()>().await;
        };
        SseKeepAlive::new(Box::pin(events)).stream(res);
    }
    let server = serve_service(on, Service::new(Router::new().get(tells_one)));
    let mut conversation = Conversation::get(leaving.protocol(), server.address, "/", "");
    assert_eq!(conversation.status(), Some(200));
    assert_eq!(conversation.piece().unwrap(), b"data: one\n\n");
    let _connection = conversation.leave(leaving);
    let record = [Record::get("/", 499, 11).aborted("client_disconnect")];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}
