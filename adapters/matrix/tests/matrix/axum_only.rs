//! What only axum has: routers inside of routers, services as routes, fallbacks, extractors, layers of one's own.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tallied::Registry;
use tallied_matrix::behaviours::streams;
use tallied_matrix::kept::{Kept, keep, recorded_while_kept};
use tallied_matrix::{Ask, Protocol, Record, Step, ask, get as get_path, route, stream};
use tallied_tower::{HttpMetrics, Instrument};

use crate::answers::Sent::{Is, Nothing, Whatever};
use crate::answers::{Expected, answered};
use crate::axum::{router, start};
use crate::ends;
use crate::subject::{Difference, Subject};

/// Why these are no cases of the others.
pub(crate) const BECAUSE: &str = "## axum only\n\nRouters inside of routers, services as routes, fallbacks, extractors that reject, and layers inside and outside of ours.";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a_length_that_is_set_outside",
        on: &[Subject::Axum],
        because: "Over HTTP/1 it is 499: the connection drops the body where that length ends, and the layer does not \
                  know of it. Put the layer outermost. Salvo's observer sees the final head, and records 200.",
    },
    Difference {
        case: "a_layer_outside_that_drops_the_future",
        on: &[Subject::Axum],
        because: "It is 499: a future that is dropped looks as if the client had left. Put the layer outermost.",
    },
];

/// Makes a case of each row.
macro_rules! rows {
    ($($case:ident: $asked:expr => $endpoint:literal, $status:literal, $sent:expr;)*) => {
        over! { axum [http1, http2] $(
            $case: |_, protocol| check(protocol, $asked, ($endpoint, $status, $sent));
        )*}
    };
}

