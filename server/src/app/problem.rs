//! Errors as JSON problems.
//!
//! Source: RFC 9457.

use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

/// What was wrong with a request, and where.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
    /// The field that is wrong, as `values[3]`; absent where it is the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
        }
    }

    pub(super) fn at(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    pub(super) fn write(&self, res: &mut Response) {
        res.status_code(StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST));
        let json = HeaderValue::from_static("application/problem+json");
        res.headers_mut().insert(CONTENT_TYPE, json);
        // Strings and a number: they serialise; and the body is empty, so it can be written to.
        let _ = res.write_body(serde_json::to_vec(self).unwrap_or_default());
    }
}
