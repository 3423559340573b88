//! What the tokio runtime does.

use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};
use tokio::runtime::Handle;

use crate::process::since_the_start;

/// Metrics of a tokio runtime, as far as tokio's stable interface has them.
///
/// | metric | type | labels | meaning |
/// | --- | --- | --- | --- |
/// | `tokio_workers` | gauge | | worker threads |
/// | `tokio_alive_tasks` | gauge | | tasks that were spawned and have not ended |
/// | `tokio_global_queue_depth` | gauge | | tasks that wait in the queue of all workers |
/// | `tokio_worker_busy_seconds_total` | counter | `worker` | time spent on tasks |
/// | `tokio_worker_parks_total` | counter | `worker` | how often the worker ran out of work |
///
/// The counters' [start](tallied::StartTime) is the process's.
///
/// A scrape costs a few atomic loads a worker, so each reads them anew.
#[derive(Debug, Clone)]
pub struct RuntimeCollector {
    runtime: Handle,
}

impl RuntimeCollector {
    /// A collector for this runtime, such as `Handle::current()`.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime }
    }

    /// Registers it, under the name `runtime`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("runtime", self)
    }
}

impl Collector for RuntimeCollector {
    fn describe(&self) -> Vec<Description> {
        vec![
            Description::gauge("tokio_workers", "Worker threads"),
            Description::gauge(
                "tokio_alive_tasks",
                "Tasks that were spawned and have not ended",
            ),
            Description::gauge(
                "tokio_global_queue_depth",
                "Tasks that wait in the queue of all workers",
            ),
            since_the_start(
                Description::counter(
                    "tokio_worker_busy_seconds",
                    "Time that the worker spent on tasks",
                )
                .with_unit(Unit::Seconds)
                .with_labels(["worker"]),
            ),
            since_the_start(
                Description::counter("tokio_worker_parks", "How often the worker ran out of work")
                    .with_labels(["worker"]),
            ),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let seen = self.runtime.metrics();
        let workers = seen.num_workers();
        samples.gauge("tokio_workers", &[], workers as u64);
        samples.gauge("tokio_alive_tasks", &[], seen.num_alive_tasks() as u64);
        let depth = seen.global_queue_depth() as u64;
        samples.gauge("tokio_global_queue_depth", &[], depth);
        for worker in 0..workers {
            let label = worker.to_string();
            let busy = seen.worker_total_busy_duration(worker).as_secs_f64();
            samples.counter("tokio_worker_busy_seconds", &[&label], busy);
            let parks = seen.worker_park_count(worker);
            samples.counter("tokio_worker_parks", &[&label], parks);
        }
    }
}
