//! All that is refreshed on an interval, and what the refreshing costs.

use std::time::Instant;

use tallied::{Buckets, Family, Gauge, Histogram, RegisterError, Registry, Unit, heap};
use tallied_collectors::{HostMetrics, ProcessMetrics, RuntimeMetrics};
use tokio::runtime::Handle;

/// Upper bounds of the time that a refresh takes, in seconds.
const REFRESH_SECONDS: [f64; 8] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.1, 1.0];

/// The metrics of the process, its heap, its runtime and the host.
#[derive(Debug, Clone)]
pub struct SystemMetrics {
    process: ProcessMetrics,
    host: HostMetrics,
    runtime: Option<RuntimeMetrics>,
    refresh_seconds: Histogram,
}

impl SystemMetrics {
    /// Registers them, and looks for the first time. The runtime is the one that this is called
    /// in, if it is; the heap's are there if the counting allocator is the global one.
    ///
    /// # Errors
    /// When the registry holds a metric of one of their names already.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let buckets = Buckets::new(REFRESH_SECONDS).expect("constant bounds, which increase");
        let metrics = Self {
            process: ProcessMetrics::register(registry)?,
            host: HostMetrics::register(registry)?,
            runtime: match Handle::try_current() {
                Ok(runtime) => Some(RuntimeMetrics::register(registry, runtime)?),
                Err(_) => None,
            },
            refresh_seconds: Histogram::with_buckets(&buckets),
        };
        if heap::allocations() > 0 {
            heap::register(registry)?;
        }
        registry.register_with_unit(
            "tallied_system_refresh_seconds",
            "Time that a refresh of the process, host and runtime metrics took",
            Unit::Seconds,
            metrics.refresh_seconds.clone(),
        )?;
        let build = Family::<Gauge, 1>::new(["version"]);
        build.get_or_create(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(
            "tallied_build_info",
            "The version that runs; always 1",
            build,
        )?;
        Ok(metrics)
    }

    /// Looks at all of them. Reads files on Linux, so not on an async worker.
    pub fn refresh(&self) {
        let began = Instant::now();
        self.process.refresh();
        self.host.refresh();
        if let Some(runtime) = &self.runtime {
            runtime.refresh();
        }
        self.refresh_seconds.observe(began.elapsed().as_secs_f64());
    }
}
