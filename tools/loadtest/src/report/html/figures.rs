//! The figures of the load: all of it, the generator that made it, and each kind of request.

use maud::{Markup, html};

use super::table::{self, table};
use crate::report::data::{Calibration, Errors, Figures, Generator, Kind, Quantiles, Report};
use crate::report::units;

pub(super) fn key(report: &Report) -> Markup {
    let Report {
        total, generator, ..
    } = report;
    html! {
        section #figures {
            h2 { "Key figures" }
            (of_what(report))
            @if total.due == 0 {
                p { "No request was due after the warm-up." }
            }
            (latencies(report))
            div.columns {
                @if total.due > 0 {
                    div { h3 { "Requests" } (requests(total)) }
                    div { h3 { "Errors" } (errors(total)) }
                    @if !total.statuses.is_empty() { div { h3 { "Answers by status" } (statuses(total)) } }
                }
                div { h3 { "The generator" } (self::generator(generator, report)) }
            }
        }
    }
}

/// Of all that was run, these are one part, or more than one.
fn of_what(report: &Report) -> Markup {
    html! {
        @if report.find_max.is_some() {
            p {
                "Of one step of the search, the one at " (units::rate(report.run.rate)) ": here, by percentile, over time and \
                 by kind."
            }
        } @else if !report.repetitions.is_empty() {
            p { "Of all repetitions together, without those of an older server: here, by percentile, over time and by kind." }
        }
    }
}

fn latencies(report: &Report) -> Markup {
    let null = report.generator.calibration.as_ref();
    let same = null.map_or_else(String::new, |null| {
        format!(
            "the same generator at {}, and a server that does nothing",
            units::rate(null.at_rate)
        )
    });
    let rows = [
        (
            "Intended, due → done",
            "from when a request was due: what a user waits",
            Some(report.total.intended),
        ),
        (
            "Service, sent → done",
            "from its sending to its last byte",
            Some(report.total.service),
        ),
        (
            "Null responder, intended",
            same.as_str(),
            null.map(|null| null.intended),
        ),
        (
            "Null responder, service",
            "what of the service latency is the generator and the kernel",
            null.map(|null| null.service),
        ),
        (
            "Lag",
            "how late the generator handed requests over",
            Some(report.generator.lag),
        ),
    ];
    let measured = |quantiles: &Quantiles| quantiles.count > 0;
    let rows = rows.map(|(name, meaning, quantiles)| (name, meaning, quantiles.filter(measured)));
    let heads = ["Latency", "#requests", "#mean"]
        .into_iter()
        .chain(table::QUANTILES);
    html! {
        @if rows.iter().any(|(_, _, quantiles)| quantiles.is_some()) {
            (table("Latencies", &heads.collect::<Vec<_>>(), &html! {
                tbody {
                    @for (name, meaning, quantiles) in &rows {
                        @if let Some(quantiles) = quantiles {
                            tr {
                                th scope="row" { (name) div.meaning { (meaning) } }
                                td.number { (units::count(quantiles.count)) }
                                td.number { (units::time(quantiles.mean)) }
                                (table::quantiles(quantiles))
                            }
                        }
                    }
                }
            }))
            p.note {
                "Requests of kinds whose clients are slow or leave are not in here, for what they take is their own doing; \
                 one that was given up counts with the time until then."
            }
        }
    }
}

fn requests(total: &Figures) -> Markup {
    html! {
        dl.figures {
            (figure("due", &units::count(total.due)))
            (figure("sent", &units::count(total.sent)))
            (figure("good", &format!("{} ({})", units::count(total.good), units::share(total.good, total.due))))
            (figure("good, a second", &units::rate(total.per_second)))
            (figure("bytes sent, of bodies", &units::bytes(total.request_bytes as f64)))
            (figure("bytes received, of bodies", &units::bytes(total.response_bytes as f64)))
            @if let Some(seconds) = total.server_cpu_seconds {
                (figure("server's processor time, a request", &units::time(seconds)))
            }
        }
    }
}

