//! The page: its head, the order of its sections, and what is said about each plot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::stretches::{Stretch, Stretches};
use super::table::{self, table};
use super::{books, figures, overview, plots, runs, units};
use crate::report::data::{Percentile, Report};

/// The page needs nothing but itself: a browser that follows this loads nothing else, whatever the page contained.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; \
                      base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

pub(super) fn whole(report: &Report) -> Markup {
    let title = format!(
        "{}: {} {}",
        overview::word(&report.verdict),
        report.run.scenario,
        overview::at(report)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) " (Tallied load test)" }
                style { (PreEscaped(STYLE)) }
                noscript { style { ".plot, .keys, .drawn { display: none }" } }
            }
            body {
                main { (sections(report)) }
                (footer(report))
                // Last, so that the page can be read before its 4.7 MB are.
                (plots::javascript())
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn sections(report: &Report) -> Markup {
    let stretches = Stretches::of(&report.seconds);
    html! {
        h1 { "Load test: " (report.run.scenario) span.at { " " (overview::at(report)) } }
        (overview::banner(report))
        @if let Some(reconciliation) = &report.reconciliation { (books::mismatches(reconciliation)) }
        (overview::tiles(report))
        noscript {
            p.note { "The plots need JavaScript, which is off. The tables have the same figures." }
        }
        (overview::facts(report))
        (overview::objectives(&report.verdict.slos))
        (figures::key(report))
        (by_percentile(report))
        (over_time(report, &stretches))
        (server_against_clients(report))
        (find_max(report))
        (figures::kinds(&report.kinds))
        @if let Some(reconciliation) = &report.reconciliation { (books::section(reconciliation, !report.repetitions.is_empty())) }
        @if let Some(comparison) = &report.comparison { (runs::comparison(comparison)) }
        (runs::repetitions(&report.repetitions))
    }
}

fn by_percentile(report: &Report) -> Markup {
    html! {
        @if let Some(drawing) = plots::latency_by_percentile(report) {
            section #percentiles {
                h2 { "Latency by percentile" }
                p {
                    "How long the requests took, with each further nine as wide as the one before it. Where intended lies above \
                     service, requests waited before they were sent; where both lie at the null responder's, it is the \
                     generator that is measured."
                }
                (plots::plot(&drawing, "Latency by percentile, on logarithmic axes; the table below has its figures"))
                details {
                    summary { "As a table" }
                    (percentiles(report))
                }
            }
        }
    }
}

/// The quantiles of one list need not be those of another.
fn percentiles(report: &Report) -> Markup {
    let null = report.generator.calibration.as_ref();
    let lists = [
        ("Intended", report.intended.as_slice()),
        ("Service", report.service.as_slice()),
        (
            "Null responder",
            null.map_or(&[][..], |null| &null.percentiles),
        ),
    ];
    html! {
        div.columns {
            @for (name, list) in lists {
                @if !list.is_empty() {
                    (table(name, &[&format!("#{name}"), "#at most"], &html! {
                        tbody {
                            @for Percentile { quantile, seconds } in list {
                                tr {
                                    th.number scope="row" { (units::quantile(*quantile)) }
                                    td.number { (units::time(*seconds)) }
                                }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn over_time(report: &Report, stretches: &Stretches) -> Markup {
    let latency = plots::latency_over_time(stretches);
    html! {
        @if let Some(rate) = plots::rate_over_time(stretches) {
            section #time {
                h2 { "Over time" }
                p {
                    "By when requests ended, while requests were due: what came later, or in a last second that was cut off, is in "
                    code { "seconds.csv" } " alone."
                    @if !report.repetitions.is_empty() { " The repetitions lie one after the other." }
                    @if stretches.seconds > 1 {
                        " A point is of " (stretches.seconds) " seconds: latencies and in flight are the worst of them, \
                         rates their mean."
                    }
                }
                @if let Some(latency) = latency {
                    h3.drawn { "Latency" }
                    (plots::plot(&latency, "Latency over time: p50, p95, p99 and maximum"))
                }
                h3.drawn { "Rate" }
                (plots::plot(&rate, "Requests a second over time: ended, good, errors, late, and how many were in flight"))
                details {
                    summary { "As a table" }
                    (seconds(stretches))
                }
            }
        }
    }
}

fn seconds(stretches: &Stretches) -> Markup {
    let heads = [
        "#Until",
        "#ended/s",
        "#good/s",
        "#errors/s",
        "#late/s",
        "#in flight",
    ]
    .into_iter();
    let heads: Vec<&str> = heads
        .chain(table::QUANTILES)
        .chain(["#service p99"])
        .collect();
    table(
        "Over time",
        &heads,
        &html! {
            tbody {
                @for stretch in &stretches.all { (second(stretch)) }
            }
        },
    )
}

fn second(stretch: &Stretch) -> Markup {
    html! {
        tr {
            th.number scope="row" { (units::time(stretch.at)) }
            @for rate in [stretch.ended, stretch.good, stretch.errors, stretch.late] {
                td.number { (units::rate(rate)) }
            }
            td.number { (units::count(stretch.in_flight)) }
            (table::quantiles(&stretch.intended))
            (table::p99(&stretch.service))
        }
    }
}

fn server_against_clients(report: &Report) -> Markup {
    let rows = report
        .reconciliation
        .as_ref()
        .map(|books| books.rows.as_slice());
    let panels = rows.and_then(plots::server_against_clients);
    html! {
        @if let Some(panels) = panels {
            section #buckets {
                h2 { "Server against clients" }
                p {
                    "How many requests the server has at or below each bound of its histograms, and how many it may have by the \
                     clients' books. What a client waited contains the server's time, so that at each bound the server has at \
                     least as many as the clients."
                }
                noscript { p.note { "All buckets are in a table below." } }
                (panels)
            }
        }
    }
}

fn find_max(report: &Report) -> Markup {
    html! {
        @if let Some(found) = &report.find_max {
            section #limit {
                h2 { "The highest rate" }
                (runs::limit(found))
                @if let Some(drawing) = plots::latency_by_rate(found, &report.verdict.slos) {
                    (plots::plot(&drawing, "Latency by rate; the table below has its figures"))
                    p.keys {
                        span { "● objectives met" }
                        span { "✖ missed" }
                        span { "◇ invalid: the generator fell behind" }
                    }
                }
                (runs::steps(found))
            }
        }
    }
}

fn footer(report: &Report) -> Markup {
    html! {
        footer {
            p {
                "Beside this page: " code { "report.json" } " (" (report.schema) "), which has all figures; "
                code { "latencies.hlog" } ", which HdrHistogram's tools read; and " code { "seconds.csv" } "."
            }
            p { "Written by " code { "tallied-loadtest" } " " (report.run.version) ". Plots: plotly.js, MIT licence." }
        }
    }
}
