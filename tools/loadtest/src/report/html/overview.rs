//! The top of the page: the verdict, the figures one looks for first, what was run, and the objectives.

use std::time::{Duration, UNIX_EPOCH};

use maud::{Markup, html};

use super::table::table;
use crate::report::data::{Report, Slo, Verdict};
use crate::report::units;

/// What came of it, as a word and a sign: nothing depends on a colour alone.
struct Outcome {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
}

impl Outcome {
    /// By the exit status, which says what weighs most.
    fn of(verdict: &Verdict) -> Self {
        let (class, sign, word) = match verdict.exit_code {
            0 => ("held", "✓", "Held"),
            3 => ("missed", "✗", "Objective missed"),
            4 => ("invalid", "!", "Invalid"),
            5 => ("failed", "≠", "Reconciliation failed"),
            130 => ("invalid", "■", "Interrupted"),
            _ => ("failed", "✗", "Failed"),
        };
        Self { class, sign, word }
    }
}

/// The words of the verdict, for the page's title.
pub(super) fn word(verdict: &Verdict) -> &'static str {
    Outcome::of(verdict).word
}

/// At which rate.
pub(super) fn at(report: &Report) -> String {
    let rate = units::rate(report.run.rate);
    match report.find_max.as_ref().map(|found| found.rate.is_some()) {
        Some(true) => format!("up to {rate}"),
        Some(false) => format!("down to {rate}"),
        None => format!("at {rate}"),
    }
}

pub(super) fn banner(report: &Report) -> Markup {
    let verdict = &report.verdict;
    let Outcome { class, sign, word } = Outcome::of(verdict);
    html! {
        section class={ "banner " (class) } aria-label="Verdict" {
            div.sign aria-hidden="true" { (sign) }
            div {
                p.word { (word) }
                p { (verdict.summary) }
                @for reason in verdict.invalid.iter().filter(|reason| !verdict.summary.contains(reason.as_str())) {
                    p { "It says nothing about the server's speed: " (reason) "." }
                }
                @if report.run.interrupted && verdict.exit_code != 130 {
                    p { "It was interrupted, and is shorter than what was asked for." }
                }
            }
            p.exit { "exit status " strong { (verdict.exit_code) } }
        }
    }
}

pub(super) fn tiles(report: &Report) -> Markup {
    let total = &report.total;
    let of_due = |count: u64| format!("{} of {} due", units::count(count), units::count(total.due));
    let errors = total.errors.all();
    html! {
        @if total.due > 0 {
            div.tiles {
                @if let Some(rate) = report.find_max.as_ref().and_then(|found| found.rate) {
                    (tile("Highest rate", &units::rate(rate), "that met the objectives"))
                }
                (tile("Good answers", &units::rate(total.per_second), &of_due(total.good)))
                @if total.intended.count > 0 {
                    (tile("Latency, p50", &units::time(total.intended.p50), "from when a request was due"))
                    (tile("Latency, p95", &units::time(total.intended.p95), "from when a request was due"))
                    (tile("Latency, p99", &units::time(total.intended.p99), "from when a request was due"))
                }
                (tile("Errors", &units::share(errors, total.due), &of_due(errors)))
                @if let Some((value, under)) = reconciled(report) {
                    (tile("Server against clients", value, &under))
                }
            }
        }
    }
}

fn tile(name: &str, value: &str, under: &str) -> Markup {
    html! {
        div.tile {
            div.name { (name) }
            div.value { (value) }
            div.under { (under) }
        }
    }
}

fn reconciled(report: &Report) -> Option<(&'static str, String)> {
    let books = report.reconciliation.as_ref()?;
    let compared = units::count(books.compared as u64);
    match (books.mismatches.len(), books.problems.len()) {
        (0, 0) => Some(("✓ agree", format!("in all of {compared} figures"))),
        (0, problems) => Some((
            "≠ differ",
            format!("{} wrong with scrapes", units::count(problems as u64)),
        )),
        (differ, _) => Some((
            "≠ differ",
            format!("in {} of {compared} figures", units::count(differ as u64)),
        )),
    }
}

