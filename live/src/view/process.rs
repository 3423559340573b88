//! The process and its runtime.

use tallied::Kind;

use super::families::recent_rate;
use super::wire::{ProcessRow, Runtime};
use super::{Look, rounded};
use crate::endpoints::WINDOW;
use crate::json::Number;
use crate::model::Family;
use crate::series::Last;

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

    /// What a metric without labels shows now, and what it showed. A counter may be refreshed every few seconds only, so
    /// its rate is that of the last ten.
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
        let smooth = (0..history.len()).map(|end| {
            let from = (end + 1).saturating_sub(WINDOW);
            recent_rate(&history[from..=end], &moments[from..=end])
        });
        history = smooth.collect();
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
