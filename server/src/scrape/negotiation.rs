//! Which format a scraper gets.
//!
//! Source: RFC 9110, sections 12.4.2 and 12.5.1.

use tallied::exposition::{openmetrics, text};

/// A format of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => text::CONTENT_TYPE,
            Self::OpenMetrics => openmetrics::CONTENT_TYPE,
        }
    }

    /// The format that `?format=` names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "openmetrics" => Some(Self::OpenMetrics),
            _ => None,
        }
    }

    /// The format that an `Accept` header prefers. Text where it prefers neither, or accepts
    /// none: a scraper that asks for something else is still better off with text.
    pub(crate) fn accepted<'a>(headers: impl Iterator<Item = &'a str>) -> Self {
        // The most specific range that covers a format decides: (how specific, quality).
        let (mut text, mut openmetrics) = ((0, 0.0), (0, 0.0));
        for range in headers.flat_map(|header| header.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let mut quality = 1.0_f32;
            let mut version = None;
            for parameter in parts {
                match parameter.split_once('=') {
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                        quality = value.trim().parse().unwrap_or(0.0);
                    }
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("version") => {
                        version = Some(value.trim().trim_matches('"'));
                    }
                    _ => {}
                }
            }
            let covers = |format: &mut (u8, f32), specific: u8| {
                if specific >= format.0 {
                    *format = (specific, quality);
                }
            };
            match (media.as_str(), version) {
                ("text/plain", Some("0.0.4")) => covers(&mut text, 4),
                ("text/plain", None) => covers(&mut text, 3),
                ("text/*", _) => covers(&mut text, 2),
                ("application/openmetrics-text", Some("1.0.0")) => covers(&mut openmetrics, 4),
                ("application/openmetrics-text", None) => covers(&mut openmetrics, 3),
                ("application/*", _) => covers(&mut openmetrics, 2),
                ("*/*", _) => {
                    covers(&mut text, 1);
                    covers(&mut openmetrics, 1);
                }
                _ => {}
            }
        }
        let (text, openmetrics) = (text.1, openmetrics.1);
        if openmetrics > text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(Format::accepted([accept].into_iter()), format, "{accept}");
        }
    }
}