pub(super) fn facts(report: &Report) -> Markup {
    let run = &report.run;
    html! {
        section #run {
            h2 { "The run" }
            pre.command tabindex="0" { code { (run.command) } }
            dl.facts {
                (fact("Scenario", &html! {
                    strong { (run.scenario) }
                    @if !run.description.is_empty() { ": " (run.description) }
                    @if run.scenario_source != run.scenario { " (" code { (run.scenario_source) } ")" }
                }))
                (fact("Target", &html! {
                    code { (run.target) }
                    @if !run.target.contains(&run.address) { " at " code { (run.address) } }
                    @if run.metrics_address != run.address { ", its metrics at " code { (run.metrics_address) } }
                    @if let Some(version) = &run.server_version { ", version " (version) }
                }))
                (fact("Load", &load(report)))
                (fact("Connections", &html! {
                    "at most " (units::count(run.connections as u64)) ", on " (counted(run.threads, "thread"))
                }))
                (fact("Timeout", &html! { (units::round_time(run.timeout_seconds)) }))
                (fact("Seed", &html! { code { (run.seed) } }))
                (fact("Scrapes", &scrapes(report)))
                (fact("Machine", &html! { (counted(run.processors, "processor")) }))
                (fact("Load test", &html! { "version " (run.version) }))
                (fact("Ended", &html! { (ended(report.created)) }))
            }
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! {
        div { dt { (name) } dd { (value) } }
    }
}

fn load(report: &Report) -> Markup {
    let run = &report.run;
    html! {
        (units::rate(run.rate)) ", " (run.arrival) ", for " (units::round_time(run.duration_seconds))
        @if run.warm_up_seconds > 0.0 {
            ", after " (units::round_time(run.warm_up_seconds)) " of warm-up"
        }
        @if !report.repetitions.is_empty() {
            "; " (counted(report.repetitions.len(), "run"))
        }
        @if run.interrupted {
            "; interrupted after " (units::time(run.seconds))
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", units::count(count as u64))
}

fn scrapes(report: &Report) -> Markup {
    let asked = report.run.scrapes_per_second;
    html! {
        @match &report.scrapes {
            Some(scrapes) => {
                (units::count(scrapes.count)) " (" (units::rate(asked)) "), of " (units::count(scrapes.samples as u64))
                " samples; half took at most " (units::time(scrapes.median_seconds))
                ", the longest " (units::time(scrapes.longest_seconds))
            }
            None => { "none" }
        }
    }
}

fn ended(unix_seconds: u64) -> String {
    /// The end of the year 9999, after which the format has no more digits.
    const LAST: u64 = 253_402_300_799;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(unix_seconds.min(LAST)));
    let written = time.map(|time| humantime::format_rfc3339_seconds(time).to_string());
    written.map_or_else(
        || units::NONE.to_owned(),
        |text| text.replace('T', " ").replace('Z', " UTC"),
    )
}

pub(super) fn objectives(slos: &[Slo]) -> Markup {
    html! {
        @if !slos.is_empty() {
            section #objectives {
                h2 { "Objectives" }
                (table("Objectives", &["Objective", "#Measured", "#Limit", "Result"], &html! {
                    tbody {
                        @for slo in slos { (objective(slo)) }
                    }
                }))
                p.note { "Latencies count from when a request was due." }
            }
        }
    }
}

fn objective(slo: &Slo) -> Markup {
    let limit = match slo.is_of_time() {
        true => units::round_time(slo.limit),
        false => slo.shown(slo.limit),
    };
    html! {
        tr {
            th scope="row" { code { (slo.slo) } }
            td.number { (slo.shown(slo.value)) }
            td.number { (limit) }
            @if slo.met {
                td.good { "✓ met" }
            } @else {
                td.bad { "✗ missed" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date() {
        assert_eq!(ended(1_700_000_000), "2023-11-14 22:13:20 UTC");
        assert_eq!(ended(u64::MAX), "9999-12-31 23:59:59 UTC");
    }
}
