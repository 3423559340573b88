//! The services on axum.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use axum::routing::get;
use tower_service::Service;

use crate::shape::{BODY, FRAMES, Shape, drain, ready};

async fn item() -> &'static str {
    BODY
}

async fn export() -> Body {
    Body::from_stream(async_stream::stream! {
        for frame in FRAMES {
            yield Ok::<_, Infallible>(frame);
        }
    })
}

pub(crate) fn router() -> Router {
    Router::new()
        .route("/items/{id}", get(item))
        .route("/exports/{id}", get(export))
}

/// Sends a service so many requests, one after the other, as a connection does: to a clone of its own, which is always ready.
pub(crate) fn send(service: &Router, shape: Shape, times: u64) {
    let uri = Uri::from_static(shape.path);
    let mut service = service.clone();
    for _ in 0..times {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        let Ok(response) = ready(std::hint::black_box(&mut service).call(request));
        assert_eq!(drain(response.into_body()), shape.bytes);
    }
}
