//! What a run came to, on the terminal.

use comfy_table::{CellAlignment, Table, presets};

use super::data::{
    Comparison, Errors, FindMax, Quantiles, Range, Reconciliation, Report, Server, ServerFigures,
    ServerSample,
};
use crate::latency::shown;

/// In seconds.
const LATER: f64 = 300.0;
/// More rows than that say no more.
const MOST_ROWS: usize = 40;

pub(crate) fn render(report: &Report) -> String {
    let mut parts = vec![run(report), kinds(report)];
    parts.extend(report.find_max.as_ref().map(found));
    parts.push(times(report));
    parts.push(generator(report));
    parts.extend(report.server.as_ref().map(server));
    parts.extend(report.comparison.as_ref().map(comparison));
    parts.extend(report.reconciliation.as_ref().map(reconciliation));
    parts.extend(objectives(report));
    parts.push(report.verdict.summary.clone());
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn run(report: &Report) -> String {
    let run = &report.run;
    let address = match run.target.contains(&run.address) {
        true => String::new(),
        false => format!(" ({})", run.address),
    };
    format!(
        "{}{address}: {} at {:.0}/s ({}) for {:.1} s, seed {}",
        run.target, run.scenario, run.rate, run.arrival, run.seconds, run.seed
    )
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// How many, and what they were: the statuses that came, and what came in the place of an answer.
fn errors(errors: &Errors) -> String {
    let statuses = errors.unexpected_statuses.iter();
    let statuses = statuses.map(|(status, count)| (status.to_string(), *count));
    let others = [
        ("broken", errors.broken),
        ("timed out", errors.timed_out),
        ("refused", errors.refused),
        ("dropped", errors.dropped),
    ]
    .map(|(name, count)| (name.to_owned(), count));
    let sorts: Vec<(String, u64)> = statuses
        .chain(others)
        .filter(|(_, count)| *count > 0)
        .collect();
    let count: u64 = sorts.iter().map(|(_, count)| count).sum();
    let named: Vec<String> = sorts
        .iter()
        .map(|(name, count)| format!("{name} × {count}"))
        .collect();
    match named.is_empty() {
        true => count.to_string(),
        false => format!("{count} ({})", named.join(", ")),
    }
}

fn kinds(report: &Report) -> String {
    let mut table = table(&[
        "request", "due", "good", "p50", "p95", "p99", "max", "errors",
    ]);
    let total = ("all", true, &report.total);
    let kinds = report.kinds.iter();
    let kinds = kinds.map(|kind| (kind.name.as_str(), kind.timed, &kind.figures));
    for (name, timed, figures) in kinds.chain([total]) {
        let time = |of: fn(&Quantiles) -> f64| match timed && figures.intended.count > 0 {
            true => shown(of(&figures.intended)),
            false => "-".to_owned(),
        };
        table.add_row([
            name.to_owned(),
            figures.due.to_string(),
            figures.good.to_string(),
            time(|times| times.p50),
            time(|times| times.p95),
            time(|times| times.p99),
            time(|times| times.max),
            errors(&figures.errors),
        ]);
    }
    table.trim_fmt()
}

fn times(report: &Report) -> String {
    let mut table = table(&["", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"]);
    let calibration = report.generator.calibration.as_ref();
    let null =
        calibration.map(|calibration| ("sent → done, of a null responder", &calibration.service));
    let rows = [
        Some(("due → done", &report.total.intended)),
        Some(("sent → done", &report.total.service)),
        null,
        Some(("handed over late by", &report.generator.lag)),
    ];
    for (name, times) in rows.into_iter().flatten() {
        let figures = [
            times.mean, times.p50, times.p90, times.p95, times.p99, times.p999, times.max,
        ];
        let figures = figures.map(shown);
        table.add_row([name.to_owned()].into_iter().chain(figures));
    }
    table.trim_fmt()
}

fn generator(report: &Report) -> String {
    let (generator, errors) = (&report.generator, &report.total.errors);
    let mut line = format!(
        "{:.0} good answers a second; {} sent late, {} never sent, {} waited for a connection; the generator was busy for {:.0} % of the time",
        report.total.per_second,
        generator.late,
        errors.dropped,
        generator.waited_for_connection,
        generator.busy_ratio * 100.0
    );
    if let Some(cpu) = report.total.server_cpu_seconds {
        line.push_str(&format!(
            "; {} of processor a request in the server",
            shown(cpu)
        ));
    }
    if let Some(calibration) = &generator.calibration {
        line.push_str(&format!(
            "\nthe generator alone keeps {:.0}/s on this machine",
            calibration.keeps_rate
        ));
        if let Some(loses) = calibration.loses_rate {
            line.push_str(&format!(", and not {loses:.0}/s"));
        }
    }
    line
}

/// What it exposes of itself. Memory that grows goes on growing after the first minutes, when all buffers are there.
fn server(server: &Server) -> String {
    let (samples, most) = (&server.samples, &server.most);
    let mut later = samples.iter().filter(|sample| sample.at >= LATER);
    let at = |sample: &ServerSample| sample.figures;
    let columns = [
        ("start", samples.first().map(at)),
        ("at 5 min", later.next().map(at)),
        ("end", samples.last().map(at)),
        ("max", Some(*most)),
    ];
    let columns = columns.into_iter();
    let columns: Vec<(&str, ServerFigures)> = columns
        .filter_map(|(name, figures)| Some((name, figures?)))
        .collect();
    let bytes = |bytes: f64| format!("{:.2} MB", bytes / 1e6);
    let rows: [(&str, fn(&ServerFigures) -> Option<f64>, fn(f64) -> String); 5] = [
        ("live heap", |of| of.heap_live_bytes, bytes),
        ("resident memory", |of| of.resident_memory_bytes, bytes),
        ("open descriptors", |of| of.open_fds, |fds| fds.to_string()),
        (
            "series",
            |of| Some(of.series as f64),
            |series| series.to_string(),
        ),
        (
            "processors in use",
            |of| of.cores,
            |cores| format!("{cores:.2}"),
        ),
    ];
    let heads = columns.iter().map(|(name, _)| *name);
    let heads: Vec<&str> = ["the server"].into_iter().chain(heads).collect();
    let mut table = table(&heads);
    for (name, of, shown) in rows {
        if of(most).is_none() {
            continue;
        }
        let cells = columns
            .iter()
            .map(|(_, figures)| of(figures).map_or_else(|| "-".to_owned(), shown));
        table.add_row([name.to_owned()].into_iter().chain(cells));
    }
    table.trim_fmt()
}

fn range(range: Range) -> String {
    match range.most {
        Some(most) if most == range.least => most.to_string(),
        Some(most) => format!("{} to {most}", range.least),
        None => format!("{} or more", range.least),
    }
}

fn reconciliation(done: &Reconciliation) -> String {
    let mut text = String::new();
    if !done.mismatches.is_empty() {
        let mut table = table(&["what differs", "server", "clients"]);
        for mismatch in done.mismatches.iter().take(MOST_ROWS) {
            table.add_row([
                mismatch.series.clone(),
                mismatch.server.to_string(),
                range(mismatch.client),
            ]);
        }
        text.push_str(&table.trim_fmt());
        text.push('\n');
        let more = done.mismatches.len().saturating_sub(MOST_ROWS);
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
    }
    for problem in &done.problems {
        text.push_str(problem);
        text.push('\n');
    }
    for absent in &done.absent {
        text.push_str(&format!("{absent} is not exposed, and so not compared\n"));
    }
    text.push_str(&format!(
        "reconciliation: {} figures compared, {} differ; {} scrapes were not as they should be",
        done.compared,
        done.mismatches.len(),
        done.problems.len()
    ));
    text
}

fn found(found: &FindMax) -> String {
    match found.rate {
        Some(rate) => format!(
            "highest rate that met the objectives: {rate:.0}/s; {}",
            found.limited_by
        ),
        None => format!("no rate met the objectives; {}", found.limited_by),
    }
}

fn comparison(done: &Comparison) -> String {
    let mut table = table(&[
        "against the older report",
        "old",
        "new",
        "new / old",
        "95 %",
        "chance",
        "",
    ]);
    for figure in &done.figures {
        let value = |value: f64| match figure.unit.as_str() {
            "seconds" => shown(value),
            _ => format!("{value:.0}"),
        };
        table.add_row([
            figure.name.clone(),
            value(figure.old),
            value(figure.new),
            format!("{:.3}", figure.ratio),
            format!("{:.3} to {:.3}", figure.ratio_low, figure.ratio_high),
            format!("{:.3}", figure.p_value),
            figure.verdict.clone(),
        ]);
    }
    let how = match done.interleaved {
        true => format!("{} pairs, old and new in turn", done.pairs),
        false => "not in turn: the machine may have been in another mood".to_owned(),
    };
    format!("{}\n{how}", table.trim_fmt())
}

fn objectives(report: &Report) -> Option<String> {
    let line = |slo: &super::data::Slo| {
        let value = match slo.is_ratio {
            true => format!("{:.3} %", slo.value * 100.0),
            false => shown(slo.value),
        };
        let verdict = if slo.met { "met" } else { "missed" };
        format!("{}: {verdict}, with {value}", slo.slo)
    };
    let lines: Vec<String> = report.verdict.slos.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_came() {
        let some = Errors {
            unexpected_status: 5,
            unexpected_statuses: [(404, 2), (503, 3)].into(),
            timed_out: 1,
            ..Errors::default()
        };
        assert_eq!(errors(&some), "6 (404 × 2, 503 × 3, timed out × 1)");
        assert_eq!(errors(&Errors::default()), "0");
    }

    #[test]
    fn the_server_is_shown_at_the_start_after_minutes_and_at_the_end() {
        let sample = |at: f64, heap: f64| ServerSample {
            at,
            figures: ServerFigures {
                series: 500,
                heap_live_bytes: Some(heap * 1e6),
                cores: (at > 0.0).then_some(0.5),
                ..ServerFigures::default()
            },
        };
        let mut report = Server {
            samples: vec![sample(-1.0, 2.0), sample(299.0, 3.0), sample(301.0, 5.25)],
            most: sample(9.0, 7.0).figures,
        };
        let lines = |report: &Server| -> Vec<String> {
            let text = server(report);
            let words = text.lines().map(|line| line.split_whitespace());
            words
                .map(|words| words.collect::<Vec<_>>().join(" "))
                .collect()
        };
        assert_eq!(
            lines(&report),
            [
                "the server start at 5 min end max",
                "live heap 2.00 MB 5.25 MB 5.25 MB 7.00 MB",
                "series 500 500 500 500",
                "processors in use - 0.50 0.50 0.50",
            ]
        );
        report.samples.pop();
        assert_eq!(lines(&report)[1], "live heap 2.00 MB 3.00 MB 7.00 MB");
    }

    #[test]
    fn an_address_is_named_where_the_target_does_not_say_it() {
        let mut report = Report::empty();
        report.run.target = "http://localhost:8000".to_owned();
        report.run.address = "127.0.0.1:8000".to_owned();
        assert!(run(&report).starts_with("http://localhost:8000 (127.0.0.1:8000): "));
        report.run.target = "http://127.0.0.1:8000".to_owned();
        assert!(run(&report).starts_with("http://127.0.0.1:8000: "));
    }
}
