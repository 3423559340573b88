//! All that is recorded of requests.

use std::collections::BTreeMap;

/// All that is recorded of one request.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub method: &'static str,
    pub endpoint: &'static str,
    pub status: u16,
    pub aborted: Option<&'static str>,
    /// Whether the answer's head was ready.
    pub head: bool,
    pub request_bytes: u64,
    pub response_bytes: u64,
}

impl Record {
    /// A `GET` that was answered.
    pub fn get(endpoint: &'static str, status: u16, response_bytes: u64) -> Self {
        Self {
            method: "GET",
            endpoint,
            status,
            aborted: None,
            head: true,
            request_bytes: 0,
            response_bytes,
        }
    }

    #[must_use]
    pub fn aborted(self, reason: &'static str) -> Self {
        Self {
            aborted: Some(reason),
            ..self
        }
    }

    #[must_use]
    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// It ended before the answer's head.
    #[must_use]
    pub fn without_head(self) -> Self {
        Self {
            head: false,
            ..self
        }
    }
}

/// The `http_…` series of a scrape that are not 0, but for buckets and the sums of the durations: so
/// a request in flight is one series too many.
pub(crate) type Ledger = BTreeMap<String, f64>;

pub(crate) fn read(exposition: &str) -> Ledger {
    exposition
        .lines()
        .filter(|line| line.starts_with("http_") && !line.contains("_bucket{"))
        .filter(|line| !line.contains("_seconds_sum{"))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

/// What a scrape holds of these; `label` writes a pattern as the framework does.
pub(crate) fn ledger_of(records: &[Record], label: fn(&str) -> String) -> Ledger {
    let mut ledger = Ledger::new();
    let mut add = |series: String, value: u64| {
        if value > 0 {
            *ledger.entry(series).or_default() += value as f64;
        }
    };
    for record in records {
        let Record {
            method,
            endpoint,
            status,
            ..
        } = record;
        let endpoint = label(endpoint);
        let labels = format!("method=\"{method}\",endpoint=\"{endpoint}\"");
        add(
            format!("http_requests_total{{{labels},status_code=\"{status}\"}}"),
            1,
        );
        if let Some(reason) = record.aborted {
            add(
                format!("http_requests_aborted_total{{{labels},reason=\"{reason}\"}}"),
                1,
            );
        }
        add(
            format!("http_request_duration_seconds_count{{{labels}}}"),
            1,
        );
        add(
            format!("http_response_start_seconds_count{{{labels}}}"),
            record.head.into(),
        );
        for (name, bytes) in [
            ("http_request_size_bytes", record.request_bytes),
            ("http_response_size_bytes", record.response_bytes),
        ] {
            add(format!("{name}_count{{{labels}}}"), 1);
            add(format!("{name}_sum{{{labels}}}"), bytes);
        }
    }
    ledger
}

#[track_caller]
pub(crate) fn equal(recorded: &Ledger, expected: &Ledger) {
    assert!(
        recorded == expected,
        "recorded {recorded:#?}, and not {expected:#?}"
    );
}
