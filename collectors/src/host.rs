//! What the machine has and uses: processors, memory, load, disks, network.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, PoisonError};

use sysinfo::{Disk, Disks, MemoryRefreshKind, Networks, System};
use tallied::{Family, Gauge, ObservedCounter, RegisterError, Registry, Unit};

/// The most disks, and the most network interfaces, that get series.
const MAX_DEVICES: usize = 100;

/// Metrics of the host. All come from sysinfo; in a container they are the host's, not the
/// container's.
///
/// | metric | type | labels | meaning |
/// | --- | --- | --- | --- |
/// | `system_cpu_usage_ratio` | gauge | `cpu` (a number, or `total`) | share of the time between the last two refreshes that was not idle |
/// | `system_memory_total_bytes`, `…_available_bytes`, `…_used_bytes`, `…_swap_total_bytes`, `…_swap_used_bytes` | gauge | | memory |
/// | `system_load1`, `system_load5`, `system_load15` | gauge | | load averages |
/// | `system_disk_total_bytes`, `system_disk_available_bytes` | gauge | `mount` | file systems |
/// | `system_network_received_bytes_total`, `system_network_transmitted_bytes_total` | counter | `interface` | traffic |
///
/// They hold what the last [`refresh`](Self::refresh) saw; call it on an interval of at least
/// 200 ms. The processors' usage appears with the second one. What the platform does not provide
/// is left out. A disk or an interface that is gone has no series any more. At most 100 disks and 100
/// interfaces have series; the others have none.
#[derive(Debug, Clone)]
pub struct HostMetrics {
    cpu_usage: Family<Gauge<f64>, 1>,
    memory: [Gauge<u64>; 5],
    load: [Gauge<f64>; 3],
    disk_total: Family<Gauge<u64>, 1>,
    disk_available: Family<Gauge<u64>, 1>,
    received: Family<ObservedCounter, 1>,
    transmitted: Family<ObservedCounter, 1>,
    source: Arc<Mutex<Source>>,
}

#[derive(Debug)]
struct Source {
    system: Option<System>,
    disks: Option<Disks>,
    networks: Option<Networks>,
    /// Whether the processors were looked at before, so that there is a time to speak of.
    cpu_seen: bool,
}

