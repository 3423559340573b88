//! What a scrape asks for.

use http::{HeaderMap, Uri};
use tallied::exposition::Format;

use super::coding::Coding;
use super::negotiation::negotiate;
use super::selection::{MAX_NAMES, Selection};

/// Scrapes that ask for the same can share a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ScrapeRequest {
    pub(super) format: Format,
    pub(super) content_type: &'static str,
    /// OpenMetrics with samples `_created`.
    pub(super) created: bool,
    pub(super) coding: Coding,
    pub(super) selection: Selection,
}

impl ScrapeRequest {
    /// Reads it off a request; the error says what to do. `protobuf` is whether that is offered.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap, protobuf: bool) -> Result<Self, String> {
        let query = uri.query().unwrap_or_default();
        let (mut format, mut created, mut names) = (None, None, Vec::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "format" if format.is_none() => format = Some(value),
                "created" if created.is_none() => created = Some(value),
                "name[]" => names.push(value.into_owned()),
                _ => {}
            }
        }
        let (format, content_type) = negotiate(format.as_deref(), headers, protobuf)?;
        let created = match created.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err("unknown value: ask for created=true or created=false\n".to_owned());
            }
        };
        let count = names.len();
        let names = (!names.is_empty()).then_some(names);
        let selection = Selection::of(names).ok_or_else(|| {
            format!(
                "too many name[] parameters: {count} (limit {MAX_NAMES}); split them over several \
                 scrapes, or ask for everything\n"
            )
        })?;
        Ok(Self {
            format,
            content_type,
            // Elsewhere it makes no difference.
            created: created && format == Format::OpenMetrics,
            coding: Coding::accepted(headers),
            selection,
        })
    }
}
