//! The hoop that completes answers with what does not depend on their routes.
//!
//! - An error that no handler wrote a body for gets one. Salvo's catcher would do it, but not for HEAD, whose answer has
//!   the headers of GET's (RFC 9110, section 9.3.2).
//! - Where the body of an answer to HEAD is known, so is its `Content-Length`.
//! - No browser takes an answer for something else than its `Content-Type` says, and a page may do nothing but what its
//!   policy allows: where it brings none, show itself.

use salvo::http::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Method, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};

use super::problem;

/// For a page without scripts, whose style is in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) struct CompleteAnswer;

#[salvo::async_trait]
impl Handler for CompleteAnswer {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        ctrl.call_next(req, depot, res).await;

        let status = res.status_code.unwrap_or(StatusCode::OK);
        let failed = status.is_client_error() || status.is_server_error();
        if failed && (res.body.is_none() || res.body.is_error()) {
            problem::write_missing_body(req, res);
        }
        let may_have_body = status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED;
        let length = res.body.size();
        let length = length.filter(|_| may_have_body && !res.body.is_none());
        let headers = res.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"text/html")) {
            let policy = HeaderValue::from_static(POLICY);
            headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
        }
        if let Some(length) = length.filter(|_| *req.method() == Method::HEAD) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
    }
}
