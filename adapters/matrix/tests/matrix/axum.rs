//! axum.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http_body_util::BodyExt;
use tallied_matrix::{Behaviour, Content, Route, Served};
use tallied_tower::{DeferEofListener, HttpMetrics, Instrument};

pub(crate) fn serve(routes: Vec<Route>) -> Served {
    start(|metrics| router(routes).layer(metrics.axum_layer()))
}

pub(crate) fn serve_nested(routes: Vec<Route>) -> Served {
    start(|metrics| {
        let inner = router(routes).layer(metrics.axum_layer());
        let outer = Router::new().merge(inner);
        outer
            .layer(metrics.axum_layer())
            .layer(metrics.axum_layer())
    })
}

/// Serves an application that is made of the metrics.
pub(crate) fn start(app: impl FnOnce(HttpMetrics) -> Router + Send + 'static) -> Served {
    Served::start(str::to_owned, |metrics, listener, stop| {
        let serving = axum::serve(DeferEofListener::new(listener), app(metrics));
        let serving = serving.with_graceful_shutdown(async {
            let _ = stop.await;
        });
        async { serving.await.unwrap() }
    })
}

pub(crate) fn router(routes: Vec<Route>) -> Router {
    routes.into_iter().fold(Router::new(), |all, route| {
        all.route(route.pattern, handler(route))
    })
}

fn handler(route: Route) -> MethodRouter {
    let behaves = async move |request: Request| response(&route.behaviour, request).await;
    match route.method {
        None => any(behaves),
        Some("GET") => on(MethodFilter::GET, behaves),
        Some("HEAD") => on(MethodFilter::HEAD, behaves),
        Some("POST") => on(MethodFilter::POST, behaves),
        Some(method) => panic!("{method} is to be translated"),
    }
}

/// What a behaviour answers.
pub(crate) async fn response(behaviour: &Behaviour, request: Request) -> Response {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    behaviour(request).await.map(|content| match content {
        Content::Nothing => Body::empty(),
        Content::Whole(bytes) => Body::from(bytes),
        Content::Stream(stream) => Body::new(stream.start()),
    })
}
