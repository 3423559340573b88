//! A reconciliation in which everything agrees.

use crate::report::data::*;

fn exactly(value: f64) -> Figure {
    Figure {
        server: value,
        client: Range {
            least: value,
            most: Some(value),
        },
    }
}

pub(super) fn reconciliation() -> Reconciliation {
    let row = |(method, endpoint, status, count, p50): (&str, &str, &str, f64, f64)| Row {
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        requests: exactly(count),
        statuses: vec![
            (status.to_owned(), exactly(count - 24.0)),
            ("500".to_owned(), exactly(24.0)),
        ],
        aborted: match endpoint {
            "/fault/aborts" => vec![("client_disconnect".to_owned(), exactly(24.0))],
            _ => Vec::new(),
        },
        histograms: vec![
            durations("http_request_duration_seconds", count, p50),
            durations("http_response_start_seconds", count, p50 * 0.9),
            sizes("http_request_size_bytes", count, 300.0),
            sizes("http_response_size_bytes", count, 2_000.0),
        ],
    };
    let rows = [
        ("GET", "/data", "200", 35_990.0, 0.004),
        ("GET", "/data/{id}", "200", 24_020.0, 0.002),
        ("POST", "/data", "201", 31_110.0, 0.009),
        ("HEAD", "/data", "200", 2_380.0, 0.002),
        ("GET", "/fault", "200", 11_020.0, 0.03),
        ("GET", "/health", "200", 6_010.0, 0.001),
        ("GET", "/fault/aborts", "499", 1_430.0, 0.05),
        ("POST", "/fault/aborts", "499", 610.0, 0.012),
    ];
    Reconciliation {
        compared: 1_204,
        mismatches: Vec::new(),
        problems: Vec::new(),
        absent: vec!["http_response_start_seconds".to_owned()],
        rows: rows.map(row).to_vec(),
    }
}

/// The client waited a little longer than the server took.
fn durations(name: &str, count: f64, p50: f64) -> HistogramRow {
    let below =
        |bound: f64, p50: f64| (count * (1.0 - (-0.7 * (bound / p50).powf(1.2)).exp())).floor();
    let bounds = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    let bucket = |bound: f64| {
        let client = Range {
            least: below(bound, p50 * 1.4),
            most: Some(count),
        };
        let server = below(bound, p50);
        (bound, Figure { server, client })
    };
    HistogramRow {
        name: name.to_owned(),
        count: exactly(count),
        sum: Figure {
            server: count * p50 * 1.2,
            client: Range {
                least: 0.0,
                most: Some(count * p50 * 1.6),
            },
        },
        buckets: bounds.map(bucket).to_vec(),
    }
}

fn sizes(name: &str, count: f64, middle: f64) -> HistogramRow {
    let bounds = [0.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1e6, 1e7];
    let bucket = |bound: f64| {
        (
            bound,
            exactly((count * (1.0 - (-bound / middle).exp())).floor()),
        )
    };
    HistogramRow {
        name: name.to_owned(),
        count: exactly(count),
        sum: exactly((count * middle).floor()),
        buckets: bounds.map(bucket).to_vec(),
    }
}
