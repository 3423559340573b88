//! What a report says, as its JSON file has it.
//!
//! [`SCHEMA`] changes its number when a field goes away or means something else; a new field does not change it. Times are
//! seconds, sizes bytes, and rates are per second.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::units;
use crate::envelope::Range;

pub(crate) const SCHEMA: &str = "tallied-loadtest/1";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: String,
    /// Unix time of the end.
    pub(crate) created: u64,
    pub(crate) run: Run,
    pub(crate) verdict: Verdict,
    pub(crate) generator: Generator,
    /// Of the requests that were due after the warm-up.
    pub(crate) total: Figures,
    pub(crate) kinds: Vec<Kind>,
    /// One for each second, by when the requests ended.
    pub(crate) seconds: Vec<Second>,
    /// From when a request was due to its last byte.
    pub(crate) intended: Vec<Percentile>,
    /// From its sending.
    pub(crate) service: Vec<Percentile>,
    /// How many requests took how long, of the intended latency; without those of no requests.
    #[serde(default)]
    pub(crate) latencies: Vec<LatencyBucket>,
    pub(crate) scrapes: Option<Scrapes>,
    /// What the server exposes of itself; of the first load where there are several.
    #[serde(default)]
    pub(crate) server: Option<Server>,
    pub(crate) reconciliation: Option<Reconciliation>,
    pub(crate) find_max: Option<FindMax>,
    pub(crate) repetitions: Vec<Repetition>,
    pub(crate) comparison: Option<Comparison>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// As it was typed.
    pub(crate) command: String,
    pub(crate) version: String,
    pub(crate) processors: usize,
    pub(crate) target: String,
    /// The one that was used of the target's addresses, and of those of its metrics.
    #[serde(default)]
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) metrics_address: String,
    /// The version that the server says it has.
    pub(crate) server_version: Option<String>,
    pub(crate) scenario: String,
    /// The name of a built-in one, or a path, as it was given.
    pub(crate) scenario_source: String,
    pub(crate) description: String,
    pub(crate) rate: f64,
    pub(crate) arrival: String,
    pub(crate) warm_up_seconds: f64,
    /// That was asked for.
    pub(crate) duration_seconds: f64,
    /// In which requests were due.
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) timeout_seconds: f64,
    pub(crate) seed: u64,
    pub(crate) scrapes_per_second: f64,
    pub(crate) interrupted: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) exit_code: u8,
    /// In one line.
    pub(crate) summary: String,
    /// Why the run says nothing about the server; empty where it does.
    pub(crate) invalid: Vec<String>,
    /// `None` where it was not asked for.
    pub(crate) reconciled: Option<bool>,
    pub(crate) slos: Vec<Slo>,
}

/// What a run makes of an objective.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slo {
    pub(crate) slo: String,
    pub(crate) value: f64,
    pub(crate) limit: f64,
    pub(crate) is_ratio: bool,
    /// `seconds`, `ratio`, `bytes` or `series`; none in a report that is older than this field.
    #[serde(default)]
    pub(crate) unit: String,
    pub(crate) met: bool,
}

impl Slo {
    pub(crate) fn is_of_time(&self) -> bool {
        self.unit == "seconds" || self.unit.is_empty() && !self.is_ratio
    }

    /// The value, or the limit.
    pub(crate) fn shown(&self, value: f64) -> String {
        match self.unit.as_str() {
            _ if value == f64::MAX => "no figure of the server".to_owned(),
            "bytes" => units::bytes(value),
            "series" => units::number(value),
            _ if self.is_ratio => units::percent(value),
            _ => units::time(value),
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met" } else { "missed" };
        write!(
            f,
            "{}: {verdict}, with {}",
            self.slo,
            self.shown(self.value)
        )
    }
}

/// The generator itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Generator {
    /// Requests that it handed over more than `late_seconds` after their time.
    pub(crate) late: u64,
    pub(crate) late_seconds: f64,
    /// How late it handed them over.
    pub(crate) lag: Quantiles,
    /// The part of its time in which the busiest thread had something to do, or waited for a processor.
    pub(crate) busy_ratio: f64,
    /// Requests that found all connections taken.
    pub(crate) waited_for_connection: u64,
    /// Against a responder that does nothing.
    pub(crate) calibration: Option<Calibration>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// The highest rate that was tried and kept, of GETs.
    pub(crate) keeps_rate: f64,
    /// The lowest that was tried and not kept.
    pub(crate) loses_rate: Option<f64>,
    pub(crate) at_rate: f64,
    pub(crate) intended: Quantiles,
    pub(crate) service: Quantiles,
    pub(crate) percentiles: Vec<Percentile>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    /// 0 in a report that is older than this figure.
    #[serde(default)]
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) due: u64,
    pub(crate) sent: u64,
    pub(crate) good: u64,
    pub(crate) errors: Errors,
    /// Whole answers by status, those that were expected among them.
    #[serde(default)]
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Good ones that came while requests were due.
    pub(crate) per_second: f64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) intended: Quantiles,
    pub(crate) service: Quantiles,
    /// Processor time of the server for each request, those of the warm-up and the scrapes' own time included; where we
    /// started it.
    pub(crate) server_cpu_seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Errors {
    pub(crate) unexpected_status: u64,
    /// These by the status that came.
    #[serde(default)]
    pub(crate) unexpected_statuses: BTreeMap<u16, u64>,
    pub(crate) broken: u64,
    pub(crate) timed_out: u64,
    pub(crate) refused: u64,
    /// Never sent.
    pub(crate) dropped: u64,
}

