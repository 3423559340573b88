//! Which format a scraper gets.

use http::HeaderMap;
use http::header::ACCEPT;
use tallied::exposition::Format;

use crate::list_header::list;

/// The formats that a prometheus-client registry can be written in beside ours.
const TEXTS: &[Format] = &[Format::Text, Format::OpenMetrics];

/// The format that `?format=` names, or else the one that `Accept` prefers; and the value of
/// `Content-Type`. The error says what to do.
pub(super) fn negotiate(
    named: Option<&str>,
    headers: &HeaderMap,
    protobuf: bool,
) -> Result<(Format, &'static str), &'static str> {
    let accept = list(headers, ACCEPT);
    let format = match named {
        None if protobuf => Format::negotiate(&accept),
        None => Format::negotiate_among(TEXTS, &accept),
        Some("text") => Format::Text,
        Some("openmetrics") => Format::OpenMetrics,
        Some("protobuf") if protobuf => Format::Protobuf,
        Some("protobuf") => {
            return Err(
                "a prometheus-client registry is served here too, which is not written in \
                 protobuf: ask for format=text or format=openmetrics\n",
            );
        }
        Some(_) => {
            return Err(
                "unknown format: ask for format=text, format=openmetrics or format=protobuf\n",
            );
        }
    };
    Ok((format, format.content_type_for(&accept)))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::ACCEPT;
    use tallied::exposition::{Format, openmetrics, protobuf, text};

    use super::negotiate;

    #[test]
    fn a_named_format_is_taken_whatever_accept_says() {
        let mut headers = HeaderMap::new();
        let first = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        headers.append(ACCEPT, first.parse().unwrap());
        let second = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5";
        headers.append(ACCEPT, second.parse().unwrap());
        let escaping = format!("{}; escaping=allow-utf-8", openmetrics::CONTENT_TYPE);
        for (named, offered, format, content_type) in [
            (None, true, Format::Protobuf, protobuf::CONTENT_TYPE),
            (None, false, Format::OpenMetrics, &*escaping),
            (Some("text"), true, Format::Text, text::CONTENT_TYPE),
            (Some("openmetrics"), true, Format::OpenMetrics, &*escaping),
            (
                Some("protobuf"),
                true,
                Format::Protobuf,
                protobuf::CONTENT_TYPE,
            ),
        ] {
            assert_eq!(
                negotiate(named, &headers, offered),
                Ok((format, content_type))
            );
        }
        assert!(negotiate(Some("protobuf"), &headers, false).is_err());
        assert!(negotiate(Some("json"), &headers, true).is_err());
    }
}
