//! What is shown: sentences, percentiles and rates, made of what the [`Model`] knows.
//!
//! Everything that can be wrong is computed here, where it can be tested; the page draws.

mod detail;
mod endpoints;
mod families;
mod findings;
mod process;
mod promql;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant, SystemTime};

use serde_json::value::RawValue;
use tallied::ReadError;
use tallied_http::{Recent, RecentRequest};

use self::wire::{
    Common, Connections, Current, Heat, HeatColumn, Left, Names, Overview, Percentile, Request,
    ScrapesRow, State, Tick,
};
use crate::json::Number;
use crate::model::{CAPACITY, Column, Family, Model, QUANTILES};
use crate::quantile::quantile;
use crate::series::Last;
use crate::text::{cut, seconds, thousands};

/// A reading that takes so long is a problem.
const SLOW_READING: Duration = Duration::from_millis(500);

/// A clock that jumped is said for so long.
const CLOCK_SAID: Duration = Duration::from_secs(60);

/// What a view is made of.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) model: &'a Model,
    pub(crate) about: &'a About,
    pub(crate) now: Instant,
    pub(crate) clock: SystemTime,
    pub(crate) recent: Recent,
    /// The most endpoints, and how many there are.
    pub(crate) endpoint_places: Option<(usize, usize)>,
    pub(crate) viewers: usize,
    pub(crate) max_viewers: usize,
    pub(crate) draining: bool,
}

/// What does not change.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) build: wire::Build,
    pub(crate) configuration: Vec<wire::ConfigurationRow>,
    /// How many the process may use.
    pub(crate) processors: Option<f64>,
}

/// The hashes of the rows that are sent, to be kept in the model.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) endpoints: Vec<(usize, u64)>,
    pub(crate) families: Vec<(usize, u64, Vec<u64>)>,
}

impl Sent {
    pub(crate) fn keep(self, model: &mut Model) {
        for (id, row) in self.endpoints {
            model.endpoints.all[id].row = row;
        }
        for (at, row, shown) in self.families {
            let family = &mut model.families[at];
            (family.row, family.shown) = (row, shown);
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

/// A row as it is sent. What is serialized are numbers and texts, which always can be.
fn raw(row: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(row).expect("numbers and texts have a JSON")
}

fn hash(row: &RawValue) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.get().hash(&mut hasher);
    // 0 is what was never sent.
    hasher.finish().max(1)
}

fn rounded(values: Vec<Option<f64>>) -> Vec<Option<Number>> {
    let rounded = values.into_iter().map(|value| value.map(Number::rounded));
    rounded.collect()
}

impl Family {
    /// Whether it has this name, after any prefix.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let prefix = self.name.strip_suffix(name);
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
    }

    /// The name of its samples.
    pub(crate) fn written_name(&self) -> String {
        match self.kind {
            tallied::Kind::Counter => format!("{}_total", self.name),
            _ => self.name.to_string(),
        }
    }

    /// What a gauge without labels shows.
    pub(crate) fn level(&self) -> Option<f64> {
        match self.series.first()?.last {
            Last::Level(level) => Some(level),
            _ => None,
        }
    }

    /// The sum of a counter's series.
    pub(crate) fn total(&self) -> f64 {
        let totals = self.series.iter().map(|series| match series.last {
            Last::Total(total) => total,
            _ => 0.0,
        });
        totals.sum()
    }

    /// The totals of a counter with one label, by its value.
    fn totals_by_label(&self) -> BTreeMap<String, Number> {
        let totals = self.series.iter().filter_map(|series| {
            let value = only_value(&series.labels)?;
            match series.last {
                Last::Total(total) => Some((value.to_owned(), Number(total))),
                _ => None,
            }
        });
        totals.collect()
    }
}

/// The value of the one label that a series has, as it is written.
fn only_value(labels: &str) -> Option<&str> {
    let (_, value) = labels.split_once("=\"")?;
    Some(value.strip_suffix('"').unwrap_or(value))
}

impl Look<'_> {
    /// The state as a JSON.
    pub(crate) fn state(&self) -> (String, Sent) {
        let mut sent = Sent::default();
        let columns = &self.model.columns;
        let every = |value: fn(&Column) -> Option<f64>| {
            rounded(columns.iter().map(value).collect::<Vec<_>>())
        };
        let state = State {
            version: 1,
            now: unix_millis(self.clock),
            interval_ms: 1000,
            capacity: CAPACITY,
            times: self.times(),
            overview: Overview {
                rate: every(|c| Some(c.happened.requests / c.seconds)),
                errors: every(|c| Some(c.happened.errors / c.seconds)),
                aborted: every(|c| Some(c.happened.aborted / c.seconds)),
                p50: every(|c| c.quantiles[0]),
                p95: every(|c| c.quantiles[1]),
                p99: every(|c| c.quantiles[2]),
                in_flight: every(|c| c.in_flight),
            },
            heat: Heat {
                bounds: self.model.bounds().iter().copied().map(Number).collect(),
                columns: columns.iter().map(heat_of).collect(),
            },
            build: self.build(),
            configuration: self.about.configuration.clone(),
            max_viewers: self.max_viewers,
            names: self.names(),
            promql: self.promql(),
            endpoints: self.endpoint_rows(true, &mut sent),
            families: self.family_rows(true, &mut sent),
            common: self.common(true),
        };
        (json(&state), sent)
    }