impl Errors {
    pub(crate) fn all(&self) -> u64 {
        self.unexpected_status + self.broken + self.timed_out + self.refused + self.dropped
    }

    /// How many of what: the statuses that came, and what came in the place of an answer.
    pub(crate) fn sorts(&self) -> Vec<(String, u64)> {
        let statuses = self.unexpected_statuses.iter();
        let statuses = statuses.map(|(status, count)| (format!("status {status}"), *count));
        let others = [
            ("broken", self.broken),
            ("timed out", self.timed_out),
            ("refused", self.refused),
            ("never sent", self.dropped),
        ]
        .map(|(name, count)| (name.to_owned(), count));
        let all = statuses.chain(others);
        all.filter(|(_, count)| *count > 0).collect()
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) endpoint: String,
    pub(crate) weight: u32,
    /// Whether its latencies are measured: where the client is slow or leaves, they are its own doing.
    pub(crate) timed: bool,
    pub(crate) figures: Figures,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Second {
    /// From the end of the warm-up to the end of this part.
    pub(crate) at: f64,
    /// Seconds in which requests were due: 1, less in the last one, 0 while the load only waits for answers. The
    /// plots leave out what is not whole.
    #[serde(default)]
    pub(crate) due_seconds: f64,
    /// Requests a second that were asked for; 0 in a report that is older than this figure.
    #[serde(default)]
    pub(crate) target: f64,
    pub(crate) ended: u64,
    pub(crate) good: u64,
    pub(crate) errors: u64,
    pub(crate) late: u64,
    pub(crate) in_flight: u64,
    pub(crate) intended: Quantiles,
    pub(crate) service: Quantiles,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Percentile {
    /// From 0 to 1.
    pub(crate) quantile: f64,
    pub(crate) seconds: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct LatencyBucket {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Scrapes {
    pub(crate) count: u64,
    pub(crate) samples: usize,
    pub(crate) median_seconds: f64,
    pub(crate) longest_seconds: f64,
}

/// What the server exposes of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Server {
    /// The first is before the load, the last when the server is idle again; of a long run not all scrapes.
    pub(crate) samples: Vec<ServerSample>,
    /// The largest of each figure in any scrape.
    pub(crate) most: ServerFigures,
}

impl Server {
    /// From the end of the warm-up to the end; of resident memory, where there is no heap.
    pub(crate) fn heap_growth(&self) -> Option<f64> {
        self.growth(|of| of.heap_live_bytes.or(of.resident_memory_bytes))
    }

    pub(crate) fn new_series(&self) -> Option<f64> {
        self.growth(|of| Some(of.series as f64))
    }

    fn growth(&self, of: fn(&ServerFigures) -> Option<f64>) -> Option<f64> {
        let warm = self.samples.iter().find(|sample| sample.at >= 0.0)?;
        let end = self.samples.last()?;
        Some((of(&end.figures)? - of(&warm.figures)?).max(0.0))
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct ServerSample {
    /// From the end of the warm-up; of a search, that of its first step.
    pub(crate) at: f64,
    #[serde(flatten)]
    pub(crate) figures: ServerFigures,
}

/// What it does not expose is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerFigures {
    /// In the whole exposition.
    pub(crate) series: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heap_live_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_memory_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_fds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_seconds: Option<f64>,
    /// Processors in use between the last two times that the server looked at its processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cores: Option<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Reconciliation {
    /// How many figures.
    pub(crate) compared: usize,
    pub(crate) mismatches: Vec<Mismatch>,
    /// Of single scrapes.
    pub(crate) problems: Vec<String>,
    /// Metrics that the server does not have, and so could not be compared.
    pub(crate) absent: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Reconciliation {
    pub(crate) fn holds(&self) -> bool {
        self.mismatches.is_empty() && self.problems.is_empty()
    }
}

/// Something that the server has counted and the client did not, or the other way round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mismatch {
    /// As one would ask for it.
    pub(crate) series: String,
    pub(crate) server: f64,
    pub(crate) client: Range,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) endpoint: String,
    pub(crate) requests: Figure,
    pub(crate) statuses: Vec<(String, Figure)>,
    pub(crate) aborted: Vec<(String, Figure)>,
    pub(crate) histograms: Vec<HistogramRow>,
}

impl Figure {
    /// Whether the server's is one of those that the clients' books allow. Sums are added up in another order by the server than by the
    /// clients, and so are compared to nine digits; whole numbers below 2⁵³ are exact.
    pub(crate) fn agrees(&self) -> bool {
        const ROUNDING: f64 = 1e-9;
        let Range { least, most } = self.client;
        let exact = least.fract() == 0.0 && most.fract() == 0.0;
        let slack = |bound: f64| if exact { 0.0 } else { bound.abs() * ROUNDING };
        (least - slack(least)..=most + slack(most)).contains(&self.server)
    }
}

/// What the server says, and what the clients know.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) server: f64,
    pub(crate) client: Range,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct HistogramRow {
    /// Without a prefix.
    pub(crate) name: String,
    pub(crate) count: Figure,
    pub(crate) sum: Figure,
    /// Upper bound and cumulative count, of the finite buckets.
    pub(crate) buckets: Vec<(f64, Figure)>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct FindMax {
    /// The highest rate that met the objectives; `None` where none did.
    pub(crate) rate: Option<f64>,
    /// What kept it from more.
    pub(crate) limited_by: String,
    /// In the order in which they were tried.
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) rate: f64,
    /// Good answers a second.
    pub(crate) achieved: f64,
    pub(crate) errors: u64,
    pub(crate) late: u64,
    pub(crate) intended: Quantiles,
    pub(crate) service: Quantiles,
    /// Objectives that were missed.
    pub(crate) missed: Vec<String>,
    /// Why it says nothing about the server.
    pub(crate) invalid: Vec<String>,
}

/// One of several runs of the same load.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Repetition {
    /// `new`, or `old` where an older server was measured in turn.
    pub(crate) server: String,
    pub(crate) figures: Figures,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The older report.
    pub(crate) old: String,
    /// Whether old and new were measured in turn, so that the machine's mood is out of it.
    pub(crate) interleaved: bool,
    pub(crate) pairs: usize,
    pub(crate) figures: Vec<Compared>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) name: String,
    /// `seconds`, `per second` or `ratio`.
    pub(crate) unit: String,
    /// Medians.
    pub(crate) old: f64,
    pub(crate) new: f64,
    /// New over old, of the pairs: the geometric mean and a 95 % interval.
    pub(crate) ratio: f64,
    pub(crate) ratio_low: f64,
    pub(crate) ratio_high: f64,
    /// The chance of such a difference without a cause, for all figures together.
    pub(crate) p_value: f64,
    /// `better`, `worse` or `noise`.
    pub(crate) verdict: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_agree_exactly_and_sums_to_nine_digits() {
        let agrees = |server, least, most| {
            let client = Range { least, most };
            Figure { server, client }.agrees()
        };
        assert!(agrees(5.0, 5.0, 5.0));
        assert!(!agrees(1e12 + 1.0, 1e12, 1e12));
        assert!(agrees(7.0, 5.0, f64::INFINITY));
        assert!(agrees(0.3, 0.1, 0.3 - 1e-16));
        assert!(!agrees(0.31, 0.1, 0.3));
        assert!(!agrees(4.0, 5.0, f64::INFINITY));
    }

    #[test]
    fn no_most_is_null() {
        let range = Range {
            least: 1.0,
            most: f64::INFINITY,
        };
        let json = serde_json::to_string(&range).unwrap();
        assert_eq!(json, r#"{"least":1.0,"most":null}"#);
        let read: Range = serde_json::from_str(&json).unwrap();
        assert_eq!(read, range);
    }
}
