//! A server of one row that counts right, and each way in which one of its lines can be wrong.

use std::time::{Duration, Instant};

use super::*;
use crate::client::{End, Outcome};
use crate::rows::Bounds;
use crate::scenario::Scenario;

/// Three answered requests with 50 bytes each, one that left in its upload, and the scrape before.
fn ledger(scenario: &Scenario, rows: &Rows, bounds: &Bounds) -> Ledger {
    let mut ledger = Ledger::new(rows, bounds);
    let sent = Instant::now();
    let mut record = |kind: &str, end, response_bytes| {
        let index = scenario.kinds.iter().position(|known| known.name == kind);
        let index = index.unwrap();
        let outcome = Outcome {
            sent: Some(sent),
            head: Some(sent + Duration::from_millis(30)),
            done: sent + Duration::from_millis(40),
            end,
            request_bytes: 0,
            response_bytes,
        };
        ledger.record(rows.of_kind(index), &scenario.kinds[index], &outcome);
    };
    for _ in 0..3 {
        record("list", End::Answered(200), 50);
    }
    record("leaves in the upload", End::Left { status: None }, 0);
    ledger.record_scrape(rows.scrapes.unwrap(), 0.06, 0.03, 900);
    ledger
}

/// A line each: what the server writes of a row.
fn row(method: &str, endpoint: &str, statuses: &[(&str, u64)], bytes: (u64, u64)) -> String {
    let labels = format!("method=\"{method}\",endpoint=\"{endpoint}\"");
    let mut text = String::new();
    let total: u64 = statuses.iter().map(|(_, count)| count).sum();
    for (status, count) in statuses {
        text.push_str(&format!(
            "http_requests_total{{{labels},status_code=\"{status}\"}} {count}\n"
        ));
    }
    let heads: u64 = statuses
        .iter()
        .filter(|(status, _)| *status != "499")
        .map(|(_, count)| count)
        .sum();
    for (name, bounds, count, sum) in [
        (
            "http_request_duration_seconds",
            [("0.01", 0), ("0.1", total)],
            total,
            "0.05".to_owned(),
        ),
        (
            "http_response_start_seconds",
            [("0.01", heads), ("0.1", heads)],
            heads,
            if heads == 0 { "0" } else { "0.01" }.to_owned(),
        ),
        (
            "http_request_size_bytes",
            [("100", total), ("1000", total)],
            total,
            "0".to_owned(),
        ),
        (
            "http_response_size_bytes",
            [("100", total - bytes.1), ("1000", total)],
            total,
            bytes.0.to_string(),
        ),
    ] {
        for (le, within) in bounds {
            text.push_str(&format!("{name}_bucket{{{labels},le=\"{le}\"}} {within}\n"));
        }
        text.push_str(&format!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n"));
        text.push_str(&format!(
            "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}\n"
        ));
    }
    text
}

/// Sorted by metric, each with its type.
fn document(text: &str) -> Document {
    let mut whole = String::new();
    for name in HISTOGRAM_NAMES {
        whole.push_str(&format!("# TYPE {name} histogram\n"));
    }
    for name in [
        "http_requests_total",
        "http_requests_aborted_total",
        "tallied_scrapes_total",
    ] {
        whole.push_str(&format!("# TYPE {name} counter\n"));
    }
    whole.push_str("# TYPE http_requests_in_flight gauge\n");
    whole.push_str(text);
    Document::parse(&whole, false).unwrap()
}

const HISTOGRAM_NAMES: [&str; 4] = HISTOGRAMS;

fn right() -> String {
    let list = row("GET", "/data", &[("200", 3)], (150, 0));
    let aborts = row("POST", "/fault/aborts", &[("499", 1)], (0, 0));
    let scrape = row("GET", "/metrics", &[("200", 1)], (900, 1));
    format!(
        "{list}{aborts}{scrape}\
         http_requests_aborted_total{{method=\"POST\",endpoint=\"/fault/aborts\",reason=\"client_disconnect\"}} 1\n\
         http_requests_total{{method=\"GET\",endpoint=\"/other\",status_code=\"200\"}} 0\n\
         http_requests_in_flight{{method=\"GET\"}} 1\nhttp_requests_in_flight{{method=\"POST\"}} 0\n\
         tallied_scrapes_total{{result=\"ok\"}} 1\ntallied_scrapes_total{{result=\"error\"}} 0\n"
    )
}

/// What differs where the server writes this; it has counted nothing before.
fn mismatches(after: &str) -> Vec<String> {
    let scenario = Scenario::find("aborts").unwrap();
    let rows = Rows::new(&scenario, Some("/metrics"));
    let after = document(after);
    let names = Names::find(&after).unwrap();
    let bounds = Bounds::find(&rows, &names, &after);
    let books = Books {
        rows: &rows,
        names: &names,
        before: &Document::default(),
        after: &after,
        ledger: &ledger(&scenario, &rows, &bounds),
        scrapes: Tally { least: 1, most: 1 },
        strict: true,
    };
    let done = reconcile(&books, Vec::new());
    assert!(done.absent.is_empty(), "{:?}", done.absent);
    assert!(done.compared > 50, "{}", done.compared);
    done.mismatches
        .iter()
        .map(|mismatch| mismatch.series.clone())
        .collect()
}

#[test]
fn a_server_that_counts_right_has_no_mismatch() {
    assert_eq!(mismatches(&right()), Vec::<String>::new());
}

#[test]
fn each_line_that_is_wrong_is_named() {
    let data = "method=\"GET\",endpoint=\"/data\"";
    for (line, wrong) in [
        (
            format!("http_requests_total{{{data},status_code=\"200\"}} 3"),
            "2",
        ),
        (format!("http_response_size_bytes_sum{{{data}}} 150"), "151"),
        (
            format!("http_response_size_bytes_bucket{{{data},le=\"100\"}} 3"),
            "2",
        ),
        (format!("http_request_size_bytes_sum{{{data}}} 0"), "1"),
        // The client has waited for 0.04 s each time.
        (
            format!("http_request_duration_seconds_bucket{{{data},le=\"0.1\"}} 3"),
            "2",
        ),
        (
            format!("http_request_duration_seconds_sum{{{data}}} 0.05"),
            "0.121",
        ),
        (
            format!("http_response_start_seconds_sum{{{data}}} 0.01"),
            "0.091",
        ),
        ("http_requests_in_flight{method=\"POST\"} 0".to_owned(), "1"),
        ("http_requests_in_flight{method=\"GET\"} 1".to_owned(), "2"),
        ("tallied_scrapes_total{result=\"ok\"} 1".to_owned(), "2"),
        ("tallied_scrapes_total{result=\"error\"} 0".to_owned(), "1"),
        ("reason=\"client_disconnect\"} 1".to_owned(), "0"),
        (
            "http_requests_total{method=\"GET\",endpoint=\"/other\",status_code=\"200\"} 0"
                .to_owned(),
            "1",
        ),
    ] {
        let text = right();
        assert_eq!(text.matches(&format!("{line}\n")).count(), 1, "{line}");
        let (series, _) = line.rsplit_once(' ').unwrap();
        let found = mismatches(&text.replace(&format!("{line}\n"), &format!("{series} {wrong}\n")));
        // Labels stand in another order in a mismatch.
        let name = series.split('{').next().unwrap();
        let of_it = |found: &String| found.contains(name) || found.contains("client_disconnect");
        assert!(found.iter().any(of_it), "{line}: {found:?}");
    }
}

#[test]
fn requests_that_hyper_dropped_are_said_to_be() {
    let scenario = Scenario::find("aborts").unwrap();
    let rows = Rows::new(&scenario, None);
    let after = document(&row("GET", "/fault/aborts", &[("499", 2)], (0, 0)));
    let names = Names::find(&after).unwrap();
    let dropped = |left_waiting: usize| {
        let mut ledger = Ledger::new(&rows, &Bounds::none(&rows));
        let index = scenario
            .kinds
            .iter()
            .position(|kind| kind.name == "leaves at once");
        let now = Instant::now();
        let outcome = Outcome {
            sent: Some(now),
            head: None,
            done: now,
            end: End::Left { status: None },
            request_bytes: 0,
            response_bytes: 0,
        };
        for _ in 0..left_waiting {
            ledger.record(
                rows.of_kind(index.unwrap()),
                &scenario.kinds[index.unwrap()],
                &outcome,
            );
        }
        let books = Books {
            rows: &rows,
            names: &names,
            before: &Document::default(),
            after: &after,
            ledger: &ledger,
            scrapes: Tally { least: 0, most: 0 },
            strict: false,
        };
        reconcile(&books, Vec::new()).problems.join("; ")
    };
    assert!(!dropped(2).contains("DeferEofAcceptor"));
    let said = dropped(5);
    assert!(
        said.contains("3 of the 5 requests of GET /fault/aborts")
            && said.contains("DeferEofAcceptor"),
        "{said}"
    );
}

#[test]
fn the_same_metrics_of_another_service_are_not_ours() {
    let labelled =
        |service: &str| right().replace("method=", &format!("service=\"{service}\",method="));
    let (ours, theirs) = (labelled("a"), labelled("b"));
    let theirs = theirs.replace("status_code=\"200\"} 3", "status_code=\"200\"} 700");
    let theirs: String = theirs
        .lines()
        .filter(|line| line.contains("service="))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(mismatches(&format!("{ours}{theirs}")), Vec::<String>::new());
}

#[test]
fn a_status_that_nobody_saw_is_named() {
    let more = "http_requests_total{method=\"GET\",endpoint=\"/data\",status_code=\"500\"} 1\n";
    let found = mismatches(&format!("{}{more}", right()));
    assert!(found[0].contains("status_code=\"500\""), "{found:?}");
}
