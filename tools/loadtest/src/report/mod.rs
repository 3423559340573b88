//! The report of a run: a table on the terminal, and files.

pub(crate) mod assemble;
pub(crate) mod data;
mod files;
mod html;
mod server;
mod table;
pub(crate) mod units;

use std::io::Write;

pub(crate) use self::files::{Directory, SERVER};
pub(crate) use self::table::render;

/// A line on stdout, which somebody may have closed: what was measured is in the report all the same.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
