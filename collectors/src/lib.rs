//! Metrics of the process, its cgroup and heap, the host, and the tokio runtime, read when they are
//! scraped.
//!
//! ```
//! use tallied::Registry;
//!
//! let registry = Registry::default();
//! tallied_collectors::register_all(&registry)?;
//! assert!(registry.text().contains("process_start_time_seconds"));
//! # Ok::<(), tallied::RegisterError>(())
//! ```
//!
//! | collector | is registered as | metrics |
//! | --- | --- | --- |
//! | [`ProcessCollector`] | `process` | `process_…` |
//! | [`CgroupCollector`] | `cgroup` | `process_cgroup_…`: limits of a container or a systemd unit |
//! | [`HostCollector`] | `host` | `system_cpu_…`, `system_memory_…`, `system_load…` |
//! | [`NetworkCollector`] | `network` | `system_network_…` |
//! | [`FileSystemCollector`] | `file_systems` | `system_disk_…` |
//! | [`RuntimeCollector`] | `runtime` | `tokio_…` |
//! | [`tallied::heap`] | | `rust_heap_…`, if the counting allocator is the global one |
//!
//! [`register_all`] registers all of them, [`Collectors`] does so with options, and each has a
//! `register` of its own. There is no loop to write: a scrape reads what it shows. Scrapes in quick
//! succession share a reading: a figure is used again for [10 seconds](Collectors::with_max_age), unless the
//! reader asks for a younger one ([`tallied::ReadLimits`]).
//! The runtime's and the heap's figures cost nothing, and are always new.
//!
//! What cannot be read has no sample: neither an old one, nor 0. On Linux, files of `/proc` are kept
//! open, so that the process's figures are right when it has used all its file descriptors.

#![forbid(unsafe_code)]

mod cgroup;
mod file_systems;
#[cfg(target_os = "linux")]
mod held_file;
mod host;
mod label;
#[cfg(target_os = "linux")]
mod mountinfo;
mod network;
mod process;
mod reading;
mod register;
mod runtime;

pub use cgroup::CgroupCollector;
pub use file_systems::FileSystemCollector;
pub use host::HostCollector;
pub use network::NetworkCollector;
pub use process::ProcessCollector;
pub use register::{Collectors, register_all};
pub use runtime::RuntimeCollector;
