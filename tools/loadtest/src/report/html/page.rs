//! The page: its head, the order of its sections, and what is said about each plot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::plots::Chart;
use super::stretches::Stretches;
use super::table::table;
use super::{books, figures, overview, plots, runs};
use crate::report::data::{Report, Server};

/// The page needs nothing but itself: a browser that follows this loads and runs nothing, whatever the page contained.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");

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
            }
            body {
                main { (sections(report)) }
                (footer(report))
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
        (overview::facts(report))
        (overview::objectives(&report.verdict.slos))
        (figures::key(report))
        (by_percentile(report))
        (over_time(report, &stretches))
        (server(report))
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
        @if let Some(chart) = plots::latency_by_percentile(report) {
            section #percentiles {
                h2 { "Latency by percentile" }
                p {
                    "How long the requests took, with each further nine as wide as the one before it. Where intended lies above \
                     service, requests waited before they were sent; where both lie at the null responder's, it is the \
                     generator that is measured."
                }
                (chart.draw())
                @if let Some(chart) = plots::latency_histogram(report) {
                    h3 { "How many took how long" }
                    (chart.draw())
                }
            }
        }
    }
}

/// One that is flat is folded away.
fn plot(title: &str, chart: &Chart) -> Markup {
    html! {
        @if chart.is_flat() {
            details {
                summary { (title) ", which hardly changed" }
                (chart.draw())
            }
        } @else {
            h3 { (title) }
            (chart.draw())
        }
    }
}

fn over_time(report: &Report, stretches: &Stretches) -> Markup {
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
                @if let Some(latency) = plots::latency_over_time(stretches) { (plot("Latency", &latency)) }
                (plot("Rate", &rate))
            }
        }
    }
}

fn server(report: &Report) -> Markup {
    html! {
        @if let Some(server) = &report.server {
            section #server {
                h2 { "The server itself" }
                p {
                    "What it exposes of itself in the scrapes"
                    @if !report.repetitions.is_empty() { " of the first run" }
                    ": before the load, at the end, when it was idle again, and at most; of a longer run, five minutes after the warm-up, too."
                }
                (server_table(server))
                @if let Some(chart) = plots::server_memory(server) { (plot("Memory", &chart)) }
                @if let Some(chart) = plots::server_processors(server) { (plot("Processors in use", &chart)) }
            }
        }
    }
}

fn server_table(server: &Server) -> Markup {
    let of = crate::report::server::table(server);
    let heads = of.heads.iter().map(|head| format!("#{head}"));
    let heads: Vec<String> = std::iter::once("Figure".to_owned()).chain(heads).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    table(
        "The server itself",
        &heads,
        &html! {
            tbody {
                @for (name, cells) in &of.rows {
                    tr {
                        th scope="row" { (name) }
                        @for cell in cells { td.number { (cell) } }
                    }
                }
            }
        },
    )
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
                @if let Some(chart) = plots::latency_by_rate(found, &report.verdict.slos) {
                    (chart.draw())
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
            p { "Written by " code { "tallied-loadtest" } " " (report.run.version) "." }
        }
    }
}