rows! {
    a_nested_router: get_path("/api/users/7") => "/api/users/{id}", 200, Is("7");
    a_merged_router: get_path("/merged/7") => "/merged/{id}", 200, Is("7");
    no_route_in_a_nested_router: get_path("/api/nowhere") => "unmatched", 404, Is("fallback");
    the_method_of_a_nested_router: ask("DELETE", "/api/users/7") => "/api/users/{id}", 405, Nothing;
    a_service_as_a_route: get_path("/service/7") => "/service/{id}", 200, Is("service");
    a_nested_service: get_path("/nested/users/7") => "/nested/users/{id}", 200, Is("7");
    no_route_in_a_nested_service: get_path("/nested/nowhere") => "unmatched", 404, Nothing;
    a_nested_service_without_a_layer: get_path("/opaque/users/7") => "unmatched", 200, Is("7");
    a_fallback: get_path("/nowhere") => "unmatched", 404, Is("fallback");

    a_path_that_is_rejected: get_path("/numbers/seven") => "/numbers/{id}", 400, Whatever;
    a_body_that_is_rejected: ask("POST", "/json").with(JSON).body(r#"{"no":"list"}"#) => "/json", 422, Whatever;
    a_body_of_another_type: ask("POST", "/json").body("[1]") => "/json", 415, Whatever;
    a_body_that_is_taken: ask("POST", "/json").with(JSON).body("[1,2]") => "/json", 200, Is("2");
    a_body_within_the_limit: ask("POST", "/limited").body("1234567890") => "/limited", 200, Is("10");
    a_body_that_is_too_large: ask("POST", "/limited").body("12345678901") => "/limited", 413, Whatever;

    a_layer_inside_that_answers: get_path("/guarded") => "/guarded", 401, Nothing;
}

const JSON: &str = "content-type: application/json\r\n";

fn app(metrics: HttpMetrics) -> Router {
    let number = async |Path(id): Path<u32>| id.to_string();
    let users = || Router::new().route("/users/{id}", get(number));
    let service = tower::service_fn(async |_: Request| {
        Ok::<_, std::convert::Infallible>("service".into_response())
    });
    let refuses = async |_: Request, _: Next| StatusCode::UNAUTHORIZED;
    let guarded = Router::new()
        .route("/guarded", get("guarded"))
        .layer(from_fn(refuses));
    let limited = post(async |body: String| body.len().to_string());
    Router::new()
        .nest("/api", users())
        .merge(Router::new().route("/merged/{id}", get(number)))
        .route_service("/service/{id}", service)
        // Another router, which axum does not look into.
        .nest_service("/nested", users().layer(metrics.axum_layer()))
        .nest_service("/opaque", users())
        .route("/numbers/{id}", get(number))
        .route(
            "/json",
            post(async |Json(list): Json<Vec<u32>>| list.len().to_string()),
        )
        .route("/limited", limited.layer(DefaultBodyLimit::max(10)))
        .merge(guarded)
        .fallback(async || (StatusCode::NOT_FOUND, "fallback"))
        .layer(metrics.axum_layer())
}

fn check(protocol: Protocol, asked: Ask, expected: Expected) {
    answered(start(app), protocol, asked, expected);
}

over! { axum [http1, http2]
    a_layer_outside_that_answers,
    a_layer_outside_that_drops_the_future,
    a_length_that_is_set_outside,
    a_body_that_is_collected_outside,
    two_metrics,
}

over! { axum [http2] a_stream_whose_body_is_still_there }

/// The layer never sees that request.
fn a_layer_outside_that_answers(_: Subject, protocol: Protocol) {
    let refuses = async |request: Request, next: Next| match request.uri().path() {
        "/guarded" => StatusCode::FORBIDDEN.into_response(),
        _ => next.run(request).await,
    };
    let server = start(move |metrics| app(metrics).layer(from_fn(refuses)));
    assert_eq!(get_path("/guarded").over(protocol, &server).status, 403);
    assert_eq!(get_path("/merged/7").over(protocol, &server).text(), "7");
    let record = [Record::get("/merged/{id}", 200, 1)];
    server.holds(&record);
    server.ends_with(&record);
}

fn a_layer_outside_that_drops_the_future(_: Subject, protocol: Protocol) {
    let gives_up = async |request: Request, next: Next| {
        let answer = tokio::time::timeout(Duration::from_millis(1), next.run(request)).await;
        answer.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
    };
    let server = start(move |metrics| {
        let forever = Router::new().route("/forever", get(std::future::pending::<()>));
        forever.layer(metrics.axum_layer()).layer(from_fn(gives_up))
    });
    assert_eq!(get_path("/forever").over(protocol, &server).status, 503);
    let left = Record::get("/forever", 499, 0).aborted("client_disconnect");
    server.holds(&[left.without_head()]);
    server.ends_with(&[left.without_head()]);
}

fn a_length_that_is_set_outside(_: Subject, protocol: Protocol) {
    let sets = async |mut response: Response| {
        response.headers_mut().insert("content-length", 5.into());
        response
    };
    let server = start(move |metrics| streaming(metrics).layer(map_response(sets)));
    assert_eq!(get_path("/").over(protocol, &server).text(), "hello");
    let record = [match protocol {
        Protocol::Http1 => Record::get("/", 499, 5).aborted("client_disconnect"),
        Protocol::Http2 => Record::get("/", 200, 5),
    }];
    server.comes_to_hold(&record);
    server.ends_with(&record);
}

fn a_body_that_is_collected_outside(_: Subject, protocol: Protocol) {
    let collects = async |response: Response| {
        let (head, body) = response.into_parts();
        let all = to_bytes(body, usize::MAX).await.unwrap();
        Response::from_parts(head, Body::from(all))
    };
    let server = start(move |metrics| streaming(metrics).layer(map_response(collects)));
    ends::answered(protocol, server, 5);
}

/// `/` is a stream.
fn streaming(metrics: HttpMetrics) -> Router {
    let routes = vec![route("GET", "/", streams(ends::pieces()))];
    router(routes).layer(metrics.axum_layer())
}

/// Each counts.
fn two_metrics(_: Subject, protocol: Protocol) {
    let other = Registry::default();
    let second = HttpMetrics::register(&other).unwrap();
    let server = start(move |first| {
        let inner = Router::new().route("/r", get("hello"));
        let inner = inner.layer(second.axum_layer()).layer(first.axum_layer());
        inner.layer(second.axum_layer())
    });
    answered(server, protocol, get_path("/r"), ("/r", 200, Is("hello")));
    let series = r#"http_requests_total{method="GET",endpoint="/r",status_code="200"} 1"#;
    let text = other.text();
    assert!(text.lines().any(|line| line == series), "{text}");
}

fn a_stream_whose_body_is_still_there(_: Subject, _: Protocol) {
    let (release, until) = keep();
    let keeps = move |response: Response| {
        let kept = response.map(|body| Body::new(Kept::new(body, &until)));
        std::future::ready(kept)
    };
    let server = start(move |metrics| {
        let routes = vec![route("GET", "/", streams(stream([Step::Send("hello")])))];
        router(routes)
            .layer(metrics.axum_layer())
            .layer(map_response(keeps))
    });
    recorded_while_kept(server, release);
}
