//! What a scrape asks for.

use http::{HeaderMap, Uri};

use super::coding::Coding;
use super::negotiation::Format;
use super::selection::{MAX_NAMES, Selection};

/// Scrapes that ask for the same can share a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ScrapeRequest {
    pub(super) format: Format,
    pub(super) coding: Coding,
    pub(super) selection: Selection,
}

impl ScrapeRequest {
    /// Reads it off a request; the error says what to do.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, String> {
        let query = uri.query().unwrap_or_default();
        let (mut format, mut names) = (None, Vec::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "format" if format.is_none() => format = Some(value),
                "name[]" => names.push(value.into_owned()),
                _ => {}
            }
        }
        let format = match format {
            None => Format::accepted(headers),
            Some(name) => Format::named(&name)
                .ok_or("unknown format: ask for format=text or format=openmetrics\n")?,
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
            coding: Coding::accepted(headers),
            selection,
        })
    }
}
