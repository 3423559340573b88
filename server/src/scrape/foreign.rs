//! A prometheus-client registry, whose metrics run code of the application's own.
//!
//! That crate reads a registry as a whole. So what is not selected is read and dropped, and where
//! one metric panics or fails, all of its registry is left out: there is no going on after it. In
//! OpenMetrics an encoding that nobody waits for ends at the next thing it writes; in text 0.0.4,
//! which is made of protobuf families, only when all are there.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use prometheus_client::registry::Registry;
use tallied::{Kind, exposition::families};

use super::ask::Ask;
use super::negotiation::Format;
use super::selection::Selection;

/// Why a registry is not in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Panicked,
    Failed,
    /// Nobody waits for the document any more.
    Unwanted,
}

/// How many pieces of text are written before it is asked again whether anybody wants them: some
/// microseconds.
const PIECES: u32 = 256;

/// Appends what is selected of a registry; nothing of it where it fails.
pub(super) fn encode(
    into: &mut String,
    registry: &Registry,
    ask: &Ask,
    wanted: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let begin = into.len();
    // Unwind safe: what is written is taken back; whether the application's metrics are in order
    // after one of them panicked is up to them.
    let written = catch_unwind(AssertUnwindSafe(|| match ask.format {
        Format::Text => families::encode_selected(into, registry, |kind, family| {
            ask.selection.selects(|name| kind.writes(family, name))
        }),
        Format::OpenMetrics => encode_openmetrics(into, registry, &ask.selection, wanted),
    }));
    let failure = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(fmt::Error)) if !wanted() => Failure::Unwanted,
        Ok(Err(fmt::Error)) => Failure::Failed,
        Err(_) => Failure::Panicked,
    };
    into.truncate(begin);
    Err(failure)
}

fn encode_openmetrics(
    into: &mut String,
    registry: &Registry,
    selection: &Selection,
    wanted: &dyn Fn() -> bool,
) -> fmt::Result {
    let mut everything = String::new();
    let mut writer = WhileWanted {
        into: if selection.is_everything() {
            &mut *into
        } else {
            &mut everything
        },
        wanted,
        pieces: 0,
    };
    prometheus_client::encoding::text::encode_registry(&mut writer, registry)?;
    for family in families_of(&everything) {
        let (kind, name) = metadata(family);
        if selection.selects(|selected| kind.writes(&name, selected)) {
            into.push_str(family);
        }
    }
    Ok(())
}

/// A document's families: each begins with its help.
fn families_of(mut document: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if document.is_empty() {
            return None;
        }
        let end = document
            .find("\n# HELP ")
            .map_or(document.len(), |at| at + 1);
        let (family, rest) = document.split_at(end);
        document = rest;
        Some(family)
    })
}

/// Kind and name of a family, as they decide what names its samples have.
fn metadata(family: &str) -> (Kind, String) {
    let mut declared = family
        .lines()
        .find_map(|line| line.strip_prefix("# TYPE "))
        .unwrap_or_default()
        .split(' ');
    let name = declared.next().unwrap_or_default();
    match declared.next() {
        Some("counter") => (Kind::Counter, name.to_owned()),
        Some("histogram") => (Kind::Histogram, name.to_owned()),
        // In text 0.0.4 it is a gauge of this name: so it is selected in both formats alike.
        Some("info") => (Kind::Gauge, format!("{name}_info")),
        _ => (Kind::Gauge, name.to_owned()),
    }
}

/// A writer that fails when nobody wants what is written.
struct WhileWanted<'a> {
    into: &'a mut String,
    wanted: &'a dyn Fn() -> bool,
    pieces: u32,
}

impl Write for WhileWanted<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.pieces = (self.pieces + 1) % PIECES;
        if self.pieces == 0 && !(self.wanted)() {
            return Err(fmt::Error);
        }
        self.into.push_str(piece);
        Ok(())
    }
}
