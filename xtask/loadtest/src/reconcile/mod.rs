//! The server's metrics against the client's books.
//!
//! For each method and endpoint, what the server has counted between two scrapes must lie in the range that the client
//! knows: requests by status, aborted ones by reason, and of each histogram the count, the sum and every bucket. What
//! the client did not ask for must not have moved. Where a client knows all of a request, the range is one number.
//!
//! A duration's range is from the delay that was asked for to what the client waited from its sending to its last byte. That
//! contains the server's own time, for the server records before it hands over the last byte: so no tolerance is
//! needed for the end of a body.

mod compare;
mod row;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::envelope::Range;
use crate::exposition::Document;
use crate::ledger::Ledger;
use crate::rows::{ABORTED, IN_FLIGHT, Names, REQUESTS, Row, Rows};

use self::compare::Compared;
pub(crate) use self::row::{Figure, HistogramResult, RowResult};

/// Something that the server has counted and the client did not, or the other way round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mismatch {
    /// The series, as one would ask for it.
    pub(crate) series: String,
    pub(crate) server: f64,
    pub(crate) client: Range,
}

#[derive(Debug, Clone)]
pub(crate) struct Reconciliation {
    pub(crate) rows: Vec<RowResult>,
    /// How many figures were compared.
    pub(crate) compared: usize,
    pub(crate) mismatches: Vec<Mismatch>,
    /// Metrics that the server does not have, and so could not be compared.
    pub(crate) absent: Vec<String>,
    /// What was wrong with single scrapes.
    pub(crate) problems: Vec<String>,
}

impl Reconciliation {
    pub(crate) fn holds(&self) -> bool {
        self.mismatches.is_empty() && self.problems.is_empty()
    }
}

/// Two scrapes and what was sent between them.
pub(crate) struct Books<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) names: &'a Names,
    pub(crate) before: &'a Document,
    pub(crate) after: &'a Document,
    pub(crate) ledger: &'a Ledger,
    /// All but the one after.
    pub(crate) scrapes: u64,
}

pub(crate) fn reconcile(books: &Books<'_>, problems: &[String]) -> Reconciliation {
    let mut compared = Compared::new(books.before, books.after);
    let rows = row::all(books, &mut compared);
    others(books, &mut compared);
    scrapes(books, &mut compared);
    idle(books, &mut compared);
    let absent = row::absent(books);
    let mut mismatches = compared.mismatches;
    // What a request too many or too few does to the histograms comes behind the requests themselves.
    let tells = |mismatch: &Mismatch| !mismatch.series.contains(REQUESTS);
    mismatches.sort_by_key(tells);
    Reconciliation {
        rows,
        compared: compared.count,
        mismatches,
        absent,
        problems: problems.to_vec(),
    }
}

/// What nobody asked for must not have moved: its requests, and so its histograms.
fn others(books: &Books<'_>, compared: &mut Compared<'_>) {
    let ours: BTreeSet<&Row> = books.rows.iter().map(|(_, row)| row).collect();
    let names = [
        books.names.requests(),
        books.names.of(ABORTED),
        books.names.of("http_request_duration_seconds_count"),
    ];
    for name in &names {
        for (series, _) in books.after.named(name) {
            let row = Row {
                method: series.label("method").to_owned(),
                endpoint: series.label("endpoint").to_owned(),
            };
            if !ours.contains(&row) {
                compared.series(series, Range::exactly(0.0));
            }
        }
    }
}

/// The server's own count of its scrapes, where it has one.
fn scrapes(books: &Books<'_>, compared: &mut Compared<'_>) {
    let name = books.names.of("tallied_scrapes_total");
    for (series, _) in books.after.named(&name) {
        let scrapes = match series.label("result") {
            "ok" => books.scrapes as f64,
            _ => 0.0,
        };
        compared.series(series, Range::exactly(scrapes));
    }
}

/// Nothing is in flight but the scrape that says so.
fn idle(books: &Books<'_>, compared: &mut Compared<'_>) {
    for (series, value) in books.after.named(&books.names.of(IN_FLIGHT)) {
        let itself = series.label("method") == "GET" && books.rows.scrapes.is_some();
        let expected = if itself { 1.0 } else { 0.0 };
        compared.figure(|| series.to_string(), value, Range::exactly(expected));
    }
}
