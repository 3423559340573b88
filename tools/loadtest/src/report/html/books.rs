//! The reconciliation: the server's metrics beside the clients' books.

use maud::{Markup, html};

use super::table::{Limited, table};
use crate::envelope::Range;
use crate::report::data::{Figure, HistogramRow, Mismatch, Reconciliation, Row};
use crate::report::units;

/// Of mismatches and problems: who has more has one cause.
const MOST_MISMATCHES: usize = 50;

pub(super) fn histogram_agrees(histogram: &HistogramRow) -> bool {
    let mut buckets = histogram.buckets.iter().map(|(_, figure)| figure);
    histogram.count.agrees() && histogram.sum.agrees() && buckets.all(Figure::agrees)
}

pub(super) fn is_of_seconds(histogram: &HistogramRow) -> bool {
    histogram.name.ends_with("_seconds")
}

/// `request duration` of `http_request_duration_seconds`.
pub(super) fn name_of(histogram: &HistogramRow) -> String {
    let name = histogram.name.trim_start_matches("http_");
    let name = name.trim_end_matches("_seconds").trim_end_matches("_bytes");
    name.replace('_', " ")
}

fn value_of(histogram: &HistogramRow, value: f64) -> String {
    match is_of_seconds(histogram) {
        true => units::time(value),
        false => units::bytes(value),
    }
}

/// What differs, which goes to the top of the page.
pub(super) fn mismatches(books: &Reconciliation) -> Markup {
    let mismatches = Limited::new(&books.mismatches, MOST_MISMATCHES);
    let problems = Limited::new(&books.problems, MOST_MISMATCHES);
    html! {
        @if !(books.mismatches.is_empty() && books.problems.is_empty()) {
            section.alarm #differences {
                h2 { "Where server and clients differ" }
                @if !mismatches.shown.is_empty() {
                    (table("Where server and clients differ", &["Series", "#server", "#clients", "#off by"], &html! {
                        tbody {
                            @for mismatch in mismatches.shown { (self::mismatch(mismatch)) }
                        }
                    }))
                    (mismatches.rest("that differ"))
                }
                @if !problems.shown.is_empty() {
                    h3 { "Wrong with scrapes" }
                    ul {
                        @for problem in problems.shown { li { (problem) } }
                    }
                    (problems.rest("problems"))
                }
            }
        }
    }
}

fn mismatch(mismatch: &Mismatch) -> Markup {
    html! {
        tr {
            th scope="row" { code { (mismatch.series) } }
            td.number { (units::number(mismatch.server)) }
            td.number { (range(&mismatch.client, units::number)) }
            td.number.bad { (off_by(mismatch)) }
        }
    }
}

fn off_by(mismatch: &Mismatch) -> String {
    let Range { least, most } = mismatch.client;
    let nearest = if mismatch.server > most { most } else { least };
    let difference = mismatch.server - nearest;
    let sign = if difference > 0.0 { "+" } else { "" };
    // What is left of the digits after a subtraction is noise.
    let rounded = (difference * 1e6).round() / 1e6;
    let shown = if rounded == 0.0 { difference } else { rounded };
    format!("{sign}{}", units::number(shown))
}

pub(super) fn range(range: &Range, shown: impl Fn(f64) -> String) -> String {
    let Range { least, most } = *range;
    match (most == f64::INFINITY, least) {
        (true, _) => format!("at least {}", shown(least)),
        _ if most == least => shown(most),
        (_, 0.0) => format!("at most {}", shown(most)),
        _ => format!("{} to {}", shown(least), shown(most)),
    }
}

pub(super) fn section(books: &Reconciliation, is_repeated: bool) -> Markup {
    html! {
        section #reconciliation {
            h2 { "Server against clients, in numbers" }
            p {
                "By how much the server's metrics grew between a scrape before the load and one after it, and what the \
                 clients have in their books for the same time, warm-up included: "
                strong { (units::count(books.compared as u64)) } " figures were compared, and "
                @match books.mismatches.len() {
                    0 => { "all agree." }
                    differ => { strong { (units::count(differ as u64)) } " differ: they are at the top of the page." }
                }
            }
            @if is_repeated {
                p { "Each repetition was compared; the tables are of the first." }
            }
            @if !books.absent.is_empty() {
                p {
                    "Not compared, for the server does not have them: "
                    @for (index, name) in books.absent.iter().enumerate() {
                        @if index > 0 { ", " }
                        code { (name) }
                    }
                    "."
                }
            }
            @if !books.rows.is_empty() {
                h3 { "Requests" }
                (requests(&books.rows))
            }
            @if books.rows.iter().any(|row| !row.histograms.is_empty()) {
                h3 { "Histograms" }
                (histograms(&books.rows))
            }
        }
    }
}

