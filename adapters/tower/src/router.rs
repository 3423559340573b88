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

    /// A request's body that is counted.
    fn counted(body: CountedRequestBody<B>) -> Self::Body;

    /// … and one that is not.
    fn uncounted(body: B) -> Self::Body;
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

    fn counted(body: CountedRequestBody<B>) -> Self::Body {
        body
    }

    fn uncounted(body: B) -> Self::Body {
        CountedRequestBody::uncounted(body)
    }
}
