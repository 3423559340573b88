//! What the machine has and uses: processors, memory, load.

#[cfg(any(target_os = "linux", test))]
mod cpu_shares;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
use linux::Processors;
#[cfg(not(target_os = "linux"))]
use other::Processors;

use std::time::Duration;

use sysinfo::{MemoryRefreshKind, System};
use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};

use crate::reading::{DEFAULT_MAX_AGE, Reading};

/// The shortest time that the processors' usage is the share of, unless the processors were first
/// looked at later.
const MIN_CPU_WINDOW: Duration = Duration::from_secs(1);

/// Metrics of the host; in a container too they are the host's.
///
/// | metric | type | labels | meaning | Linux | elsewhere |
/// | --- | --- | --- | --- | --- | --- |
/// | `system_cpu_usage_ratio` | gauge | `cpu` (a number, or `total`) | share of the time that was not idle | `/proc/stat` | sysinfo |
/// | `system_memory_total_bytes`, `…_available_bytes`, `…_used_bytes`, `…_swap_total_bytes`, `…_swap_used_bytes` | gauge | | memory | sysinfo | sysinfo |
/// | `system_load1`, `system_load5`, `system_load15` | gauge | | load averages | sysinfo | sysinfo |
///
/// What cannot be read, or what the platform does not provide, has no sample.
///
/// The processors' usage is the share of a time that ends with the reading and lasts at least as long as a
/// figure is [used again](Self::with_max_age), and at least 1 s. It begins with an earlier reading: with
/// scrapes every 15 s it is the share of the last 15 s. Other scrapes do not shorten it. In the first
/// second after the registration the time is shorter, and in the first 200 ms there is no sample.
///
/// A reading takes some hundred microseconds. On Linux one file descriptor is kept open.
#[derive(Debug)]
pub struct HostCollector {
    processors: Processors,
    reading: Reading<Figures>,
}

/// What a reading saw.
#[derive(Debug)]
struct Figures {
    /// By processor, and `total`.
    cpu: Vec<(String, f64)>,
    memory: Option<[u64; 5]>,
    load: Option<[f64; 3]>,
}

const MEMORY: [(&str, &str); 5] = [
    ("system_memory_total_bytes", "Physical memory of the host"),
    (
        "system_memory_available_bytes",
        "Memory that can be had without swapping",
    ),
    ("system_memory_used_bytes", "Memory in use on the host"),
    ("system_memory_swap_total_bytes", "Swap space of the host"),
    (
        "system_memory_swap_used_bytes",
        "Swap space in use on the host",
    ),
];

const LOAD: [(&str, &str); 3] = [
    ("system_load1", "Load average of the last minute"),
    ("system_load5", "Load average of the last five minutes"),
    ("system_load15", "Load average of the last fifteen minutes"),
];

impl Default for HostCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl HostCollector {
    /// A collector for this host. It reads the processors' times, which the usage is then the share since.
    pub fn new() -> Self {
        Self {
            processors: Processors::new(DEFAULT_MAX_AGE),
            reading: Reading::default(),
        }
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.reading.max_age = max_age;
        self.processors.set_window(max_age.max(MIN_CPU_WINDOW));
        self
    }

    /// Registers it, under the name `host`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("host", self)
    }
}

impl Collector for HostCollector {
    fn describe(&self) -> Vec<Description> {
        let mut families = vec![
            Description::gauge(
                "system_cpu_usage_ratio",
                "Share of the processors' time that was not idle",
            )
            .with_unit(Unit::Other("ratio".to_owned()))
            .with_labels(["cpu"]),
        ];
        families.extend(
            MEMORY.map(|(name, help)| Description::gauge(name, help).with_unit(Unit::Bytes)),
        );
        families.extend(LOAD.map(|(name, help)| Description::gauge(name, help)));
        families
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let is_complete = |figures: &Figures| !figures.cpu.is_empty() && figures.memory.is_some();
        let figures = self
            .reading
            .get_complete(samples.max_age(), is_complete, || Figures {
                cpu: self.processors.shares(),
                memory: memory(),
                load: load(),
            });
        for (cpu, share) in &figures.cpu {
            samples.gauge("system_cpu_usage_ratio", &[cpu], *share);
        }
        let memory = figures.memory.iter().flatten();
        for ((name, _), bytes) in MEMORY.iter().zip(memory) {
            samples.gauge(name, &[], *bytes);
        }
        let load = figures.load.iter().flatten();
        for ((name, _), average) in LOAD.iter().zip(load) {
            samples.gauge(name, &[], *average);
        }
    }
}

/// In the order of [`MEMORY`].
fn memory() -> Option<[u64; 5]> {
    // A new one each time: an old one would keep its figures when they cannot be read.
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    // No memory at all: it could not be read.
    (system.total_memory() > 0).then(|| {
        [
            system.total_memory(),
            system.available_memory(),
            system.used_memory(),
            system.total_swap(),
            system.used_swap(),
        ]
    })
}

fn load() -> Option<[f64; 3]> {
    let load = System::load_average().ok()?;
    Some([load.one, load.five, load.fifteen])
}
