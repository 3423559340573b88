//! What a scrape asks for.

use salvo::http::Request;

use super::coding::Coding;
use super::negotiation::Format;
use super::selection::{MAX_NAMES, Selection};

/// Scrapes that ask for the same can share a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    pub(super) format: Format,
    pub(super) coding: Coding,
    pub(super) selection: Selection,
}

impl Ask {
    /// Reads it off a request; the error says what to do.
    pub(super) fn of(req: &Request) -> Result<Self, String> {
        let queries = req.queries();
        let format = match queries.get("format") {
            None => Format::accepted(req.headers()),
            Some(name) => Format::named(name)
                .ok_or("unknown format: ask for format=text or format=openmetrics\n")?,
        };
        let names = queries.get_vec("name[]").map(Vec::as_slice);
        let selection = Selection::of(names).ok_or_else(|| {
            let count = names.map_or(0, <[String]>::len);
            format!(
                "too many name[] parameters: {count} (limit {MAX_NAMES}); split them over several \
                 scrapes, or ask for everything\n"
            )
        })?;
        Ok(Self {
            format,
            coding: Coding::accepted(req.headers()),
            selection,
        })
    }
}
