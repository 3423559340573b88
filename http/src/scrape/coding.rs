//! Whether a scraper gets its document compressed.
//!
//! Source: RFC 9110, section 12.5.3.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use tallied::exposition::list_header::elements;

use crate::list_header::list;

/// How the bytes of a document are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// Gzip where it is asked for, by its name or by `*`, unless the document as it is is liked
    /// better. Who accepts neither gets the document as it is.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let (mut gzip, mut identity, mut any) = (None, None, None);
        for element in elements(&list(headers, ACCEPT_ENCODING)) {
            let known = match &*element.name.to_ascii_lowercase() {
                // Section 8.4.1.3: the older name is to be taken for the same.
                "gzip" | "x-gzip" => &mut gzip,
                "identity" => &mut identity,
                "*" => &mut any,
                _ => continue,
            };
            *known = Some(element.quality.max(known.unwrap_or(0.0)));
        }
        // Only by its name is identity asked for; unnamed, it is what is left to fall back on.
        let gzip = gzip.or(any).unwrap_or(0.0);
        if gzip > 0.0 && gzip >= identity.unwrap_or(0.0) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::ACCEPT_ENCODING;

    use super::Coding::{self, Gzip, Identity};

    #[test]
    fn what_scrapers_send() {
        for (accept, coding) in [
            // Prometheus, of any version.
            (&["gzip"][..], Gzip),
            // A browser; curl --compressed.
            (&["gzip, deflate, br, zstd"], Gzip),
            (&["deflate, gzip;q=1.0, *;q=0.5"], Gzip),
            (&[], Identity),
            (&[""], Identity),
            (&["identity"], Identity),
            (&["br"], Identity),
            (&["*"], Gzip),
            (&["GZip"], Gzip),
            (&["x-gzip"], Gzip),
            (&["br", "gzip"], Gzip),
            (&["gzip;q=0"], Identity),
            (&["gzip;q=0, *"], Identity),
            (&["gzip;q=0.000, *;q=1"], Identity),
            (&["*;q=0"], Identity),
            (&["*;q=0, gzip"], Gzip),
            (&["identity;q=0"], Identity),
            (&["identity;q=0, *"], Gzip),
            (&["gzip;q=0.5, identity;q=0.8"], Identity),
            (&["gzip;q=0.5, identity;q=0.5"], Gzip),
            (&["gzip;q=2"], Identity),
            (&["gzip;q=NaN"], Identity),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(Coding::accepted(&headers), coding, "{accept:?}");
        }
    }
}
