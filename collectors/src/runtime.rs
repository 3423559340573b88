//! What the tokio runtime does.

use tallied::{Family, Gauge, ObservedCounter, RegisterError, Registry, Unit};
use tokio::runtime::Handle;

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
/// They hold what the last [`refresh`](Self::refresh) saw.
#[derive(Debug, Clone)]
pub struct RuntimeMetrics {
    runtime: Handle,
    workers: Gauge<u64>,
    alive_tasks: Gauge<u64>,
    global_queue_depth: Gauge<u64>,
    busy_seconds: Family<ObservedCounter, 1>,
    parks: Family<ObservedCounter, 1>,
}

impl RuntimeMetrics {
    /// Registers the metrics of a runtime, such as `Handle::current()`, and looks for the first time.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already; those that were registered
    /// before it stay.
    pub fn register(registry: &Registry, runtime: Handle) -> Result<Self, RegisterError> {
        let metrics = Self {
            runtime,
            workers: Gauge::default(),
            alive_tasks: Gauge::default(),
            global_queue_depth: Gauge::default(),
            busy_seconds: Family::new(["worker"]),
            parks: Family::new(["worker"]),
        };
        metrics.refresh();
        registry.register("tokio_workers", "Worker threads", metrics.workers.clone())?;
        registry.register(
            "tokio_alive_tasks",
            "Tasks that were spawned and have not ended",
            metrics.alive_tasks.clone(),
        )?;
        registry.register(
            "tokio_global_queue_depth",
            "Tasks that wait in the queue of all workers",
            metrics.global_queue_depth.clone(),
        )?;
        registry.register_with_unit(
            "tokio_worker_busy_seconds",
            "Time that the worker spent on tasks",
            Unit::Seconds,
            metrics.busy_seconds.clone(),
        )?;
        registry.register(
            "tokio_worker_parks",
            "How often the worker ran out of work",
            metrics.parks.clone(),
        )?;
        Ok(metrics)
    }

    /// Looks at the runtime: a few atomic loads a worker.
    pub fn refresh(&self) {
        let seen = self.runtime.metrics();
        self.workers.set(seen.num_workers() as u64);
        self.alive_tasks.set(seen.num_alive_tasks() as u64);
        self.global_queue_depth
            .set(seen.global_queue_depth() as u64);
        for worker in 0..seen.num_workers() {
            let label = worker.to_string();
            let busy = seen.worker_total_busy_duration(worker).as_secs_f64();
            self.busy_seconds
                .get_or_create(&[&label])
                .observe_total(busy);
            let parks = seen.worker_park_count(worker) as f64;
            self.parks.get_or_create(&[&label]).observe_total(parks);
        }
    }
}