impl HostMetrics {
    /// Registers what this platform provides, and looks for the first time, as
    /// [`refresh`](Self::refresh) does.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already; those that were registered
    /// before it stay.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let source = Source {
            system: System::new().ok(),
            disks: Disks::new_with_refreshed_list().ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            cpu_seen: false,
        };
        let metrics = Self {
            cpu_usage: Family::new(["cpu"]),
            memory: Default::default(),
            load: Default::default(),
            disk_total: Family::new(["mount"]),
            disk_available: Family::new(["mount"]),
            received: Family::new(["interface"]),
            transmitted: Family::new(["interface"]),
            source: Arc::new(Mutex::new(source)),
        };
        metrics.refresh();
        let has_system = metrics.lock().system.is_some();
        if has_system {
            registry.register_with_unit(
                "system_cpu_usage_ratio",
                "Share of the processors' time that was not idle",
                Unit::Other("ratio".to_owned()),
                metrics.cpu_usage.clone(),
            )?;
            let memory = [
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
            for ((name, help), gauge) in memory.into_iter().zip(&metrics.memory) {
                registry.register_with_unit(name, help, Unit::Bytes, gauge.clone())?;
            }
        }
        if System::load_average().is_ok() {
            let load = [
                ("system_load1", "Load average of the last minute"),
                ("system_load5", "Load average of the last five minutes"),
                ("system_load15", "Load average of the last fifteen minutes"),
            ];
            for ((name, help), gauge) in load.into_iter().zip(&metrics.load) {
                registry.register(name, help, gauge.clone())?;
            }
        }
        registry.register_with_unit(
            "system_disk_total_bytes",
            "Size of the file system",
            Unit::Bytes,
            metrics.disk_total.clone(),
        )?;
        registry.register_with_unit(
            "system_disk_available_bytes",
            "Room that is left on the file system",
            Unit::Bytes,
            metrics.disk_available.clone(),
        )?;
        registry.register_with_unit(
            "system_network_received_bytes",
            "Bytes that the interface received since it came up",
            Unit::Bytes,
            metrics.received.clone(),
        )?;
        registry.register_with_unit(
            "system_network_transmitted_bytes",
            "Bytes that the interface transmitted since it came up",
            Unit::Bytes,
            metrics.transmitted.clone(),
        )?;
        Ok(metrics)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the host. Takes some hundred microseconds and reads files on Linux, so not on an
    /// async worker.
    pub fn refresh(&self) {
        let source = &mut *self.lock();
        if let Some(system) = &mut source.system {
            system.refresh_cpu_usage();
            if std::mem::replace(&mut source.cpu_seen, true) {
                let ratio = |percent: f32| f64::from(percent) / 100.0;
                self.cpu_usage
                    .get_or_create(&["total"])
                    .set(ratio(system.global_cpu_usage()));
                for (number, cpu) in system.cpus().iter().enumerate() {
                    let label = number.to_string();
                    self.cpu_usage
                        .get_or_create(&[&label])
                        .set(ratio(cpu.usage()));
                }
            }
            system.refresh_memory_specifics(MemoryRefreshKind::everything());
            let figures = [
                system.total_memory(),
                system.available_memory(),
                system.used_memory(),
                system.total_swap(),
                system.used_swap(),
            ];
            for (gauge, figure) in self.memory.iter().zip(figures) {
                gauge.set(figure);
            }
        }
        if let Ok(load) = System::load_average() {
            for (gauge, figure) in self.load.iter().zip([load.one, load.five, load.fifteen]) {
                gauge.set(figure);
            }
        }
        if let Some(disks) = &mut source.disks {
            disks.refresh(true);
            let mounts = |disk: &Disk| disk.mount_point().to_string_lossy().into_owned();
            let present: HashSet<String> = disks.iter().map(mounts).collect();
            for family in [&self.disk_total, &self.disk_available] {
                keep(family, &present);
            }
            for disk in disks.iter().take(MAX_DEVICES) {
                let mount = mounts(disk);
                self.disk_total
                    .get_or_create(&[&mount])
                    .set(disk.total_space());
                self.disk_available
                    .get_or_create(&[&mount])
                    .set(disk.available_space());
            }
        }
        if let Some(networks) = &mut source.networks {
            networks.refresh(true);
            let present: HashSet<String> = networks.keys().map(interface_name).collect();
            for family in [&self.received, &self.transmitted] {
                keep(family, &present);
            }
            for (interface, data) in networks.iter() {
                let interface = &*interface_name(interface);
                if self.received.len() >= MAX_DEVICES && self.received.get(&[interface]).is_none() {
                    continue;
                }
                let total = |bytes: u64| bytes as f64;
                let received = self.received.get_or_create(&[interface]);
                received.observe_total(total(data.total_received()));
                let transmitted = self.transmitted.get_or_create(&[interface]);
                transmitted.observe_total(total(data.total_transmitted()));
            }
        }
    }
}

fn interface_name(name: impl AsRef<OsStr>) -> String {
    name.as_ref().to_string_lossy().into_owned()
}

/// Removes the series of what is gone.
fn keep<M>(family: &Family<M, 1>, present: &HashSet<String>) {
    family.retain(|labels, _| labels.values().all(|value| present.contains(&*value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_has_no_series_any_more() {
        let registry = Registry::default();
        let host = HostMetrics::register(&registry).expect("an empty registry");
        host.received.get_or_create(&["veth-gone"]);
        host.disk_total.get_or_create(&["/gone \"away\""]);
        let there = host.received.len() - 1;
        host.refresh();
        assert_eq!(host.received.len(), there);
        assert!(!registry.text().contains("gone"));
    }
}
