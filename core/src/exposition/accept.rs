//! How much a request's `Accept` prefers a media type.
//!
//! Source: RFC 9110, sections 12.4.2 and 12.5.1.

use super::list_header::{Element, elements};

/// The quality that an `Accept` header gives a media type, from 0 to 1: that of the most specific range that covers
/// the type. It is 0 for a type that is not acceptable or that no range covers, so also for an empty header. Join several headers with commas.
///
/// To choose between representations, compare the qualities of their types; if they are equal, choose your default.
///
/// `media_type` is written as in `Content-Type`, without `q`. A range covers it unless they have a parameter of the same
/// name with different values; parameters that only one of them has are ignored. If several ranges are equally specific,
/// the highest quality counts. A range with an invalid quality is skipped.
///
/// Costs one pass over the header.
///
/// ```
/// use tallied::exposition::accept_quality;
///
/// let accept = "text/html, application/*;q=0.8";
/// assert_eq!(accept_quality(accept, "text/html"), 1.0);
/// assert_eq!(accept_quality(accept, "application/json"), 0.8);
/// assert_eq!(accept_quality(accept, "image/png"), 0.0);
/// ```
pub fn accept_quality(accept: &str, media_type: &str) -> f32 {
    let Some(offer) = Element::of(media_type) else {
        return 0.0;
    };
    let (mut specificity, mut quality) = (0, 0.0);
    for range in elements(accept) {
        let Some(specific) = covered(&offer, &range) else {
            continue;
        };
        if specific > specificity {
            (specificity, quality) = (specific, range.quality);
        } else if specific == specificity {
            // As with Prometheus's escaping schemes, which name the same version twice.
            quality = range.quality.max(quality);
        }
    }
    quality
}

/// How specific a range is that covers a media type; `None` for one that does not.
pub(super) fn covered(offer: &Element<'_>, range: &Element<'_>) -> Option<usize> {
    if range.name == "*/*" {
        return Some(1);
    }
    if let Some(of) = range.name.strip_suffix("/*") {
        let (kind, _) = offer.name.split_once('/')?;
        return kind.eq_ignore_ascii_case(of).then_some(2);
    }
    if !range.name.eq_ignore_ascii_case(offer.name) {
        return None;
    }
    let mut specific = 3;
    for (name, value) in offer.parameters() {
        match range.parameter(name) {
            Some(wanted) if wanted != value => return None,
            Some(_) => specific += 1,
            None => {}
        }
    }
    Some(specific)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::accept_quality;

    #[test]
    fn the_most_specific_range_counts() {
        for (accept, media_type, quality) in [
            ("", "a/b", 0.0),
            ("*/*;q=0.1", "a/b", 0.1),
            ("a/*;q=0.2, */*", "a/b", 0.2),
            ("*/*, A/B;q=0.3, a/*", "a/b", 0.3),
            ("a/b;q=0.3", "A/b", 0.3),
            ("a/*;q=0.2", "A/b", 0.2),
            ("aa/*", "a/b", 0.0),
            ("a/bb", "a/b", 0.0),
            ("a/b;q=0, */*", "a/b", 0.0),
            ("a/b;q=0.3, a/b;q=0.4, a/b;q=0.2", "a/b", 0.4),
            ("a/b;v=1;q=0.4, a/b;q=0.6", "a/b;v=1", 0.4),
            ("a/b;v=2;q=0.4, a/b;q=0.6", "a/b;v=1", 0.6),
            ("a/b;v=2", "a/b; v=1", 0.0),
            ("a/b;V=\"1\";w=2;q=0.7", "a/b; v=1", 0.7),
            ("a/b;v=2;q=0.7", "a/b", 0.7),
            ("a/b", "", 0.0),
        ] {
            let found = accept_quality(accept, media_type);
            assert_eq!(found, quality, "{accept:?} {media_type:?}");
        }
    }
}
