//! What a run came to, on the terminal.

use comfy_table::{CellAlignment, Table, presets};

use super::data::{Comparison, Errors, FindMax, Quantiles, Reconciliation, Report, Server};
use super::units::time as shown;

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

/// How many, and what they were.
fn errors(errors: &Errors) -> String {
    let sorts = errors.sorts().into_iter();
    let named: Vec<String> = sorts
        .map(|(name, count)| format!("{name} × {count}"))
        .collect();
    match named.is_empty() {
        true => errors.all().to_string(),
        false => format!("{} ({})", errors.all(), named.join(", ")),
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

fn server(server: &Server) -> String {
    let of = super::server::table(server);
    let heads = ["the server"].into_iter().chain(of.heads);
    let mut table = table(&heads.collect::<Vec<_>>());
    for (name, cells) in of.rows {
        table.add_row([name.to_owned()].into_iter().chain(cells));
    }
    table.trim_fmt()
}

fn reconciliation(done: &Reconciliation) -> String {
    let mut text = String::new();
    if !done.mismatches.is_empty() {
        let mut table = table(&["what differs", "server", "clients"]);
        for mismatch in done.mismatches.iter().take(MOST_ROWS) {
            table.add_row([
                mismatch.series.clone(),
                mismatch.server.to_string(),
                mismatch.client.to_string(),
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
    let lines: Vec<String> = report
        .verdict
        .slos
        .iter()
        .map(ToString::to_string)
        .collect();
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
        assert_eq!(
            errors(&some),
            "6 (status 404 × 2, status 503 × 3, timed out × 1)"
        );
        assert_eq!(errors(&Errors::default()), "0");
    }

    /// Each column has the figure of its head.
    #[test]
    fn each_quantile_is_under_its_name() {
        let mut report = Report::default();
        report.total.intended = Quantiles {
            count: 1,
            mean: 1.0,
            p50: 2.0,
            p90: 3.0,
            p95: 4.0,
            p99: 5.0,
            p999: 6.0,
            max: 7.0,
        };
        let words = |line: &str| -> Vec<String> {
            let words = line.split_whitespace();
            words
                .map(str::to_owned)
                .filter(|word| word != "s")
                .collect()
        };
        let kinds = kinds(&report);
        assert!(
            words(&kinds).ends_with(&["2.00", "4.00", "5.00", "7.00", "0"].map(str::to_owned)),
            "{kinds}"
        );
        assert!(kinds.contains("p50") && kinds.find("p95") < kinds.find("p99"));
        let times = times(&report);
        let row = times
            .lines()
            .find(|line| line.contains("due → done"))
            .unwrap();
        let all = ["1.00", "2.00", "3.00", "4.00", "5.00", "6.00", "7.00"];
        assert!(words(row).ends_with(&all.map(str::to_owned)), "{row}");
    }

    #[test]
    fn an_address_is_named_where_the_target_does_not_say_it() {
        let mut report = Report::default();
        report.run.target = "http://localhost:8000".to_owned();
        report.run.address = "127.0.0.1:8000".to_owned();
        assert!(run(&report).starts_with("http://localhost:8000 (127.0.0.1:8000): "));
        report.run.target = "http://127.0.0.1:8000".to_owned();
        assert!(run(&report).starts_with("http://127.0.0.1:8000: "));
    }
}
