//! The services on Salvo.

use std::convert::Infallible;

use salvo::http::uri::Uri;
use salvo::prelude::*;

use crate::shape::{BODY, FRAMES, Shape, drain, ready};

#[handler]
async fn item() -> &'static str {
    BODY
}

#[handler]
async fn export(res: &mut Response) {
    res.stream(async_stream::stream! {
        for frame in FRAMES {
            yield Ok::<_, Infallible>(frame);
        }
    });
}

pub(crate) fn router() -> Router {
    Router::new()
        .push(Router::with_path("items/{id}").get(item))
        .push(Router::with_path("exports/{id}").get(export))
}

/// A hoop that does nothing: what any hoop costs.
pub(crate) struct Next;

#[salvo::async_trait]
impl Handler for Next {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;
    }
}

/// Sends a service so many requests, one after the other.
pub(crate) fn send(service: &Service, shape: Shape, times: u64) {
    let uri = Uri::from_static(shape.path);
    for _ in 0..times {
        let mut request = Request::new();
        *request.uri_mut() = uri.clone();
        let mut response = ready(std::hint::black_box(service).handle(request));
        assert_eq!(drain(response.take_body()), shape.bytes);
    }
}
