//! The status of a gRPC call, which is no status of HTTP: a call that failed is answered with 200, and says so in `grpc-status`, in
//! its trailers or, where there is no message, in its head.
//!
//! Source: "gRPC over HTTP2" (grpc/grpc, `doc/PROTOCOL-HTTP2.md`) and `doc/statuscodes.md`.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The names of the codes, by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The label of a call that ended without a status: cancelled, cut off, or broken.
pub(crate) const NO_STATUS: &str = "none";

/// A status, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(u8);

const UNKNOWN: Code = Code(2);
/// The status of a method that the service does not have.
const UNIMPLEMENTED: Code = Code(12);

impl Code {
    pub(crate) fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

/// Whether a message is gRPC, by its content type: `application/grpc`, `application/grpc+proto`, and so on; gRPC-Web is not.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], |value| value.as_bytes());
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// What a head or trailers say; a number that is no code is `UNKNOWN`, as clients take it.
pub(crate) fn status(headers: &HeaderMap) -> Option<Code> {
    let status = headers.get("grpc-status")?.to_str().ok();
    let number = status.and_then(|status| status.parse::<u8>().ok());
    let known = number.filter(|number| usize::from(*number) < NAMES.len());
    Some(known.map_or(UNKNOWN, Code))
}

/// Whether a head says that the service has no such method.
pub(crate) fn is_unimplemented(headers: &HeaderMap) -> bool {
    status(headers) == Some(UNIMPLEMENTED)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::CONTENT_TYPE;

    use super::{Code, is_grpc, status};

    #[test]
    fn statuses_have_their_names() {
        for (sent, name) in [
            ("0", "OK"),
            ("16", "UNAUTHENTICATED"),
            ("17", "UNKNOWN"),
            ("x", "UNKNOWN"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", sent.parse().unwrap());
            assert_eq!(status(&headers).map(Code::name), Some(name), "{sent}");
        }
        assert_eq!(status(&HeaderMap::new()), None);
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (sent, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, sent.parse().unwrap());
            assert_eq!(is_grpc(&headers), grpc, "{sent}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
