//! The formats, and which of them a scraper gets.
//!
//! Source: "Scrape protocol content negotiation" of the Prometheus documentation,
//! <https://prometheus.io/docs/instrumenting/content_negotiation/>; RFC 9110, section 12.5.1.

use super::accept::{accept_quality, covered};
use super::list_header::{Element, elements};
use super::{openmetrics, protobuf, text};
use crate::registry::Registry;

/// A format of the exposition.
///
/// ```
/// use tallied::Registry;
/// use tallied::exposition::Format;
///
/// let registry = Registry::default();
/// let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2";
/// let format = Format::negotiate(accept);
/// assert_eq!(format, Format::OpenMetrics);
/// let content_type = format.content_type_for(accept);
/// assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0;"));
/// assert_eq!(format.encode_registry(&registry), b"# EOF\n");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// [Prometheus text](text), version 0.0.4.
    Text,
    /// [OpenMetrics text](openmetrics), version 1.0.0.
    OpenMetrics,
    /// [Prometheus protobuf](protobuf).
    Protobuf,
}

impl Format {
    /// All formats, the default first.
    pub const ALL: &[Self] = &[Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// The format that an `Accept` header prefers. Text if it prefers none or accepts none: a scraper that asks
    /// for something else is still better off with text. Protobuf only if the header names it: `*/*` asks for
    /// something to be read. Join several headers with commas.
    pub fn negotiate(accept: &str) -> Self {
        Self::negotiate_among(Self::ALL, accept)
    }

    /// As [`negotiate`](Self::negotiate), among some formats only. The first is the default, and of two that the
    /// header likes equally the earlier one is taken.
    pub fn negotiate_among(offered: &[Self], accept: &str) -> Self {
        let mut best = (offered.first().copied().unwrap_or(Self::Text), 0.0);
        for format in offered {
            let quality = accept_quality(accept, format.media_type());
            if quality > best.1 && (*format != Self::Protobuf || names_protobuf(accept)) {
                best = (*format, quality);
            }
        }
        best.0
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => text::CONTENT_TYPE,
            Self::OpenMetrics => openmetrics::CONTENT_TYPE,
            Self::Protobuf => protobuf::CONTENT_TYPE,
        }
    }

    /// The value of `Content-Type` for a scraper that sent this `Accept` header.
    ///
    /// If it named an escaping scheme of metric names for OpenMetrics, as Prometheus 3 does, the answer has to. All
    /// names here are made of letters, digits, `_` and `:`, so they are the same under `allow-utf-8` and
    /// `underscores`: it is `allow-utf-8` if the scraper takes that, and `underscores` if not.
    pub fn content_type_for(self, accept: &str) -> &'static str {
        let mut content_type = self.content_type();
        if self != Self::OpenMetrics {
            return content_type;
        }
        let Some(offer) = Element::of(self.media_type()) else {
            return content_type;
        };
        for range in elements(accept) {
            if range.quality == 0.0 || covered(&offer, &range).is_none() {
                continue;
            }
            match range.parameter("escaping").as_deref() {
                Some("allow-utf-8") => return ALLOW_UTF_8,
                Some(_) => content_type = UNDERSCORES,
                None => {}
            }
        }
        content_type
    }

    /// What a registry holds, each series as it is read.
    ///
    /// # Panics
    /// As [`Registry::snapshot`].
    pub fn encode_registry(self, registry: &Registry) -> Vec<u8> {
        match self {
            Self::Text => registry.text().into(),
            Self::OpenMetrics => registry.openmetrics().into(),
            Self::Protobuf => registry.protobuf(),
        }
    }

    /// What `Accept` names it by.
    fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0",
            Self::Protobuf => protobuf::CONTENT_TYPE,
        }
    }
}

fn names_protobuf(accept: &str) -> bool {
    elements(accept).any(|range| {
        let name = "application/vnd.google.protobuf";
        range.name.eq_ignore_ascii_case(name)
    })
}

const ALLOW_UTF_8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const UNDERSCORES: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ALLOW_UTF_8, Format, UNDERSCORES};
    use crate::exposition::openmetrics;

    /// Prometheus 3 with `scrape_native_histograms: true`.
    const PROTOBUF_FIRST: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

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
            (PROTOBUF_FIRST, Format::Protobuf),
            // Prometheus 2.42 with `--enable-feature=native-histograms`.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            // Other messages, and other encodings of the same.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text,*/*;q=0.1",
                Format::Text,
            ),
            (
                "application/vnd.google.protobuf;proto=another.Message;encoding=delimited",
                Format::Text,
            ),
            ("application/vnd.google.protobuf;q=0", Format::Text),
        ] {
            assert_eq!(Format::negotiate(accept), format, "{accept}");
        }
    }

    #[test]
    fn only_what_is_offered() {
        let texts = &Format::ALL[..2];
        let negotiated = Format::negotiate_among(texts, PROTOBUF_FIRST);
        assert_eq!(negotiated, Format::OpenMetrics);
        let negotiated = Format::negotiate_among(&[Format::Protobuf], "text/plain");
        assert_eq!(negotiated, Format::Protobuf);
        assert_eq!(Format::negotiate_among(&[], PROTOBUF_FIRST), Format::Text);
    }

    #[test]
    fn openmetrics_answers_the_escaping_scheme() {
        for (accept, content_type) in [
            ("", openmetrics::CONTENT_TYPE),
            (PROTOBUF_FIRST, ALLOW_UTF_8),
            (
                "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8",
                openmetrics::CONTENT_TYPE,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=underscores",
                UNDERSCORES,
            ),
            // Under this one our names would be others.
            (
                "application/openmetrics-text;version=1.0.0;escaping=dots",
                UNDERSCORES,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=\"bad\r\nvalue\"",
                UNDERSCORES,
            ),
            (
                "application/openmetrics-text;version=0.0.1;escaping=allow-utf-8,application/openmetrics-text;version=1.0.0",
                openmetrics::CONTENT_TYPE,
            ),
        ] {
            assert_eq!(
                Format::OpenMetrics.content_type_for(accept),
                content_type,
                "{accept}"
            );
            for other in [Format::Text, Format::Protobuf] {
                assert_eq!(other.content_type_for(accept), other.content_type());
            }
        }
    }
}
