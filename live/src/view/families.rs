//! The families that have no panel of their own.

use serde_json::value::RawValue;
use tallied::Kind;

use super::wire::{FamilyRow, SeriesRow};
use super::{Look, Sent, hash, raw, rounded};
use crate::endpoints::{SPARK, WINDOW};
use crate::json::Number;
use crate::model::{Family, Role};
use crate::series::{Last, Moment, Series};

/// The most series that are shown of a family.
const SHOWN: usize = 8;

/// How often those are chosen anew, in ticks.
const CHOSEN_EVERY: u32 = 10;

/// Families that other panels show.
const ELSEWHERE: [&str; 19] = [
    "http_metrics_without_hoop",
    "http_requests_endpoint_overflow",
    "tallied_scrapes",
    "tallied_scrape_duration_seconds",
    "tallied_scrape_size_bytes",
    "tallied_scrape_samples",
    "tallied_connections",
    "tallied_connections_refused",
    "tallied_connections_cut_off",
    "tallied_live_viewers",
    "process_cpu_seconds",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_threads",
    "rust_heap_live_bytes",
    "tokio_alive_tasks",
    "tokio_global_queue_depth",
    "tokio_worker_busy_seconds",
];

impl Family {
    pub(super) fn is_shown_elsewhere(&self) -> bool {
        let sizes = matches!(self.role, Role::RequestSize | Role::ResponseSize);
        self.role != Role::Other && !sizes || ELSEWHERE.iter().any(|name| self.is_named(name))
    }
}

impl Look<'_> {
    /// All of them, or those that have changed.
    pub(super) fn family_rows(&self, whole: bool, sent: &mut Sent) -> Vec<Box<RawValue>> {
        let moments = self.model.moments();
        let moments = &moments[moments.len().saturating_sub(SPARK)..];
        let mut rows = Vec::new();
        for (at, family) in self.model.families.iter().enumerate() {
            if family.is_shown_elsewhere() {
                continue;
            }
            // What has not changed for long is in the row that was sent.
            let quiet = family.series.iter().all(|series| series.busy == 0.0);
            if !whole
                && quiet
                && family.row != 0
                && family.shown.len() == family.series.len().min(SHOWN)
            {
                continue;
            }
            let shown = self.choose(family);
            let keys: Vec<u64> = shown.iter().map(|series| series.key).collect();
            let same = keys == family.shown;
            let row = |with_history: bool| {
                let shown = shown.iter().map(|s| series_row(s, moments, with_history));
                raw(&FamilyRow {
                    name: &family.written_name(),
                    kind: family.kind.as_str(),
                    help: &family.help,
                    unit: family.unit.as_deref(),
                    series: family.series.len() + family.untracked as usize,
                    shown: shown.collect(),
                    more: family.series.len() + family.untracked as usize - keys.len(),
                })
            };
            let changed = row(false);
            let hash = hash(&changed);
            if whole {
                rows.push(row(true));
                sent.families.push((at, hash, keys));
            } else if hash != family.row {
                // Series that were not shown before come with what they were.
                rows.push(if same { changed } else { row(true) });
                sent.families.push((at, hash, keys));
            }
        }
        rows
    }

    /// Those that are shown, in the order of the registry: the busiest, chosen anew from time to time.
    fn choose<'a>(&self, family: &'a Family) -> Vec<&'a Series> {
        if family.series.len() <= SHOWN {
            return family.series.iter().collect();
        }
        let renew = self.model.last_tick() % CHOSEN_EVERY == 0 || family.shown.is_empty();
        if !renew {
            let shown: Vec<&Series> = family
                .series
                .iter()
                .filter(|series| family.shown.contains(&series.key))
                .collect();
            if shown.len() == SHOWN {
                return shown;
            }
        }
        busiest(family, SHOWN)
    }
}

/// The busiest series, in the order of the registry.
pub(super) fn busiest(family: &Family, most: usize) -> Vec<&Series> {
    let mut order: Vec<(usize, &Series)> = family.series.iter().enumerate().collect();
    if order.len() > most {
        order.select_nth_unstable_by(most - 1, |a, b| {
            b.1.busy.total_cmp(&a.1.busy).then(a.0.cmp(&b.0))
        });
        order.truncate(most);
        order.sort_unstable_by_key(|(at, _)| *at);
    }
    order.into_iter().map(|(_, series)| series).collect()
}

fn series_row<'a>(series: &'a Series, moments: &[Moment], with_history: bool) -> SeriesRow<'a> {
    let history = series.history(moments);
    let value = match &series.last {
        Last::Level(level) => Some(*level),
        _ => recent_rate(&history, moments),
    };
    let total = match &series.last {
        Last::Level(_) => None,
        Last::Total(total) => Some(Number(*total)),
        Last::Buckets(counts) => Some(Number(counts.count as f64)),
    };
    let last = history.last().copied().flatten().map(Number::rounded);
    SeriesRow {
        labels: &series.labels,
        // As it is: four digits of a time are months.
        value: match series.last {
            Last::Level(level) => Some(Number(level)),
            _ => value.map(Number::rounded),
        },
        total,
        history: with_history.then(|| rounded(history)),
        last: (!with_history).then_some(last),
    }
}

/// The rate of the last ten seconds, from rates by column.
pub(super) fn recent_rate(history: &[Option<f64>], moments: &[Moment]) -> Option<f64> {
    let from = history.len().saturating_sub(WINDOW);
    mean_rate(&history[from..], &moments[from..])
}

/// The rate over some columns.
pub(super) fn mean_rate(history: &[Option<f64>], moments: &[Moment]) -> Option<f64> {
    let (mut amount, mut seconds) = (0.0, 0.0);
    for (rate, moment) in history.iter().zip(moments) {
        if let Some(rate) = rate {
            amount += rate * moment.seconds;
            seconds += moment.seconds;
        }
    }
    (seconds > 0.0).then(|| amount / seconds)
}

/// Whether a family of this kind is drawn as a heat map.
pub(super) fn has_heat(family: &Family) -> bool {
    family.kind == Kind::Histogram
}
