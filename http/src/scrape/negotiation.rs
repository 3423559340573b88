//! Which format a scraper gets.
//!
//! Source: RFC 9110, section 12.5.1.

use http::HeaderMap;
use tallied::exposition::{openmetrics, text};

use crate::accept::accept_quality;

/// A format of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => text::CONTENT_TYPE,
            Self::OpenMetrics => openmetrics::CONTENT_TYPE,
        }
    }

    /// The format that `?format=` names.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "openmetrics" => Some(Self::OpenMetrics),
            _ => None,
        }
    }

    /// The format that `Accept` prefers. Text where it prefers neither, or accepts none: a scraper
    /// that asks for something else is still better off with text.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let openmetrics = accept_quality(headers, "application/openmetrics-text; version=1.0.0");
        if openmetrics > accept_quality(headers, "text/plain; version=0.0.4") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::ACCEPT;

    use super::Format;

    #[test]
    fn what_scrapers_send() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // A browser.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Format::Text,
            ),
            (
                "application/openmetrics-text;q=0.1, text/plain",
                Format::Text,
            ),
            (
                "application/openmetrics-text; version=1.0.0",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=\"1.0.0\"; charset=utf-8",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/json", Format::Text),
            (
                "Application/OpenMetrics-Text;Q=1, text/plain;q=0.5",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;q=0.8, text/plain;q=0.5, */*;q=0.9",
                Format::OpenMetrics,
            ),
            (
                "*/*;q=0.9, application/openmetrics-text;q=0.5",
                Format::Text,
            ),
            ("text/*;q=0.5, application/*", Format::OpenMetrics),
            (";;,=,q=;", Format::Text),
            // The least specific range does not take back what a more specific one says.
            (
                "application/openmetrics-text;version=1.0.0;q=0.9, */*;q=0, text/plain;q=0.1",
                Format::OpenMetrics,
            ),
            // The same range twice, as escaping schemes make it: the better quality counts.
            (
                "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.2,text/plain;q=0.4",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=NaN", Format::Text),
            (
                "application/openmetrics-text;q=7, text/plain;q=0.1",
                Format::Text,
            ),
            ("application/openmetrics-text;q=-1", Format::Text),
            (
                "application/openmetrics-text;note=\"a,b;q=0\"",
                Format::OpenMetrics,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT, accept.parse().unwrap());
            assert_eq!(Format::accepted(&headers), format, "{accept}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, "text/plain;q=0.5".parse().unwrap());
        headers.append(ACCEPT, "application/openmetrics-text".parse().unwrap());
        assert_eq!(Format::accepted(&headers), Format::OpenMetrics);
    }
}
