//! A prometheus-client registry, whose metrics run code of the application's own.
//!
//! That crate reads a registry as a whole. So what is not selected is read and dropped, and where
//! one metric panics or fails, all of its registry is left out: there is no going on after it. An
//! encoding that nobody waits for ends at the next piece that it writes.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;
use tallied::exposition::Format;

use super::family_check::{self, Names};
use super::scrape_request::ScrapeRequest;

/// Why a registry is not in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Panicked,
    Failed,
    /// Nobody waits for the document any more.
    Unwanted,
}

/// Appends what is selected of a registry and can be in a document with these names; nothing of it
/// where it fails. Returns how many families were left out.
pub(super) fn encode(
    into: &mut String,
    registry: &Registry,
    request: &ScrapeRequest,
    names: &mut Names,
    wanted: &dyn Fn() -> bool,
) -> Result<u64, Failure> {
    // Unwind safe: what is written is dropped; whether the application's metrics are in order after
    // one of them panicked is up to them.
    let written = catch_unwind(AssertUnwindSafe(|| {
        let mut text = String::new();
        let mut writer = WhileWanted {
            into: &mut text,
            wanted,
        };
        if request.format == Format::Text {
            prometheus_text::encode(&mut writer, registry)?;
        } else {
            encode_registry(&mut writer, registry)?;
        }
        Ok(text)
    }));
    match written {
        Ok(Ok(text)) => Ok(family_check::append(
            into,
            &text,
            request.format,
            names,
            |kind, family| request.selection.selects(|name| kind.writes(family, name)),
        )),
        Ok(Err(fmt::Error)) if !wanted() => Err(Failure::Unwanted),
        Ok(Err(fmt::Error)) => Err(Failure::Failed),
        Err(_) => Err(Failure::Panicked),
    }
}

/// A writer that fails when nobody wants what is written. It gets pieces of some 4 KiB.
struct WhileWanted<'a> {
    into: &'a mut String,
    wanted: &'a dyn Fn() -> bool,
}

impl Write for WhileWanted<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if !(self.wanted)() {
            return Err(fmt::Error);
        }
        self.into.push_str(piece);
        Ok(())
    }
}
