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

use crate::envelope::{Range, Tally};
use crate::exposition::Document;
use crate::ledger::Ledger;
use crate::report::data::{Mismatch, Reconciliation};
use crate::rows::{ABORTED, HISTOGRAMS, IN_FLIGHT, Names, OVERFLOW, REQUESTS, Row, Rows};

use self::compare::Compared;

const NONE: Range = Range {
    least: 0.0,
    most: 0.0,
};

/// Two scrapes and what was sent between them.
pub(crate) struct Books<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) names: &'a Names,
    pub(crate) before: &'a Document,
    pub(crate) after: &'a Document,
    pub(crate) ledger: &'a Ledger,
    /// All but the one after.
    pub(crate) scrapes: Tally,
    /// What the server does not have is a mistake of its own.
    pub(crate) strict: bool,
}

pub(crate) fn reconcile(books: &Books<'_>, mut problems: Vec<String>) -> Reconciliation {
    let mut compared = Compared::new(books.before, books.after);
    let rows = row::all(books, &mut compared);
    others(books, &mut compared);
    scrapes(books, &mut compared);
    idle(books, &mut compared);
    let absent = row::absent(books);
    if books.strict {
        problems.extend(absent.iter().map(|name| format!("there is no {name}")));
    }
    problems.extend(row::without_bounds(books, &rows));
    problems.extend(row::dropped(books, &rows));
    let mut mismatches = compared.mismatches;
    // What a request too many or too few does to the histograms comes behind the requests themselves.
    let tells = |mismatch: &Mismatch| !mismatch.series.contains(REQUESTS);
    mismatches.sort_by_key(tells);
    Reconciliation {
        rows,
        compared: compared.count,
        mismatches,
        absent,
        problems,
    }
}

/// What nobody asked for must not have moved: its requests, and so its histograms; and no endpoint is beyond the cap.
fn others(books: &Books<'_>, compared: &mut Compared<'_>) {
    let ours: BTreeSet<&Row> = books.rows.iter().map(|(_, row)| row).collect();
    let of_histograms = HISTOGRAMS
        .into_iter()
        .flat_map(|name| [format!("{name}_count"), format!("{name}_sum")]);
    let names = [REQUESTS, ABORTED]
        .map(str::to_owned)
        .into_iter()
        .chain(of_histograms);
    for name in names {
        for (series, _) in books.names.named(books.after, &books.names.of(&name)) {
            let row = Row::of(series);
            if !ours.contains(&row) {
                compared.series(series, NONE);
            }
        }
    }
    for (series, _) in books.names.named(books.after, &books.names.of(OVERFLOW)) {
        compared.series(series, NONE);
    }
}

/// The server's own count of its scrapes, where it has one.
fn scrapes(books: &Books<'_>, compared: &mut Compared<'_>) {
    let name = books.names.of("tallied_scrapes_total");
    for (series, _) in books.after.named(&name) {
        let scrapes = match series.label("result") {
            "ok" => books.scrapes,
            _ => Tally {
                least: 0,
                most: books.scrapes.most - books.scrapes.least,
            },
        };
        compared.series(series, scrapes.range());
    }
}

/// Nothing is in flight but the scrape that says so.
fn idle(books: &Books<'_>, compared: &mut Compared<'_>) {
    let name = books.names.of(IN_FLIGHT);
    if !books.after.has_metric(&name) {
        return;
    }
    let mut itself = 0.0;
    for (series, value) in books.names.named(books.after, &name) {
        if series.label("method") == "GET" && books.rows.scrapes.is_some() {
            itself += value;
        } else {
            compared.figure(|| series.to_string(), value, NONE);
        }
    }
    // Asked for even where the series is missing.
    let expected = if books.rows.scrapes.is_some() {
        1.0
    } else {
        0.0
    };
    let what = || format!("{name}{{method=\"GET\"}}");
    compared.figure(what, itself, Range::exactly(expected));
}
