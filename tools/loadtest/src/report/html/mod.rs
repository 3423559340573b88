//! The report as a page: for people, and to send around.
//!
//! What it guarantees: one file, which loads nothing, runs no script, and tells the browser to refuse what would. What users name
//! (requests, paths, labels, files) is text, in the page and in its plots.
//! It says what `report.json` says and judges nothing again, but for the marks at single figures of the reconciliation.
//!
//! What it costs: less than 300 kB.
//!
//! Limits: a long run is drawn as [`stretches::MOST`] points, and long lists end with how many more there are.

mod books;
mod figures;
mod overview;
mod page;
mod plots;
mod runs;
mod stretches;
mod table;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::report::data::Report;

/// The page, whole.
pub(crate) fn page(report: &Report) -> String {
    page::whole(report).into_string()
}
