//! What passed through the network interfaces.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
use linux::Source;
#[cfg(not(target_os = "linux"))]
use other::Source;

use std::time::{Duration, SystemTime};

use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};

use crate::reading::Reading;

/// The most interfaces that have series.
const MAX_INTERFACES: usize = 100;

/// Metrics of the network interfaces; in a container they are those of its network namespace.
///
/// | metric | type | labels | meaning | Linux | elsewhere |
/// | --- | --- | --- | --- | --- | --- |
/// | `system_network_received_bytes_total`, `system_network_transmitted_bytes_total` | counter | `interface` | traffic since the interface came up | `/proc/self/net/dev` | sysinfo |
///
/// An interface that is deleted has no series any more; one that is made again counts from 0, which
/// Prometheus takes for a restart. If none can be read, there is no sample.
///
/// At most 100 interfaces have series. On Linux the loopback and those with hardware come first, then
/// the others, and last what containers and virtual machines are attached to (`veth…`, `cali…`,
/// `lxc…`, `tap…`, `vnet…`); each in the order of their names. The samples of the others are counted as
/// dropped ([`Registry::collector_losses`]).
///
/// The counters' [start](tallied::StartTime) is when the system booted, on Linux: all interfaces were at 0 then.
///
/// A reading takes some ten microseconds. On Linux one file descriptor is kept open.
#[derive(Debug, Default)]
pub struct NetworkCollector {
    source: Source,
    reading: Reading<Vec<Interface>>,
}

/// When the system booted; `None` where the platform does not tell.
#[cfg(target_os = "linux")]
fn boot_time() -> Option<SystemTime> {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    SystemTime::now().checked_sub(Duration::try_from(since).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Option<SystemTime> {
    None
}

/// What an interface has counted.
#[derive(Debug, PartialEq, Eq)]
struct Interface {
    name: String,
    received: u64,
    transmitted: u64,
}

impl NetworkCollector {
    /// A collector for this network namespace.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.reading.max_age = max_age;
        self
    }

    /// Registers it, under the name `network`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("network", self)
    }
}

impl Collector for NetworkCollector {
    fn describe(&self) -> Vec<Description> {
        let counter = |name: &str, help: &str| {
            let counter = Description::counter(name, help)
                .with_unit(Unit::Bytes)
                .with_labels(["interface"]);
            match boot_time() {
                Some(time) => counter.since(time),
                None => counter,
            }
        };
        vec![
            counter(
                "system_network_received_bytes",
                "Bytes that the interface received since it came up",
            ),
            counter(
                "system_network_transmitted_bytes",
                "Bytes that the interface transmitted since it came up",
            ),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let interfaces = self.reading.get(samples.max_age(), || self.source.read());
        for interface in &*interfaces {
            let label = &[&*interface.name];
            samples.counter("system_network_received_bytes", label, interface.received);
            samples.counter(
                "system_network_transmitted_bytes",
                label,
                interface.transmitted,
            );
        }
    }

    fn max_samples(&self) -> usize {
        2 * MAX_INTERFACES
    }
}
