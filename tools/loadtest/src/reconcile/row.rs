//! One method and endpoint: its requests, and its histograms.

use std::collections::BTreeMap;

use super::{Books, Compared};
use crate::envelope::{Envelope, Range, Tally};
use crate::exposition::{self, Series};
use crate::ledger::Entry;
use crate::report::data::{Figure, HistogramRow, Row as RowResult};
use crate::rows::{ABORTED, HISTOGRAMS, IN_FLIGHT, REQUESTS, Row};

pub(super) fn all(books: &Books<'_>, compared: &mut Compared<'_>) -> Vec<RowResult> {
    let rows = books.rows.iter();
    rows.map(|(index, row)| one(books, row, books.ledger.entry(index), compared))
        .collect()
}

fn one(books: &Books<'_>, row: &Row, entry: &Entry, compared: &mut Compared<'_>) -> RowResult {
    let statuses = entry.statuses.iter();
    let statuses: BTreeMap<String, Tally> = statuses
        .map(|(status, &tally)| (status.to_string(), tally))
        .collect();
    let statuses = by_label(
        books,
        row,
        (REQUESTS, "status_code"),
        &statuses,
        entry.unknown,
        compared,
    );
    let total: f64 = statuses.iter().map(|(_, figure)| figure.server).sum();
    let series = books.names.series(REQUESTS, row, None);
    compared.figure(|| format!("sum of {series}"), total, entry.total.range());

    let known = entry.aborted.iter();
    let known = known
        .map(|(&reason, &tally)| (reason.to_owned(), tally))
        .collect();
    let name = (ABORTED, "reason");
    let aborted = by_label(books, row, name, &known, entry.unknown, compared);
    left(row, &statuses, &aborted, compared);

    let envelopes = [
        &entry.duration_seconds,
        &entry.start_seconds,
        &entry.request_bytes,
        &entry.response_bytes,
    ];
    let with_names = HISTOGRAMS.into_iter().zip(envelopes);
    let exposed = with_names.filter(|(name, _)| has(books, name));
    let histograms: Vec<HistogramRow> = exposed
        .map(|(name, envelope)| histogram(books, row, name, envelope, compared))
        .collect();
    // Each request is in each histogram once; but where there was no head, nothing has started.
    for other in histograms
        .iter()
        .filter(|other| other.name != HISTOGRAMS[1])
    {
        let count = format!("{}_count", other.name);
        let series = books.names.series(&count, row, None);
        let what = || format!("{series} beside its requests");
        compared.figure(what, other.count.server, Range::exactly(total));
    }
    RowResult {
        method: row.method.clone(),
        endpoint: row.endpoint.clone(),
        requests: Figure {
            server: total,
            client: entry.total.range(),
        },
        statuses,
        aborted,
        histograms,
    }
}

/// What is told apart by one more label: all that the client knows of, and all that the server has.
fn by_label(
    books: &Books<'_>,
    row: &Row,
    (name, label): (&str, &str),
    known: &BTreeMap<String, Tally>,
    unknown: u64,
    compared: &mut Compared<'_>,
) -> Vec<(String, Figure)> {
    let of_row = |series: &Series| {
        series.label("method") == row.method && series.label("endpoint") == row.endpoint
    };
    let full = books.names.of(name);
    let there = books.names.named(books.after, &full);
    let there = there.filter(|(series, _)| of_row(series));
    let mut series_of: BTreeMap<String, Series> = there
        .map(|(series, _)| (series.label(label).to_owned(), series.clone()))
        .collect();
    for value in known.keys() {
        let absent = || books.names.series(name, row, Some((label, value)));
        series_of.entry(value.clone()).or_insert_with(absent);
    }
    let figures = series_of.into_iter().map(|(value, series)| {
        let tally = known.get(&value).copied().unwrap_or_default();
        let client = Range {
            least: tally.least as f64,
            most: (tally.most + unknown) as f64,
        };
        let server = compared.series(&series, client);
        (value, Figure { server, client })
    });
    figures.collect()
}

/// A client that left is a 499, and the other way round.
fn left(
    row: &Row,
    statuses: &[(String, Figure)],
    aborted: &[(String, Figure)],
    compared: &mut Compared<'_>,
) {
    let of = |figures: &[(String, Figure)], label: &str| {
        let found = figures.iter().find(|(value, _)| value == label);
        found.map_or(0.0, |(_, figure)| figure.server)
    };
    let (status, reason) = (of(statuses, "499"), of(aborted, "client_disconnect"));
    let Row { method, endpoint } = row;
    let what = || format!("client_disconnect beside the 499s of {method} {endpoint}");
    compared.figure(what, reason, Range::exactly(status));
}

