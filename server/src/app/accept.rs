//! Whether a client would rather have a page than JSON.
//!
//! Source: RFC 9110, sections 12.4.2 and 12.5.1.

use salvo::http::header::{ACCEPT, HeaderMap};

/// Whether `Accept` prefers HTML to JSON, as browsers do. A client that names neither, or likes
/// both alike, gets JSON.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = || {
        let values = headers.get_all(ACCEPT).into_iter();
        values.filter_map(|value| value.to_str().ok())
    };
    let json = ["json", "problem+json"].map(|subtype| quality(accept(), "application", subtype));
    quality(accept(), "text", "html") > json[0].max(json[1])
}

/// How much a media type is liked, from 0 to 1: what the most specific range that covers it says.
fn quality<'a>(accept: impl Iterator<Item = &'a str>, kind: &str, subtype: &str) -> f32 {
    let mut found = (0, 0.0);
    for range in accept.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let Some((k, s)) = parts.next().and_then(|media| media.split_once('/')) else {
            continue;
        };
        let specific = match (
            k.eq_ignore_ascii_case(kind),
            s.eq_ignore_ascii_case(subtype),
        ) {
            (true, true) => 3,
            (true, false) if s == "*" => 2,
            _ if (k, s) == ("*", "*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        // A weight that is no number is no wish; neither is NaN, which `parse` knows.
        let weight = weight.map_or(1.0, |q| q.parse().unwrap_or(0.0_f32));
        let weight = if weight.is_finite() { weight } else { 0.0 };
        if specific > found.0 {
            found = (specific, weight.clamp(0.0, 1.0));
        }
    }
    found.1
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
