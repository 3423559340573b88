//! The process and its runtime.

use tallied::Kind;

use super::families::{mean_rate, recent_rate};
use super::wire::{ProcessRow, Runtime};
use super::{Look, rounded};
use crate::endpoints::WINDOW;
use crate::json::Number;
use crate::model::Family;
use crate::series::{Last, Moment};

impl Look<'_> {
    /// What is known of the process, in the order of the page.
    pub(super) fn process(&self, whole: bool) -> Vec<ProcessRow> {
        let limit = |name: &str| {
            let limit = self.find(name).and_then(Family::level);
            limit.filter(|limit| limit.is_finite() && *limit > 0.0)
        };
        let memory = limit("process_cgroup_memory_limit_bytes");
        let memory = memory.or_else(|| limit("system_memory_total_bytes"));
        let processors = limit("process_cgroup_cpu_limit_cores").or(self.about.processors);
        let rows = [
            (
                "Processor",
                "process_cpu_seconds",
                processors,
                Some("cores"),
            ),
            (
                "Memory",
                "process_resident_memory_bytes",
                memory,
                Some("bytes"),
            ),
            ("Heap", "rust_heap_live_bytes", None, Some("bytes")),
            (
                "File descriptors",
                "process_open_fds",
                limit("process_max_fds"),
                None,
            ),
            ("Threads", "process_threads", None, None),
        ];
        let rows = rows.into_iter().filter_map(|(name, family, limit, unit)| {
            let (value, history) = self.figure(self.find(family)?)?;
            Some(ProcessRow {
                name,
                value: Number::rounded(value),
                limit: limit.map(Number),
                unit,
                history: whole.then(|| rounded(history)),
                last: (!whole).then(|| Number::rounded(value)),
            })
        });
        rows.collect()
    }

    /// What a metric without labels shows now, and what it showed: of a counter, its rate.
    pub(super) fn figure(&self, family: &Family) -> Option<(f64, Vec<Option<f64>>)> {
        let moments = self.model.moments();
        let series = family.series.first()?;
        let mut history = series.history(&moments);
        if family.kind == Kind::Gauge {
            return match series.last {
                Last::Level(level) => Some((level, history)),
                _ => None,
            };
        }
        history = smooth(&history, &moments);
        let now = history.last().copied().flatten()?;
        Some((now, history))
    }

    /// How busy each worker was in the last ten seconds.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        let busy = self.find("tokio_worker_busy_seconds")?;
        let moments = self.model.moments();
        let moments = &moments[moments.len().saturating_sub(WINDOW)..];
        let mut workers: Vec<(usize, f64)> = Vec::new();
        for (nth, series) in busy.series.iter().enumerate() {
            let number = series.labels.split('"').nth(1);
            let number = number.and_then(|number| number.parse().ok()).unwrap_or(nth);
            let share = recent_rate(&series.history(moments), moments).unwrap_or(0.0);
            workers.push((number, share.clamp(0.0, 1.0)));
        }
        workers.sort_unstable_by_key(|(number, _)| *number);
        let level = |name: &str| self.find(name).and_then(Family::level).map(Number);
        Some(Runtime {
            workers: workers
                .iter()
                .map(|(_, share)| Number::rounded(*share))
                .collect(),
            queue: level("tokio_global_queue_depth"),
            tasks: level("tokio_alive_tasks"),
        })
    }
}

/// Rates by column, each over ten columns or more.
///
/// A counter that a collector refreshes every ten seconds increases in one column of ten. So a window ends at the last
/// increase and begins after an earlier one: it then holds what happened in it, and all of that. Twenty columns without an
/// increase are a rate of zero.
fn smooth(rates: &[Option<f64>], moments: &[Moment]) -> Vec<Option<f64>> {
    let increases = |at: &usize| rates[*at].is_some_and(|rate| rate > 0.0);
    let smooth = (0..rates.len()).map(|now| {
        rates[now]?;
        let earliest = (now + 1).saturating_sub(2 * WINDOW);
        let Some(end) = (earliest..=now).rev().find(increases) else {
            return Some(0.0);
        };
        let earliest = (end + 1).saturating_sub(2 * WINDOW);
        let latest = (end + 1).saturating_sub(WINDOW);
        let before = (earliest..latest).rev().find(increases);
        let from = before.map_or(latest, |before| before + 1);
        mean_rate(&rates[from..=end], &moments[from..=end])
    });
    smooth.collect()
}

#[cfg(test)]
mod tests {
    use super::smooth;
    use crate::series::Moment;

    /// Of increases in columns of a second.
    fn smoothed(increases: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let rates: Vec<_> = increases.into_iter().map(Some).collect();
        let moments: Vec<_> = (0..rates.len() as u32)
            .map(|tick| Moment { tick, seconds: 1.0 })
            .collect();
        let smooth = smooth(&rates, &moments).into_iter();
        smooth.map(Option::unwrap).collect()
    }

    #[test]
    fn a_counter_that_is_refreshed_every_ten_seconds_is_a_line() {
        for every in [1, 9, 10, 11, 13] {
            let steady = (0..100).map(|at| match (at + 1) % every {
                0 => f64::from(every),
                _ => 0.0,
            });
            let smooth = smoothed(steady);
            for (at, rate) in smooth.iter().enumerate().skip(40) {
                assert!((rate - 1.0).abs() < 1e-9, "every {every} s, {at}: {rate}");
            }
        }
    }

    #[test]
    fn a_rate_begins_and_ends() {
        let mut increases = vec![0.0; 20];
        increases.extend([2.0; 20]);
        increases.extend([0.0; 30]);
        let smooth = smoothed(increases);
        assert_eq!(smooth[19], 0.0);
        assert!((smooth[20] - 0.2).abs() < 1e-9 && (smooth[35] - 2.0).abs() < 1e-9);
        assert!((smooth[58] - 2.0).abs() < 1e-9);
        assert_eq!(smooth[59], 0.0);
        assert!(smoothed([]).is_empty());
    }
}
