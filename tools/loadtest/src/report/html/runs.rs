//! More than one run: the search for the highest rate, the comparison with an older report, and repetitions.

use maud::{Markup, html};

use super::table::{self, table};
use crate::report::data::{Compared, Comparison, FindMax, Repetition, Step};
use crate::report::units;

/// What the plot shows.
pub(super) fn steps(found: &FindMax) -> Markup {
    let heads = ["#Rate", "Result", "#good/s", "#errors", "#late"].into_iter();
    let heads: Vec<&str> = heads
        .chain(table::QUANTILES)
        .chain(["#service p99"])
        .collect();
    html! {
        @if !found.steps.is_empty() {
            (table("Steps of the search", &heads, &html! {
                tbody {
                    @for step in &found.steps { (self::step(step, found.rate == Some(step.rate))) }
                }
            }))
            p.note { "In the order in which they were tried. p50 to max are of the intended latency." }
        }
    }
}

pub(super) fn limit(found: &FindMax) -> Markup {
    html! {
        p {
            @match found.rate {
                Some(rate) => { "The highest rate that met the objectives is " strong { (units::rate(rate)) } ". " }
                None => { strong { "No rate that was tried met the objectives. " } }
            }
            @if !found.limited_by.is_empty() { "What kept it from more: " (found.limited_by) "." }
        }
    }
}

fn step(step: &Step, is_limit: bool) -> Markup {
    html! {
        tr.chosen[is_limit] {
            th.number scope="row" { (units::rate(step.rate)) }
            td { (result(step)) @if is_limit { ", " strong { "the highest" } } }
            td.number { (units::rate(step.achieved)) }
            td.number { (units::count(step.errors)) }
            td.number { (units::count(step.late)) }
            (table::quantiles(&step.intended))
            (table::p99(&step.service))
        }
    }
}

fn result(step: &Step) -> Markup {
    html! {
        @if !step.invalid.is_empty() {
            span.unsure { "◇ invalid" }
            (reasons(&step.invalid))
        } @else if !step.missed.is_empty() {
            span.bad { "✗ missed" }
            (reasons(&step.missed))
        } @else {
            span.good { "✓ met" }
        }
    }
}

fn reasons(reasons: &[String]) -> Markup {
    html! {
        @for reason in reasons { div.under { (reason) } }
    }
}

pub(super) fn comparison(comparison: &Comparison) -> Markup {
    let heads = [
        "Figure",
        "#old",
        "#new",
        "#new / old",
        "95 % interval",
        "#p",
        "Verdict",
    ];
    html! {
        section #comparison {
            h2 { "Against an older report" }
            p {
                "Old is " code { (comparison.old) } ". "
                @if comparison.interleaved {
                    "Both servers were measured in turn, in " (comparison.pairs) " pairs, so that both had the machine's mood."
                } @else {
                    "It was measured at another time, when the machine may have had another mood."
                }
            }
            (table("Against an older report", &heads, &html! {
                tbody {
                    @for figure in &comparison.figures { (compared(figure)) }
                }
            }))
            p.note {
                "Old and new are medians; the ratio is a geometric mean, and its bar lies between 1/1.5 and 1.5. p is the chance \
                 of such a difference without a cause, for all figures together."
            }
        }
    }
}

fn compared(figure: &Compared) -> Markup {
    let shown = |value: f64| match figure.unit.as_str() {
        "seconds" => units::time(value),
        "per second" => units::rate(value),
        _ => units::percent(value),
    };
    html! {
        tr {
            th scope="row" { (figure.name) }
            td.number { (shown(figure.old)) }
            td.number { (shown(figure.new)) }
            td.number { (ratio(figure.ratio)) }
            td { (interval(figure)) }
            td.number { (probability(figure.p_value)) }
            @match figure.verdict.as_str() {
                "better" => td.good { "▲ better" },
                "worse" => td.bad { "▼ worse" },
                other => td.quiet { "≈ " (other) },
            }
        }
    }
}

fn ratio(ratio: f64) -> String {
    match ratio.is_finite() {
        true => format!("{ratio:.3}"),
        false => units::NONE.to_owned(),
    }
}

/// In numbers, and as a bar around 1, which is at the middle and ends at a factor of 1.5.
fn interval(figure: &Compared) -> Markup {
    const FACTOR: f64 = 1.5;
    let at = |ratio: f64| (50.0 + 50.0 * ratio.ln() / FACTOR.ln()).clamp(0.0, 100.0);
    let (low, high) = (at(figure.ratio_low), at(figure.ratio_high));
    let is_known = low.is_finite() && high.is_finite();
    html! {
        div.interval {
            span { (ratio(figure.ratio_low)) " to " (ratio(figure.ratio_high)) }
            @if is_known {
                svg aria-hidden="true" viewBox="0 0 100 12" preserveAspectRatio="none" {
                    line.one x1="50" x2="50" y1="0" y2="12" {}
                    rect.range x=(format!("{low:.1}")) width=(format!("{:.1}", (high - low).max(1.0))) y="4" height="4" {}
                }
            }
        }
    }
}

fn probability(p: f64) -> String {
    match p {
        p if !p.is_finite() => units::NONE.to_owned(),
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}

pub(super) fn repetitions(repetitions: &[Repetition]) -> Markup {
    let heads = ["#Run", "Server", "#due", "#good", "#errors", "#good/s"].into_iter();
    let heads: Vec<&str> = heads
        .chain(table::QUANTILES)
        .chain(["#service p99", "#processor time"])
        .collect();
    html! {
        @if !repetitions.is_empty() {
            section #repetitions {
                h2 { "Repetitions" }
                (table("Repetitions", &heads, &html! {
                    tbody {
                        @for (number, repetition) in (1..).zip(repetitions) { (self::repetition(number, repetition)) }
                    }
                }))
                p.note {
                    "In the order in which they ran. p50 to max are of the intended latency; processor time is the server's, \
                     a request."
                }
            }
        }
    }
}

fn repetition(number: usize, repetition: &Repetition) -> Markup {
    let figures = &repetition.figures;
    html! {
        tr {
            th.number scope="row" { (number) }
            td { (repetition.server) }
            td.number { (units::count(figures.due)) }
            td.number { (units::count(figures.good)) }
            td.number { (units::count(figures.errors.all())) }
            td.number { (units::rate(figures.per_second)) }
            (table::quantiles(&figures.intended))
            (table::p99(&figures.service))
            td.number { (figures.server_cpu_seconds.map_or_else(|| units::NONE.to_owned(), units::time)) }
        }
    }
}
