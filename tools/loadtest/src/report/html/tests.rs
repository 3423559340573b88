//! The page as a whole: what it has, and what it lets neither in nor out.

use super::page;
use super::sample::{self, HOSTILE};
use crate::report::data::{Report, Second, ServerSample};

/// To be sent around.
const MOST_BYTES: usize = 300_000;
const PLOT: &str = "<div class=\"plot\"";

#[test]
fn a_report_with_everything_shows_it() {
    let shown = page(&sample::report());
    for id in [
        "run",
        "objectives",
        "figures",
        "percentiles",
        "time",
        "server",
        "buckets",
        "limit",
        "kinds",
        "reconciliation",
        "comparison",
        "repetitions",
    ] {
        assert!(shown.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    for text in [
        "Held",
        "exit status <strong>0",
        "list:p99&lt;20ms",
        "✓ met",
        "leaves in the upload",
        "▲ better",
        "2025-11-26 12:00:00 UTC",
    ] {
        assert!(shown.contains(text), "{text}");
    }
    assert!(!shown.contains("id=\"differences\""));
    // Latency by percentile, its histogram, latency and rate over time, memory and processors, latency by rate; and four
    // histograms of four rows.
    assert_eq!(shown.matches(PLOT).count(), 7 + 4 * 4);
    // What is flat would be folded away.
    assert!(!shown.contains("hardly changed"));
    assert!(shown.len() < MOST_BYTES, "{}", shown.len());
}

#[test]
fn the_95th_percentile_is_shown_as_such() {
    let mut report = sample::report();
    report.total.intended.p95 = 0.123_4;
    let shown = page(&report);
    let tile = shown.split("Latency, p95").nth(1).unwrap();
    assert!(tile[..200].contains("123"), "{}", &tile[..200]);
}

#[test]
fn what_differs_comes_first() {
    let shown = page(&sample::differing());
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("Reconciliation failed") < at("id=\"differences\""));
    assert!(at("id=\"differences\"") < at("class=\"tiles\""));
    assert!(
        at("http_requests_total{method=&quot;GET&quot;,endpoint=&quot;/data/{id}&quot;")
            < at("class=\"tiles\"")
    );
    assert!(shown.contains("-12") && shown.contains("fell from 812 to 811"));
    // The row that differs is the first of the small plots.
    assert!(at("≠ differs") < at("<code>GET /data</code>"));
}

#[test]
fn errors_name_their_statuses_and_the_target_its_address() {
    let shown = page(&sample::report());
    // In the key figures, and at the kind.
    assert!(shown.contains("<dt>status 503</dt>") && shown.contains("1 × status 503"));
    assert!(shown.contains("<code>http://localhost:41235</code> at <code>127.0.0.1:41235</code>"));
    assert!(shown.contains("its metrics at <code>127.0.0.1:41236</code>"));
}

#[test]
fn each_outcome_has_a_word() {
    let mut report = sample::interrupted();
    for (exit_code, word) in [
        (0, "Held"),
        (3, "Objective missed"),
        (4, "Invalid"),
        (5, "Reconciliation failed"),
        (130, "Interrupted"),
        (1, "Failed"),
    ] {
        report.verdict.exit_code = exit_code;
        assert!(page(&report).contains(&format!("<p class=\"word\">{word}</p>")));
    }
}

#[test]
fn an_empty_report_is_a_page() {
    assert!(page(&Report::default()).contains("exit status"));
    let shown = page(&sample::interrupted());
    for id in [
        "objectives",
        "percentiles",
        "time",
        "server",
        "buckets",
        "limit",
        "kinds",
        "reconciliation",
        "comparison",
        "repetitions",
    ] {
        assert!(!shown.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(!shown.contains(PLOT) && !shown.contains("NaN") && !shown.contains("inf"));
    assert!(shown.contains("No request was due after the warm-up."));
}

#[test]
fn numbers_that_are_none_do_not_break_the_plots() {
    let mut report = sample::report();
    report.intended[3].seconds = f64::NAN;
    report.service[3].seconds = f64::INFINITY;
    report.intended[0].seconds = 0.0;
    let last = report.seconds.len() - 1;
    report.seconds[last] = Second {
        at: 60.0,
        ended: 0,
        intended: Default::default(),
        service: Default::default(),
        ..report.seconds[last].clone()
    };
    let rows = &mut report.reconciliation.as_mut().unwrap().rows;
    rows[0].histograms[0].buckets[2].1.client.most = f64::INFINITY;
    rows[0].histograms[0].count.client.most = f64::INFINITY;
    rows[1].histograms[0].buckets.clear();
    let shown = page(&report);
    assert_eq!(shown.matches(PLOT).count(), 7 + 4 * 4 - 1);
    assert!(!shown.contains("NaN") && !shown.contains("inf\""));
}

#[test]
fn no_text_breaks_out() {
    let (plain, hostile) = (page(&sample::differing()), page(&sample::hostile()));
    // In as many places as there are texts, and nowhere as itself.
    let escaped = maud::html! { (HOSTILE) }.into_string();
    assert!(hostile.matches(&escaped).count() > 100);
    for text in [HOSTILE, "<script>alert", "<b onload", "<!--"] {
        assert!(!hostile.contains(text), "{text}");
    }
    // It made no elements: there are as many as without it, but for the objectives, plots and signs that it does away with.
    for element in ["<script", "</script", "<style", "<svg", "<b ", "<img"] {
        assert!(
            hostile.matches(element).count() <= plain.matches(element).count(),
            "{element}"
        );
    }
}

#[test]
fn nothing_is_loaded() {
    let shown = page(&sample::report());
    for attribute in [
        " src=", " href=", " srcset=", " data=", " action=", " poster=", "@import", "url(",
    ] {
        assert!(!shown.contains(attribute), "{attribute}");
    }
    for element in [
        "<script", "<link", "<img", "<iframe", "<object", "<embed", "<base", "<form",
    ] {
        assert!(!shown.contains(element), "{element}");
    }
    // And if there were something, the browser would refuse it.
    assert!(
        shown.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ")
    );
}

#[test]
fn a_long_run_has_a_page_of_the_same_size() {
    let mut report = sample::report();
    let second = report.seconds[30].clone();
    let at = |at: u32| Second {
        at: f64::from(at),
        ..second.clone()
    };
    report.seconds = (1..=604_800).map(at).collect();
    let server = report.server.as_mut().unwrap();
    let figures = server.most;
    let at = |at: u32| ServerSample {
        at: f64::from(at),
        figures,
    };
    server.samples = (0..3_600).map(at).collect();
    let shown = page(&report);
    assert!(shown.contains("A point is of 2520 seconds"));
    // Neither memory nor the rate moved.
    assert_eq!(shown.matches(", which hardly changed").count(), 4);
    assert!(shown.len() < MOST_BYTES, "{}", shown.len());
}