fn requests(rows: &[Row]) -> Markup {
    table(
        "Requests, server against clients",
        &[
            "Method and endpoint",
            "Counted",
            "#server",
            "#clients",
            "Agree",
        ],
        &html! {
            @for row in rows {
                tbody {
                    (request("requests", &row.requests, Some(row)))
                    @for (status, figure) in &row.statuses {
                        (request(&format!("status {status}"), figure, None))
                    }
                    @for (reason, figure) in &row.aborted {
                        (request(&format!("aborted, {reason}"), figure, None))
                    }
                }
            }
        },
    )
}

/// The first line of a row names it.
fn request(what: &str, figure: &Figure, first_of: Option<&Row>) -> Markup {
    html! {
        tr.sub[first_of.is_none()] {
            th scope="row" { @if let Some(row) = first_of { (named(row)) } }
            td { (what) }
            td.number { (units::number(figure.server)) }
            td.number { (range(&figure.client, units::number)) }
            (agreement(figure.agrees()))
        }
    }
}

pub(super) fn named(row: &Row) -> Markup {
    html! { code { (row.method) " " (row.endpoint) } }
}

fn agreement(agrees: bool) -> Markup {
    html! {
        @if agrees {
            td.good { "✓" span.unseen { " yes" } }
        } @else {
            td.bad { "≠ no" }
        }
    }
}

fn histograms(rows: &[Row]) -> Markup {
    let heads = [
        "Method and endpoint",
        "Histogram",
        "#count, server",
        "#clients",
        "#sum, server",
        "#clients",
        "Agree",
    ];
    html! {
        (table("Histograms, server against clients", &heads, &html! {
            @for row in rows {
                tbody {
                    @for (index, histogram) in row.histograms.iter().enumerate() {
                        tr.sub[index > 0] {
                            th scope="row" { @if index == 0 { (named(row)) } }
                            td { (name_of(histogram)) }
                            td.number { (units::number(histogram.count.server)) }
                            td.number { (range(&histogram.count.client, units::number)) }
                            td.number { (value_of(histogram, histogram.sum.server)) }
                            td.number { (range(&histogram.sum.client, |value| value_of(histogram, value))) }
                            (agreement(histogram_agrees(histogram)))
                        }
                    }
                }
            }
        }))
        p.note {
            "A time is a range, for the client does not know when the server looked at its clock: from the delay that was \
             asked for to what the client waited. Agree covers the buckets, too."
        }
    }
}

pub(super) fn bound_of(histogram: &HistogramRow, bound: f64) -> String {
    match is_of_seconds(histogram) {
        true => units::round_time(bound),
        false => units::bytes(bound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_says_by_how_much() {
        let of = |server: f64, least: f64, most: f64| {
            off_by(&Mismatch {
                series: String::new(),
                server,
                client: Range { least, most },
            })
        };
        assert_eq!(of(9.0, 10.0, 12.0), "-1");
        assert_eq!(of(1_300.0, 10.0, 12.0), "+1,288");
        assert_eq!(of(9.1, 10.2, f64::INFINITY), "-1.1");
        assert_eq!(of(1e-9, 0.0, 0.0), "+0.000000001");
    }

    #[test]
    fn a_range_is_as_short_as_it_can_be() {
        let shown = |least, most| range(&Range { least, most }, units::number);
        assert_eq!(shown(5.0, 5.0), "5");
        assert_eq!(shown(5.0, 6.0), "5 to 6");
        assert_eq!(shown(0.0, 6.0), "at most 6");
        assert_eq!(shown(5.0, f64::INFINITY), "at least 5");
    }
}
