//! A made-up report that has everything, as like a real one as the tests and an eye need.

mod books;
mod load;
mod runs;

use self::books::reconciliation;
use self::load::{figures, generator, kinds, percentiles, run, slos};
use self::runs::{comparison, find_max, repetitions};
use crate::report::data::*;

/// As a user may name a request: what breaks out of a page, of an attribute, of a script or of a plot's text.
pub(crate) const HOSTILE: &str =
    "</script><script>alert(1)</script><!--<b onload='alert(2)'>\"&lt;";

pub(crate) fn report() -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        created: 1_764_158_400,
        run: run(),
        verdict: Verdict {
            exit_code: 0,
            summary:
                "all held: the objectives are met, and the server's metrics agree with the clients"
                    .to_owned(),
            invalid: Vec::new(),
            reconciled: Some(true),
            slos: slos(),
        },
        generator: generator(),
        total: figures(119_988, 0.001_1),
        kinds: kinds(),
        seconds: (1..=60)
            .map(|second| load::second(f64::from(second)))
            .collect(),
        intended: percentiles(0.001_1, 0.33),
        service: percentiles(0.000_9, 0.27),
        scrapes: Some(Scrapes {
            count: 62,
            samples: 514,
            median_seconds: 0.000_8,
            longest_seconds: 0.003_4,
        }),
        server: None,
        reconciliation: Some(reconciliation()),
        find_max: Some(find_max()),
        repetitions: repetitions(),
        comparison: Some(comparison()),
    }
}

/// One whose server counts wrongly.
pub(crate) fn differing() -> Report {
    let mut report = report();
    report.verdict.exit_code = 5;
    report.verdict.summary = "the server's metrics do not agree with the clients".to_owned();
    report.verdict.reconciled = Some(false);
    report.verdict.slos[1].met = false;
    report.verdict.slos[1].value = 0.061;
    let books = report.reconciliation.as_mut().unwrap();
    let row = &mut books.rows[1];
    row.requests.server -= 12.0;
    row.statuses[0].1.server -= 12.0;
    row.histograms[0].buckets[0].1.server = row.histograms[0].buckets[0].1.client.least - 2_800.0;
    let series = |name: &str, more: &str| {
        format!("{name}{{method=\"GET\",endpoint=\"/data/{{id}}\",{more}}}")
    };
    books.mismatches = vec![
        Mismatch {
            series: series("http_requests_total", "status_code=\"200\""),
            server: row.statuses[0].1.server,
            client: row.statuses[0].1.client,
        },
        Mismatch {
            series: series("http_request_duration_seconds_bucket", "le=\"0.005\""),
            server: row.histograms[0].buckets[0].1.server,
            client: row.histograms[0].buckets[0].1.client,
        },
    ];
    books.problems = vec![
        "scrape 17: http_requests_total{endpoint=\"/health\"} fell from 812 to 811".to_owned(),
    ];
    report
}

/// One that was interrupted before anything was due.
pub(crate) fn interrupted() -> Report {
    let mut report = Report::empty();
    report.run = run();
    report.run.interrupted = true;
    report.run.seconds = 0.0;
    report.verdict.exit_code = 130;
    report.verdict.summary = "interrupted; what was sent is reconciled".to_owned();
    report
}

/// [`HOSTILE`] wherever there is a text.
pub(crate) fn hostile() -> Report {
    let hostile = || HOSTILE.to_owned();
    let mut report = differing();
    let run = &mut report.run;
    for text in [
        &mut run.command,
        &mut run.version,
        &mut run.target,
        &mut run.address,
        &mut run.metrics_address,
        &mut run.scenario,
        &mut run.scenario_source,
        &mut run.description,
        &mut run.arrival,
    ] {
        *text = hostile();
    }
    run.server_version = Some(hostile());
    report.schema = hostile();
    report.verdict.summary = hostile();
    report.verdict.invalid = vec![hostile()];
    for slo in &mut report.verdict.slos {
        slo.slo = format!("p99<{HOSTILE}");
    }
    for kind in &mut report.kinds {
        (kind.name, kind.method, kind.endpoint) = (hostile(), hostile(), hostile());
    }
    let books = report.reconciliation.as_mut().unwrap();
    books.problems = vec![hostile()];
    books.absent = vec![hostile()];
    for mismatch in &mut books.mismatches {
        mismatch.series = hostile();
    }
    for row in &mut books.rows {
        (row.method, row.endpoint) = (hostile(), hostile());
        row.statuses
            .iter_mut()
            .chain(&mut row.aborted)
            .for_each(|(label, _)| *label = hostile());
        row.histograms[1].name = hostile();
    }
    let found = report.find_max.as_mut().unwrap();
    found.limited_by = hostile();
    for step in &mut found.steps {
        step.missed = vec![hostile()];
        step.invalid = vec![hostile()];
    }
    for repetition in &mut report.repetitions {
        repetition.server = hostile();
    }
    let comparison = report.comparison.as_mut().unwrap();
    comparison.old = hostile();
    for figure in &mut comparison.figures {
        (figure.name, figure.unit, figure.verdict) = (hostile(), hostile(), hostile());
    }
    report
}
