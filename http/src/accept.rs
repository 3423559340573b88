//! How much a request's `Accept` prefers a media type.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::list_header::list;

/// The quality that a request's `Accept` gives a media type, from 0 to 1: see
/// [`tallied::exposition::accept_quality`].
///
/// ```
/// use http::HeaderMap;
/// use http::header::{ACCEPT, HeaderValue};
/// use tallied_http::accept_quality;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(ACCEPT, HeaderValue::from_static("text/html, application/*;q=0.8"));
/// assert_eq!(accept_quality(&headers, "text/html"), 1.0);
/// assert_eq!(accept_quality(&headers, "application/json"), 0.8);
/// assert_eq!(accept_quality(&headers, "image/png"), 0.0);
/// ```
pub fn accept_quality(headers: &HeaderMap, media_type: &str) -> f32 {
    tallied::exposition::accept_quality(&list(headers, ACCEPT), media_type)
}
