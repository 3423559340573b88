//! Refuses cross-origin requests: otherwise any web page could make servers on its visitor's machine or network panic.
//!
//! Browsers tell with `Sec-Fetch-Site` where they trust the connection (HTTPS and loopback), and else with `Origin`, which a
//! GET without CORS lacks. Other clients send neither.
//!
//! Source: W3C, Fetch Metadata Request Headers; RFC 6454, section 7.

use salvo::Request;
use salvo::http::StatusCode;
use salvo::http::header::{HOST, HeaderName, ORIGIN};

use crate::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) fn check(req: &Request) -> Result<(), Problem> {
    let headers = req.headers();
    let refused = |header: &str| {
        let detail = "a page of another origin asked for this; only pages of this server may";
        Err(Problem::new(StatusCode::FORBIDDEN, detail).at(header))
    };
    match headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes()) {
        // `none` is the visitor: an address that was typed, or a bookmark.
        Some(b"same-origin" | b"none") => return Ok(()),
        Some(_) => return refused("Sec-Fetch-Site"),
        None => {}
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    // Over HTTP/2 the authority stands in the URI.
    let host = match req.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(HOST).and_then(|host| host.to_str().ok()),
    };
    match host {
        Some(host) if authority.eq_ignore_ascii_case(host) => Ok(()),
        _ => refused("Origin"),
    }
}
