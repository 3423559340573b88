//! The report of a run: a table on the terminal, and files.

pub(crate) mod assemble;
pub(crate) mod data;
mod files;
mod html;
mod table;

pub(crate) use self::files::{Directory, SERVER};
pub(crate) use self::table::render;