fn errors(total: &Figures) -> Markup {
    let errors = &total.errors;
    html! {
        dl.figures {
            @for (name, count) in errors.sorts() {
                div { dt { (name) } dd.bad { (counted(count, total.due)) } }
            }
            div.sum { dt { "all" } dd { (counted(errors.all(), total.due)) } }
        }
    }
}

/// Those that no request expected are another colour.
fn statuses(total: &Figures) -> Markup {
    let all: u64 = total.statuses.values().sum();
    html! {
        div.statuses {
            @for (status, count) in &total.statuses {
                @let is_error = total.errors.unexpected_statuses.get(status) == Some(count);
                div.error[is_error] style={ "display:contents" } {
                    span { (status) }
                    i style={ "width:" (format!("{:.2}", *count as f64 / all.max(1) as f64 * 100.0)) "%" } {}
                    span.number { (counted(*count, all)) }
                }
            }
        }
    }
}

fn counted(count: u64, due: u64) -> String {
    match (count, due) {
        (0, _) | (_, 0) => units::count(count),
        _ => format!("{} ({})", units::count(count), units::share(count, due)),
    }
}

fn generator(generator: &Generator, report: &Report) -> Markup {
    let due = report.total.due;
    let late = format!(
        "more than {} late",
        units::round_time(generator.late_seconds)
    );
    html! {
        dl.figures {
            (figure(&late, &counted(generator.late, due)))
            (figure("its busiest thread was busy", &units::percent(generator.busy_ratio)))
            (figure("found all connections taken", &counted(generator.waited_for_connection, due)))
            @if let Some(null) = &generator.calibration {
                (figure("can do, with a null responder", &capacity(null, report.run.rate)))
                @if let Some(rate) = null.loses_rate {
                    (figure("cannot do", &units::rate(rate)))
                }
            } @else {
                (figure("can do", "not measured"))
            }
        }
    }
}

/// The highest rate that it kept, beside the run's.
fn capacity(null: &Calibration, rate: f64) -> String {
    let times = null.keeps_rate / rate;
    let keeps = units::rate(null.keeps_rate);
    match null.keeps_rate > 0.0 {
        true if times.is_finite() => format!(
            "{keeps}, {} × this run's",
            units::number((times * 10.0).round() / 10.0)
        ),
        true => keeps,
        false => "less than was tried".to_owned(),
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! {
        div { dt { (name) } dd { (value) } }
    }
}

pub(super) fn kinds(kinds: &[Kind]) -> Markup {
    let heads = ["Request", "#weight", "#due", "#good", "#errors"].into_iter();
    let heads = heads
        .chain(table::QUANTILES)
        .chain(["#service p99", "#sent", "#received"]);
    let heads: Vec<&str> = heads.collect();
    html! {
        @if !kinds.is_empty() {
            section #kinds {
                h2 { "Kinds of requests" }
                (table("Kinds of requests", &heads, &html! {
                    tbody {
                        @for kind in kinds { (row(kind)) }
                    }
                }))
                p.note {
                    "p50 to max are of the intended latency. "
                    (units::NONE) ": not measured, for the client is slow or leaves on purpose. \
                     Sent and received are the bytes of bodies."
                }
            }
        }
    }
}

fn row(kind: &Kind) -> Markup {
    let figures = &kind.figures;
    let nothing = Quantiles::default();
    let (intended, service) = match kind.timed {
        true => (&figures.intended, &figures.service),
        false => (&nothing, &nothing),
    };
    html! {
        tr {
            th scope="row" { (kind.name) div.under { code { (kind.method) " " (kind.endpoint) } } }
            td.number { (units::count(u64::from(kind.weight))) }
            td.number { (units::count(figures.due)) }
            td.number { (units::count(figures.good)) }
            (errors_of_kind(&figures.errors))
            (table::quantiles(intended))
            (table::p99(service))
            td.number { (units::bytes(figures.request_bytes as f64)) }
            td.number { (units::bytes(figures.response_bytes as f64)) }
        }
    }
}

fn errors_of_kind(errors: &Errors) -> Markup {
    html! {
        td.number.bad[errors.all() > 0] {
            (units::count(errors.all()))
            @for (name, count) in errors.sorts() { div.under { (units::count(count)) " × " (name) } }
        }
    }
}
