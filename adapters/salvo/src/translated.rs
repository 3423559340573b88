//! Salvo's requests and responses as those of the `http` crate, for handlers that know no framework.

use std::sync::Arc;

use salvo_core::FlowCtrl;
use salvo_core::conn::ConnCtrl;
use salvo_core::http::header::VARY;
use salvo_core::http::{Request, Response};
use tallied_http::Connection;

/// A connection of Salvo's.
#[derive(Debug)]
struct Controlled(ConnCtrl);

impl Connection for Controlled {
    fn abort(&self) {
        self.0.abort();
    }

    fn shut_down(&self) {
        self.0.graceful_shutdown();
    }
}

/// The head of a request, and the connection that it came on.
pub(crate) fn translated(
    req: &Request,
    ctrl: &FlowCtrl,
) -> (http::Request<()>, Arc<dyn Connection>) {
    let mut request = http::Request::new(());
    *request.method_mut() = req.method().clone();
    *request.uri_mut() = req.uri().clone();
    *request.version_mut() = req.version();
    *request.headers_mut() = req.headers().clone();
    (request, Arc::new(Controlled(ctrl.conn().clone())))
}

/// Takes on the head of a response, and hands back its body.
pub(crate) fn put_head<B>(response: http::Response<B>, res: &mut Response) -> B {
    let (head, body) = response.into_parts();
    res.status_code(head.status);
    res.extensions.extend(head.extensions);
    for (name, value) in head.headers {
        match name {
            // Beside what other hoops let the answer vary with.
            Some(VARY) => res.headers_mut().append(VARY, value),
            Some(name) => res.headers_mut().insert(name, value).is_some(),
            None => unreachable!("no header is there twice"),
        };
    }
    body
}