fn histogram(
    books: &Books<'_>,
    row: &Row,
    name: &str,
    envelope: &Envelope,
    compared: &mut Compared<'_>,
) -> HistogramRow {
    let of = |suffix: &str, label: Option<(&str, &str)>| {
        books.names.series(&format!("{name}{suffix}"), row, label)
    };
    let figure = |compared: &mut Compared<'_>, series: &Series, client: Range| Figure {
        server: compared.series(series, client),
        client,
    };
    let count = figure(compared, &of("_count", None), envelope.count().range());
    let sum = figure(compared, &of("_sum", None), envelope.sum());
    let buckets = envelope.buckets().into_iter().map(|(bound, tally)| {
        let series = of("_bucket", Some(("le", exposition::le(bound).as_str())));
        (bound, figure(compared, &series, tally.range()))
    });
    let buckets: Vec<(f64, Figure)> = buckets.collect();
    let what = || format!("{} beside its buckets", of("_sum", None));
    compared.figure(what, sum.server, sum_of(&buckets, count.server));
    HistogramRow {
        name: name.to_owned(),
        count,
        sum,
        buckets,
    }
}

/// What the sum can be, by the server's own buckets: of values that are never negative.
fn sum_of(buckets: &[(f64, Figure)], count: f64) -> Range {
    let (mut sum, mut below, mut so_far) = (Range::exactly(0.0), 0.0, 0.0);
    let finite = buckets
        .iter()
        .map(|(bound, figure)| (*bound, figure.server));
    for (bound, cumulative) in finite.chain([(f64::INFINITY, count)]) {
        let inside: f64 = cumulative - so_far;
        if inside > 0.0 {
            sum.least += below * inside;
            sum.most += bound * inside;
        }
        (below, so_far) = (bound.max(0.0), cumulative);
    }
    sum
}

fn has(books: &Books<'_>, name: &str) -> bool {
    books.after.has_metric(&books.names.of(name))
}

/// Requests that are missing, where as many clients left right behind theirs: that has a cause that can be named.
pub(super) fn dropped(books: &Books<'_>, rows: &[RowResult]) -> Vec<String> {
    let of_row = |((index, _), result): ((usize, &Row), &RowResult)| {
        let left = books.ledger.entry(index).left_waiting;
        let RowResult {
            method, endpoint, ..
        } = result;
        let missing = result.requests.client.least - result.requests.server;
        (missing > 0.0 && missing <= left as f64).then(|| {
            format!(
                "{missing} of the {left} requests of {method} {endpoint} whose client left while they waited were not counted: hyper drops \
                 those whose client closes right behind them, unless tallied's DeferEof is around the connection (DeferEofAcceptor, DeferEofListener)"
            )
        })
    };
    books.rows.iter().zip(rows).filter_map(of_row).collect()
}

/// Histograms of which no bucket was compared. A server that was not started here may have none but `+Inf`.
pub(super) fn without_bounds(books: &Books<'_>, rows: &[RowResult]) -> Vec<String> {
    let of_row = |result: &RowResult| {
        let RowResult {
            method, endpoint, ..
        } = result;
        let row = Row {
            method: method.clone(),
            endpoint: endpoint.clone(),
        };
        let has_bounds = |one: &HistogramRow| {
            let name = format!("{}_bucket", books.names.of(&one.name));
            let mut all = books.names.named(books.after, &name);
            all.any(|(series, _)| Row::of(series) == row && series.label("le") != "+Inf")
        };
        let empty = result
            .histograms
            .iter()
            .filter(|one| one.buckets.is_empty() && (books.strict || has_bounds(one)));
        let say =
            |one: &HistogramRow| format!("{} of {method} {endpoint} has no buckets", one.name);
        empty.map(say).collect::<Vec<_>>()
    };
    rows.iter().flat_map(of_row).collect()
}

/// What is compared, and the server does not have. Aborted requests have a metric once there are some.
pub(super) fn absent(books: &Books<'_>) -> Vec<String> {
    let all = [IN_FLIGHT].into_iter().chain(HISTOGRAMS);
    let absent = all.filter(|name| !has(books, name));
    absent.map(|name| books.names.of(name)).collect()
}
