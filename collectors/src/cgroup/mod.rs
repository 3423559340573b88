//! The limits that the process's cgroup sets, and how near it is to them.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod hierarchy;

use std::time::Duration;

use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};

use crate::reading::Reading;

/// Limits of the process's cgroup: those of its container, its Kubernetes pod, or its systemd unit.
///
/// | metric | type | meaning | cgroup v2 | cgroup v1 |
/// | --- | --- | --- | --- | --- |
/// | `process_cgroup_memory_limit_bytes` | gauge | the smallest memory limit of the cgroup and its ancestors | `memory.max` | `memory.limit_in_bytes` |
/// | `process_cgroup_memory_usage_bytes` | gauge | memory charged to the cgroup with that limit, page cache included | `memory.current` | `memory.usage_in_bytes` |
/// | `process_cgroup_memory_working_set_bytes` | gauge | the same without the page cache that is not in use: what cAdvisor calls so | and `memory.stat` | and `memory.stat` |
/// | `process_cgroup_cpu_limit_cores` | gauge | the smallest processor limit of the cgroup and its ancestors, in processors | `cpu.max` | `cpu.cfs_quota_us`, `cpu.cfs_period_us` |
/// | `process_cgroup_cpu_periods_total` | counter | periods in which the cgroup with that limit ran | `cpu.stat` | `cpu.stat` |
/// | `process_cgroup_cpu_throttled_periods_total` | counter | those in which it used up its limit | `cpu.stat` | `cpu.stat` |
/// | `process_cgroup_cpu_throttled_seconds_total` | counter | how long its threads then waited, all together | `cpu.stat` | `cpu.stat` |
///
/// Without a limit there is no sample, nor on other platforms than Linux.
///
/// The names are not cAdvisor's `container_…`: a query that sums those by pod would count the
/// container twice.
///
/// Ancestors count as far as the process sees them: in a container often only its own cgroup. A
/// reading takes some ten microseconds a level, and opens files.
#[derive(Debug, Default)]
pub struct CgroupCollector {
    reading: Reading<Figures>,
}

/// What a reading saw.
#[derive(Debug, Default, Clone, PartialEq)]
struct Figures {
    memory: Option<Memory>,
    cpu: Option<Cpu>,
}

/// Of the cgroup with the smallest limit.
#[derive(Debug, Clone, PartialEq)]
struct Memory {
    limit_bytes: u64,
    usage_bytes: Option<u64>,
    working_set_bytes: Option<u64>,
}

/// Of the cgroup with the smallest limit.
#[derive(Debug, Clone, PartialEq)]
struct Cpu {
    limit_cores: f64,
    throttling: Option<Throttling>,
}

#[derive(Debug, Clone, PartialEq)]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_seconds: f64,
}

impl CgroupCollector {
    /// A collector for the cgroup that the process is in when it is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.reading.max_age = max_age;
        self
    }

    /// Registers it, under the name `cgroup`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("cgroup", self)
    }
}

impl Collector for CgroupCollector {
    fn describe(&self) -> Vec<Description> {
        let bytes = |name: &str, help: &str| Description::gauge(name, help).with_unit(Unit::Bytes);
        vec![
            bytes(
                "process_cgroup_memory_limit_bytes",
                "Smallest memory limit of the process's cgroup and its ancestors",
            ),
            bytes(
                "process_cgroup_memory_usage_bytes",
                "Memory charged to the cgroup with that limit, page cache included",
            ),
            bytes(
                "process_cgroup_memory_working_set_bytes",
                "Memory charged to that cgroup, without page cache that is not in use",
            ),
            Description::gauge(
                "process_cgroup_cpu_limit_cores",
                "Smallest processor limit of the process's cgroup and its ancestors",
            )
            .with_unit(Unit::Other("cores".to_owned())),
            Description::counter(
                "process_cgroup_cpu_periods",
                "Periods in which the cgroup with that limit ran",
            ),
            Description::counter(
                "process_cgroup_cpu_throttled_periods",
                "Periods in which that cgroup used up its limit",
            ),
            Description::counter(
                "process_cgroup_cpu_throttled_seconds",
                "Time that the threads of that cgroup waited for the next period",
            )
            .with_unit(Unit::Seconds),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let figures = self.reading.get(samples.max_age(), read);
        if let Some(memory) = &figures.memory {
            let bytes = [
                (
                    "process_cgroup_memory_limit_bytes",
                    Some(memory.limit_bytes),
                ),
                ("process_cgroup_memory_usage_bytes", memory.usage_bytes),
                (
                    "process_cgroup_memory_working_set_bytes",
                    memory.working_set_bytes,
                ),
            ];
            for (name, bytes) in bytes {
                if let Some(bytes) = bytes {
                    samples.gauge(name, &[], bytes);
                }
            }
        }
        if let Some(cpu) = &figures.cpu {
            samples.gauge("process_cgroup_cpu_limit_cores", &[], cpu.limit_cores);
            if let Some(seen) = &cpu.throttling {
                samples.counter("process_cgroup_cpu_periods", &[], seen.periods);
                samples.counter(
                    "process_cgroup_cpu_throttled_periods",
                    &[],
                    seen.throttled_periods,
                );
                samples.counter(
                    "process_cgroup_cpu_throttled_seconds",
                    &[],
                    seen.throttled_seconds,
                );
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn read() -> Figures {
    let cgroups = std::fs::read("/proc/self/cgroup");
    let mounts = std::fs::read("/proc/self/mountinfo");
    let (Ok(cgroups), Ok(mounts)) = (cgroups, mounts) else {
        return Figures::default();
    };
    let mounts = crate::mountinfo::parse(&mounts);
    let find = |controller| hierarchy::find(&cgroups, &mounts, controller);
    Figures {
        memory: find("memory").and_then(|levels| files::memory(&levels)),
        cpu: find("cpu").and_then(|levels| files::cpu(&levels)),
    }
}

#[cfg(not(target_os = "linux"))]
fn read() -> Figures {
    Figures::default()
}
