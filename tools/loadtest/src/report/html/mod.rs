//! The report as a page: for people, and to send around.
//!
//! What it guarantees: one file, which loads nothing, and tells the browser to refuse what would. What users name (requests,
//! paths, labels, files) is text, in the page and in the data of its plots. Without JavaScript, tables say what the plots show.
//! It says what `report.json` says and judges nothing again, but for the marks at single figures of the reconciliation.
//!
//! What it costs: 4.7 MB, of which all but some hundred kB are plotly's own JavaScript, once.
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
mod units;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::report::data::Report;

/// The page, whole.
pub(crate) fn page(report: &Report) -> String {
    page::whole(report).into_string()
}
