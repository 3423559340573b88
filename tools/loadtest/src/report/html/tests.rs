//! The page as a whole: what it has, and what it lets neither in nor out.

use super::sample::{self, HOSTILE};
use super::{page, plots};
use crate::report::data::{Report, Second};

/// Without plotly's own JavaScript, which is not ours to check.
fn own(report: &Report) -> String {
    let page = page(report);
    let plotly = plots::javascript().into_string();
    assert_eq!(page.matches(&plotly).count(), 1, "plotly is there once");
    page.replace(&plotly, "")
}

#[test]
fn a_report_with_everything_shows_it() {
    let page = own(&sample::report());
    for id in [
        "run",
        "objectives",
        "figures",
        "percentiles",
        "time",
        "buckets",
        "limit",
        "kinds",
        "reconciliation",
        "comparison",
        "repetitions",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
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
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("id=\"differences\""));
    // Latency by percentile and over time, the rate, by rate; and four histograms of eight rows.
    assert_eq!(page.matches("type=\"application/json\"").count(), 4 + 4 * 8);
    assert!(page.len() < 600_000, "{}", page.len());
}

#[test]
fn what_differs_comes_first() {
    let page = own(&sample::differing());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("Reconciliation failed") < at("id=\"differences\""));
    assert!(at("id=\"differences\"") < at("class=\"tiles\""));
    assert!(
        at("http_requests_total{method=&quot;GET&quot;,endpoint=&quot;/data/{id}&quot;")
            < at("class=\"tiles\"")
    );
    assert!(page.contains("-12") && page.contains("fell from 812 to 811"));
    // The row that differs is the first of the small plots.
    assert!(at("≠ differs") < at("<code>GET /data</code>"));
}

#[test]
fn errors_name_their_statuses_and_the_target_its_address() {
    let page = own(&sample::report());
    // In the key figures, and at the kind.
    assert_eq!(page.matches("1 with status 503").count(), 2);
    assert!(page.contains("<code>http://localhost:41235</code> at <code>127.0.0.1:41235</code>"));
    assert!(page.contains("its metrics at <code>127.0.0.1:41236</code>"));
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
        assert!(own(&report).contains(&format!("<p class=\"word\">{word}</p>")));
    }
}

#[test]
fn an_empty_report_is_a_page() {
    assert!(own(&Report::empty()).contains("exit status"));
    let page = own(&sample::interrupted());
    for id in [
        "objectives",
        "percentiles",
        "time",
        "buckets",
        "limit",
        "kinds",
        "reconciliation",
        "comparison",
        "repetitions",
    ] {
        assert!(!page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(!page.contains("application/json") && !page.contains("NaN") && !page.contains("inf"));
    assert!(page.contains("No request was due after the warm-up."));
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
    rows[0].histograms[0].buckets[2].1.client.most = None;
    rows[0].histograms[0].count.client.most = None;
    rows[1].histograms[0].buckets.clear();
    for drawing in drawings(&own(&report)) {
        let read: serde_json::Value = serde_json::from_str(drawing).unwrap();
        let range = &read["layout"]["yaxis"]["range"];
        assert!(
            range.is_null() || range[0].is_number() && range[1].is_number(),
            "{range}"
        );
    }
}

fn drawings(page: &str) -> Vec<&str> {
    let parts = page.split("<script type=\"application/json\">").skip(1);
    parts
        .map(|part| part.split_once("</script>").unwrap().0)
        .collect()
}

#[test]
fn no_text_breaks_out() {
    let (plain, hostile) = (own(&sample::differing()), own(&sample::hostile()));
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
    let drawings = drawings(&hostile);
    assert!(
        drawings.iter().any(|drawing| drawing.contains("alert(1)")),
        "a plot has it, too"
    );
    for drawing in drawings {
        assert!(!drawing.contains(['<', '>', '&']));
        let read: serde_json::Value = serde_json::from_str(drawing).unwrap();
        assert!(
            !read.to_string().contains("<script"),
            "plotly reads tags in texts"
        );
    }
}

#[test]
fn nothing_is_loaded() {
    let page = own(&sample::report());
    for attribute in [
        " src=", " href=", " srcset=", " data=", " action=", " poster=", "@import", "url(",
    ] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    for element in [
        "<link", "<img", "<iframe", "<object", "<embed", "<base", "<form",
    ] {
        assert!(!page.contains(element), "{element}");
    }
    // And if there were something, the browser would refuse it.
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "));
}

#[test]
fn a_long_run_has_a_page_of_the_same_size() {
    let mut report = sample::report();
    let second = report.seconds[30].clone();
    report.seconds = (1..=604_800)
        .map(|at| Second {
            at: f64::from(at),
            ..second.clone()
        })
        .collect();
    let page = own(&report);
    assert!(page.contains("A point is of 605 seconds"));
    assert!(page.len() < 2_000_000, "{}", page.len());
}
