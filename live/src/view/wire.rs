//! What the page gets, as it stands in the JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::json::Number;

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) now: i64,
    pub(crate) interval_ms: u64,
    pub(crate) capacity: usize,
    pub(crate) times: Vec<i64>,
    pub(crate) overview: Overview<Vec<Option<Number>>>,
    pub(crate) heat: Heat,
    pub(crate) build: Build,
    pub(crate) configuration: Vec<ConfigurationRow>,
    pub(crate) max_viewers: usize,
    pub(crate) names: Names,
    /// By panel, what a dashboard asks for: title and query.
    pub(crate) promql: BTreeMap<&'static str, Vec<(&'static str, String)>>,
    pub(crate) endpoints: Vec<Box<RawValue>>,
    pub(crate) families: Vec<Box<RawValue>>,
    #[serde(flatten)]
    pub(crate) common: Common,
}

/// What has changed in a second.
#[derive(Debug, Serialize)]
pub(crate) struct Tick {
    pub(crate) now: i64,
    pub(crate) time: i64,
    pub(crate) overview: Overview<Option<Number>>,
    pub(crate) heat: HeatColumn,
    pub(crate) endpoints: Vec<Box<RawValue>>,
    pub(crate) families: Vec<Box<RawValue>>,
    pub(crate) families_gone: Vec<String>,
    #[serde(flatten)]
    pub(crate) common: Common,
}

/// What is always sent as a whole, because it is small.
#[derive(Debug, Serialize)]
pub(crate) struct Common {
    pub(crate) thinned: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) summary: Summary,
    pub(crate) current: Current,
    pub(crate) errors: Vec<Request>,
    pub(crate) slowest: Vec<Request>,
    pub(crate) left: Left,
    pub(crate) process: Vec<ProcessRow>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) scrapes: ScrapesRow,
    pub(crate) viewers: usize,
}

/// The sentence and the four figures.
#[derive(Debug, Serialize)]
pub(crate) struct Brief {
    pub(crate) now: i64,
    pub(crate) summary: Summary,
    pub(crate) current: Current,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Idle,
    Ok,
    Info,
    Warn,
    Bad,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) text: String,
    pub(crate) level: Level,
}

#[derive(Debug, Serialize)]
pub(crate) struct Overview<T> {
    pub(crate) rate: T,
    pub(crate) errors: T,
    pub(crate) aborted: T,
    pub(crate) p50: T,
    pub(crate) p95: T,
    pub(crate) p99: T,
    pub(crate) in_flight: T,
}

#[derive(Debug, Serialize)]
pub(crate) struct Current {
    pub(crate) window_seconds: Number,
    pub(crate) rate: Option<Number>,
    pub(crate) errors_ratio: Option<Number>,
    pub(crate) aborted_ratio: Option<Number>,
    pub(crate) p50: Option<Percentile>,
    pub(crate) p95: Option<Percentile>,
    pub(crate) p99: Option<Percentile>,
    pub(crate) in_flight: Option<Number>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Percentile {
    pub(crate) value: Number,
    pub(crate) low: Number,
    pub(crate) high: Option<Number>,
    pub(crate) wide: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Heat {
    pub(crate) bounds: Vec<Number>,
    pub(crate) columns: Vec<Option<Vec<u64>>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HeatColumn {
    pub(crate) column: Option<Vec<u64>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EndpointRow<'a> {
    pub(crate) id: usize,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) rate: Option<Number>,
    pub(crate) share: Option<Number>,
    pub(crate) p50: Option<Number>,
    pub(crate) p95: Option<Number>,
    pub(crate) p99: Option<Number>,
    pub(crate) errors: Number,
    pub(crate) aborted: Pairs<'a>,
    pub(crate) statuses: Statuses<'a>,
    pub(crate) requests: Number,
    pub(crate) bytes_in: Number,
    pub(crate) bytes_out: Number,
    pub(crate) histogram: &'a [u64],
    pub(crate) bounds: Option<Vec<Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spark: Option<Vec<Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spark_last: Option<Number>,
}

/// An object of names and totals.
#[derive(Debug)]
pub(crate) struct Pairs<'a>(pub(crate) &'a [(Box<str>, f64)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = self.0.iter().filter(|(_, total)| *total != 0.0);
        serializer.collect_map(counted.map(|(name, total)| (name, Number(*total))))
    }
}

/// An object of statuses and totals.
#[derive(Debug)]
pub(crate) struct Statuses<'a>(pub(crate) &'a [(u16, f64)]);

impl Serialize for Statuses<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = self.0.iter().filter(|(_, total)| *total != 0.0);
        serializer.collect_map(counted.map(|(status, total)| (status, Number(*total))))
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) time: i64,
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) status: Option<u16>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) seconds: Number,
    pub(crate) bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Left {
    pub(crate) reasons: BTreeMap<String, Number>,
    pub(crate) connections: Option<Connections>,
    pub(crate) draining: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Connections {
    pub(crate) open: Number,
    pub(crate) refused: Number,
    /// To make room for others.
    pub(crate) evicted: Number,
    /// By other reasons.
    pub(crate) cut_off: BTreeMap<String, Number>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ProcessRow {
    pub(crate) name: &'static str,
    pub(crate) value: Number,
    pub(crate) limit: Option<Number>,
    pub(crate) unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<Vec<Option<Number>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Number>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Runtime {
    pub(crate) workers: Vec<Number>,
    pub(crate) queue: Option<Number>,
    pub(crate) tasks: Option<Number>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FamilyRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'a str,
    pub(crate) unit: Option<&'a str>,
    pub(crate) series: usize,
    pub(crate) shown: Vec<SeriesRow<'a>>,
    pub(crate) more: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct SeriesRow<'a> {
    pub(crate) labels: &'a str,
    pub(crate) value: Option<Number>,
    /// Of a counter and a histogram, since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<Vec<Option<Number>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Option<Number>>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) link: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ScrapesRow {
    pub(crate) last: Option<i64>,
    pub(crate) interval_seconds: Option<Number>,
    pub(crate) seconds: Option<Number>,
    pub(crate) bytes: Option<Number>,
    pub(crate) samples: Option<Number>,
    pub(crate) results: BTreeMap<String, Number>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) started: i64,
    pub(crate) rows: Vec<(String, String)>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConfigurationRow {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) origin: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Names {
    pub(crate) requests: String,
    pub(crate) duration: String,
    pub(crate) aborted: String,
    pub(crate) in_flight: String,
}

/// What a row of an endpoint opens.
#[derive(Debug, Serialize)]
pub(crate) struct EndpointDetail {
    pub(crate) id: usize,
    pub(crate) times: Vec<i64>,
    pub(crate) heat: Option<Heat>,
    pub(crate) statuses: BTreeMap<u16, Vec<Option<Number>>>,
}

/// What a family opens.
#[derive(Debug, Serialize)]
pub(crate) struct FamilyDetail<'a> {
    pub(crate) name: &'a str,
    pub(crate) times: Vec<i64>,
    pub(crate) series: Vec<SeriesHistory<'a>>,
    pub(crate) heat: Option<Heat>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SeriesHistory<'a> {
    pub(crate) labels: &'a str,
    pub(crate) history: Vec<Option<Number>>,
}