    /// What has changed with the last column as a JSON; `None` without a column.
    pub(crate) fn tick(&self) -> Option<(String, Sent)> {
        let mut sent = Sent::default();
        let column = self.model.columns.back()?;
        let number = |value: Option<f64>| value.map(Number::rounded);
        let tick = Tick {
            now: unix_millis(self.clock),
            time: self.millis(column.at),
            overview: Overview {
                rate: number(Some(column.happened.requests / column.seconds)),
                errors: number(Some(column.happened.errors / column.seconds)),
                aborted: number(Some(column.happened.aborted / column.seconds)),
                p50: number(column.quantiles[0]),
                p95: number(column.quantiles[1]),
                p99: number(column.quantiles[2]),
                in_flight: number(column.in_flight),
            },
            heat: HeatColumn {
                column: heat_of(column),
            },
            endpoints: self.endpoint_rows(false, &mut sent),
            families: self.family_rows(false, &mut sent),
            families_gone: self
                .model
                .families_gone
                .iter()
                .map(|n| n.to_string())
                .collect(),
            common: self.common(false),
        };
        Some((json(&tick), sent))
    }

    /// The sentence and the four figures as a JSON.
    pub(crate) fn brief(&self) -> String {
        let current = self.current();
        let summary = self.summary(&current, &self.findings());
        json(&wire::Brief {
            now: unix_millis(self.clock),
            summary,
            current,
        })
    }

    /// A moment by the system's clock as it is now: columns keep their age when that jumps.
    fn millis(&self, at: Instant) -> i64 {
        let age = self.now.saturating_duration_since(at).as_millis();
        unix_millis(self.clock) - i64::try_from(age).unwrap_or(i64::MAX)
    }

    fn times(&self) -> Vec<i64> {
        let columns = self.model.columns.iter();
        columns.map(|column| self.millis(column.at)).collect()
    }

    fn find(&self, name: &str) -> Option<&Family> {
        self.model
            .families
            .iter()
            .find(|family| family.is_named(name))
    }

    fn common(&self, whole: bool) -> Common {
        let current = self.current();
        let findings = self.findings();
        Common {
            thinned: self.thinned(),
            problem: self.problem(),
            summary: self.summary(&current, &findings),
            current,
            errors: self.recent.errors.iter().map(request).collect(),
            slowest: self.recent.slowest.iter().map(request).collect(),
            left: self.left(),
            process: self.process(whole),
            runtime: self.runtime(),
            findings,
            scrapes: self.scrapes(),
            viewers: self.viewers,
        }
    }

    fn current(&self) -> Current {
        let mut seconds = 0.0;
        let (mut requests, mut errors, mut aborted) = (0.0, 0.0, 0.0);
        for column in self.model.window() {
            seconds += column.seconds;
            requests += column.happened.requests;
            errors += column.happened.errors;
            aborted += column.happened.aborted;
        }
        let counts = self.model.window_heat();
        let [p50, p95, p99] = QUANTILES.map(|q| {
            let quantile = quantile(q, self.model.bounds(), &counts)?;
            Some(Percentile {
                value: Number(quantile.value),
                low: Number(quantile.low),
                high: quantile.high.map(Number),
                wide: quantile.is_wide(),
            })
        });
        let of_requests = |part: f64| (requests > 0.0).then(|| Number::rounded(part / requests));
        Current {
            window_seconds: Number((seconds * 10.0_f64).round() / 10.0),
            rate: (seconds > 0.0).then(|| Number::rounded(requests / seconds)),
            errors_ratio: of_requests(errors),
            aborted_ratio: of_requests(aborted),
            p50,
            p95,
            p99,
            in_flight: self.model.in_flight().map(Number),
        }
    }

    fn left(&self) -> Left {
        let mut reasons: BTreeMap<String, Number> = BTreeMap::new();
        for endpoint in &self.model.endpoints.all {
            for (reason, total) in &endpoint.aborted {
                reasons.entry(reason.to_string()).or_insert(Number(0.0)).0 += total;
            }
        }
        let connections = self.find("tallied_connections").map(|open| {
            let refused = self.find("tallied_connections_refused");
            let cut_off = self.find("tallied_connections_cut_off");
            let mut cut_off = cut_off.map(Family::totals_by_label).unwrap_or_default();
            Connections {
                open: Number(open.level().unwrap_or(0.0)),
                refused: Number(refused.map_or(0.0, Family::total)),
                evicted: cut_off.remove("evicted").unwrap_or(Number(0.0)),
                cut_off,
            }
        });
        Left {
            reasons,
            connections,
            draining: self.draining,
        }
    }

