//! Errors as JSON problems.
//!
//! Source: RFC 9457. `type` is left out: it is `about:blank`, the title is that of the status.

use salvo::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use salvo::http::{ResBody, StatusCode};
use salvo::{Request, Response};
use serde::Serialize;

use super::accept::prefers_html;

/// What was wrong with a request, and where.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
    /// The field or parameter that is wrong, as `values[3]`; absent where it is the request or
    /// its body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    pub(super) fn at(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// So many seconds.
    pub(super) fn retry_after(self, seconds: &'static str) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(super) fn write(&self, res: &mut Response) {
        res.status_code(StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST));
        let json = HeaderValue::from_static("application/problem+json");
        res.headers_mut().insert(CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after {
            let seconds = HeaderValue::from_static(seconds);
            res.headers_mut().insert(RETRY_AFTER, seconds);
        }
        // Strings and a number: they serialise.
        let body = serde_json::to_vec(self).unwrap_or_default();
        res.replace_body(ResBody::Once(body.into()));
    }
}

/// Writes an error that no handler has written: no route (404), none for the method (405). A JSON
/// problem, or a small page for who prefers HTML.
pub(super) fn write_missing_body(req: &Request, res: &mut Response) {
    let status = res.status_code.unwrap_or(StatusCode::NOT_FOUND);
    let detail = match status {
        StatusCode::NOT_FOUND => "there is nothing here; GET / lists what there is".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => {
            format!(
                "{} is not answered here; the Allow header lists what is",
                req.method()
            )
        }
        _ => "the request could not be answered".to_owned(),
    };
    res.headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    if prefers_html(req.headers()) {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        res.headers_mut().insert(CONTENT_TYPE, html);
        // A method is a token: there is no markup in it.
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<title>{status}</title>\n<h1>{status}</h1>\n<p>{detail}</p>\n<p><a href=\"/\">Tallied</a></p>\n</html>\n"
        );
        res.replace_body(ResBody::Once(page.into()));
    } else {
        Problem::new(status, detail).write(res);
    }
}
