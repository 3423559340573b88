//! What only axum has: its matched paths, its body, its handlers.

use std::convert::Infallible;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::handler::Handler;
use bytes::Bytes;
use http::{Request, Response};
use tallied_http::BoxError;
use tallied_http::adapter::CountedRequestBody;
use tower_service::Service;

use crate::router::{Router, sealed};

/// axum's routers, whose routes are in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub enum Axum {}

impl sealed::Sealed for Axum {}

impl<B> Router<B> for Axum
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Body = Body;

    fn route(request: &Request<B>) -> Option<&str> {
        let matched = request.extensions().get::<MatchedPath>();
        matched.map(MatchedPath::as_str)
    }

    fn counted(body: CountedRequestBody<B>) -> Body {
        Body::new(body)
    }

    fn uncounted(body: B) -> Body {
        Body::new(body)
    }
}

/// Makes a service that never fails an axum handler, so that `get(scrape)` works.
macro_rules! handler {
    ($service:ty) => {
        /// An axum handler: GET and HEAD are answered, and any other method with 405.
        impl<S: Send + Sync + 'static> Handler<Infallible, S> for $service {
            type Future = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

            fn call(mut self, request: Request<Body>, _: S) -> Self::Future {
                let answer = Service::call(&mut self, request);
                Box::pin(async move {
                    let Ok(response) = answer.await;
                    response.map(Body::new)
                })
            }
        }
    };
}

handler!(crate::Scrape);
#[cfg(feature = "live")]
handler!(crate::Live);
