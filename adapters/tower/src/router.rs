//! How the layer learns of routes, and what becomes of the request's body.

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tallied_http::BoxError;
use tallied_http::adapter::CountedRequestBody;

/// What is inside of a layer: a router that tells its routes, or any service.
///
/// Sealed: it follows the needs of the layer.
pub trait Router<B>: sealed::Sealed {
    /// The request's body as the inner service gets it.
    type Body;

    /// The pattern of the route that took a request, if it is told.
    fn route(request: &Request<B>) -> Option<&str>;

    /// The body to put in the place of the request's.
    fn body(counted: CountedRequestBody<B>) -> Self::Body;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Any service: nobody tells the routes.
#[derive(Debug, Clone, Copy)]
pub enum Plain {}

impl sealed::Sealed for Plain {}

impl<B> Router<B> for Plain
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Body = CountedRequestBody<B>;

    fn route(_: &Request<B>) -> Option<&str> {
        None
    }

    fn body(counted: CountedRequestBody<B>) -> Self::Body {
        counted
    }
}