    fn scrapes(&self) -> ScrapesRow {
        let scrapes = &self.model.scrapes;
        let number = |value: Option<f64>| value.map(Number::rounded);
        let results = scrapes.results.iter();
        ScrapesRow {
            last: scrapes.last().map(|last| self.millis(last)),
            interval_seconds: number(scrapes.interval_seconds()),
            seconds: number(scrapes.seconds),
            bytes: number(scrapes.bytes),
            samples: scrapes.samples.map(Number),
            results: results
                .map(|(result, total)| (result.to_string(), Number(*total)))
                .collect(),
        }
    }

    fn build(&self) -> wire::Build {
        let mut build = self.about.build.clone();
        let started = self
            .find("process_start_time_seconds")
            .and_then(Family::level);
        if let Some(started) = started.filter(|s| s.is_finite() && *s > 0.0) {
            build.started = (started * 1000.0) as i64;
        }
        build
    }

    fn names(&self) -> Names {
        let prefix = self.model.prefix.as_deref().unwrap_or_default();
        Names {
            requests: format!("{prefix}http_requests_total"),
            duration: format!("{prefix}http_request_duration_seconds"),
            aborted: format!("{prefix}http_requests_aborted_total"),
            in_flight: format!("{prefix}http_requests_in_flight"),
        }
    }

    fn thinned(&self) -> Option<String> {
        let thinned = &self.model.thinned;
        let mut parts = Vec::new();
        for (count, how) in [
            (thinned.tens, "at 10 s"),
            (thinned.minutes, "at 60 s"),
            (thinned.last_only, "without a history"),
        ] {
            if count > 0 {
                parts.push(format!("{} {how}", thousands(count as u64)));
            }
        }
        let mut sentences = Vec::new();
        if !parts.is_empty() {
            let all = thousands(thinned.series as u64);
            sentences.push(format!("Of {all} series, {} are kept.", join(&parts)));
        }
        if thinned.untracked > 0 {
            let count = thousands(thinned.untracked);
            sentences.push(format!("{count} series more are not shown."));
        }
        if self.model.endpoints.left_out > 0 {
            let shown = thousands(self.model.endpoints.all.len() as u64);
            sentences.push(format!("Only the first {shown} endpoints are shown."));
        }
        if self.model.endpoints.blind > 0 {
            let blind = thousands(self.model.endpoints.blind as u64);
            sentences.push(format!(
                "There is no room for the percentiles of {blind} endpoints."
            ));
        }
        if self.model.families_left_out > 0 {
            let left_out = thousands(self.model.families_left_out as u64);
            sentences.push(format!("{left_out} metrics are not shown."));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    fn problem(&self) -> Option<String> {
        let mut sentences = Vec::new();
        for failure in self.model.failures.iter().take(3) {
            let name = cut(failure.name());
            sentences.push(match failure {
                ReadError::TimedOut { .. } => {
                    format!("Reading {name} takes too long, so it is left out.")
                }
                ReadError::Panicked { message, .. } => {
                    format!(
                        "Reading {name} panicked, so it is left out: {}.",
                        cut(message)
                    )
                }
                _ => format!("There is no thread for reading {name}, so it is left out."),
            });
        }
        if let more @ 1.. = self.model.failures.len().saturating_sub(3) {
            sentences.push(format!("{more} more could not be read."));
        }
        let took = self.model.reading_took;
        if took >= SLOW_READING {
            let took = seconds(took.as_secs_f64());
            sentences.push(format!("Reading all metrics takes {took}."));
        }
        if let Some((at, by)) = self.model.clock_jump {
            if self.now.saturating_duration_since(at) < CLOCK_SAID {
                let way = if by < 0 { "back" } else { "forward" };
                let by = seconds(by.unsigned_abs() as f64);
                sentences.push(format!("The system's clock jumped {way} by {by}."));
            }
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

fn heat_of(column: &Column) -> Option<Vec<u64>> {
    column.heat.as_ref().map(|heat| heat.to_vec())
}

fn request(request: &RecentRequest) -> Request {
    Request {
        time: unix_millis(request.time),
        method: request.method,
        route: cut(request.endpoint).into_owned(),
        status: request.status.map(|status| status.as_u16()),
        reason: request.aborted,
        seconds: Number::rounded(request.duration.as_secs_f64()),
        bytes: request.bytes,
    }
}

pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("numbers and texts have a JSON")
}

/// `a`, `a and b`, `a, b and c`.
fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
