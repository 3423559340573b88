//! Whether a client would rather have a page than JSON.
//!
//! Source: RFC 9110, sections 12.4.2 and 12.5.1.

use salvo::http::header::HeaderMap;
use tallied_http::accept_quality;

/// Whether `Accept` prefers HTML to JSON, as browsers do. A client that names neither, or likes
/// both alike, gets JSON.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let quality = |media_type| accept_quality(headers, media_type);
    let json = quality("application/json").max(quality("application/problem+json"));
    quality("text/html") > json
}

#[cfg(test)]
mod tests {
    use salvo::http::header::{ACCEPT, HeaderMap};

    use super::prefers_html;

    #[test]
    fn who_gets_a_page() {
        for (accept, html) in [
            // curl, and what says nothing.
            ("*/*", false),
            ("", false),
            // Firefox and Chromium.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("text/html", true),
            ("TEXT/HTML", true),
            ("text/*", true),
            ("text/html, application/json", false),
            ("text/html;q=0.5, application/json;q=0.4", true),
            ("text/html;q=0.4, application/json;q=0.5", false),
            ("text/html; q=0.9, application/problem+json", false),
            ("text/html;level=1;q=0.3, */*;q=0.2", true),
            ("*/*, text/html;q=0", false),
            ("*/*;q=0.1, text/html", true),
            ("application/*;q=0, */*", true),
            ("text/html;q=nan", false),
            ("text/html;q=inf", false),
            ("text/html;q=lots", false),
            ("text/html;q=2", false),
            ("text/html;q=0.12345", false),
            // A weight that is none leaves its range out, and the others as they are.
            ("text/html, application/json;q=2", true),
            ("text/html;q=7, */*;q=0.1", false),
            // A comma and a semicolon inside of quotes.
            ("text/html;x=\"a,application/json;q=0.9\"", true),
            ("text/plain;x=\"a, text/html\"", false),
            ("text/html;x=\"\\\",application/json\"", true),
            ("text/html;x=\"a;q=0\"", true),
            ("text/plain", false),
            ("html", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_html(&headers), html, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
        // Several header lines are one list.
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, "application/json;q=0.5".parse().unwrap());
        headers.append(ACCEPT, "text/html".parse().unwrap());
        assert!(prefers_html(&headers));
    }
}
