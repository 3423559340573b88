//! The size of the file systems, and the room on them.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(any(target_os = "linux", test))]
mod probes;
#[cfg(target_os = "linux")]
mod selection;

#[cfg(target_os = "linux")]
use linux::Source;
#[cfg(not(target_os = "linux"))]
use other::Source;

use std::time::Duration;

use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};

use crate::reading::Reading;

/// The most file systems that have series.
const MAX_FILE_SYSTEMS: usize = 100;

const DEFAULT_TIME_LIMIT: Duration = Duration::from_millis(500);

/// Metrics of the file systems; in a container they are those that are mounted in it.
///
/// | metric | type | labels | meaning | Linux | elsewhere |
/// | --- | --- | --- | --- | --- | --- |
/// | `system_disk_total_bytes` | gauge | `mount` | size | `statvfs` | sysinfo |
/// | `system_disk_available_bytes` | gauge | `mount` | room for unprivileged users | `statvfs` | sysinfo |
/// | `system_disk_device_error` | gauge | `mount` | 1 if the file system did not answer, or answered with an error; otherwise 0 | `statvfs` | |
/// | `system_disk_dropped` | gauge | | file systems beyond the 100 that have series | `/proc/self/mountinfo` | sysinfo |
///
/// # A file system that does not answer
///
/// A dead network share, or a FUSE file system whose server hangs, costs itself alone: on Linux each
/// file system has a [time limit](Self::with_time_limit), after which `system_disk_device_error` is 1,
/// and the others have their figures. It is not asked again until the call has returned. Such calls
/// keep at most 16 threads; file systems beyond them count as not answering. The process ends without
/// waiting for them. (Elsewhere the file systems share the collector's limit.)
///
/// # Which file systems
///
/// On Linux each file system has one figure, even if it is mounted several times. It is shown at a
/// mount of its root if there is one, otherwise at a bind mount of a folder: at the shortest path, and
/// of these at the first by name. A bind-mounted file shows nothing.
///
/// Left out are those without a size (`/proc` and its like), `tmpfs`, `squashfs`, `iso9660`, automounts
/// that are not mounted, what lies in `/sys`, `/proc` and `/run` (except `/run/media`), and mounts that
/// the process may not look into or that are covered by another one.
///
/// At most 100 have series: `/` first, then those of block devices, then the others, each in the order of
/// their paths. In `mount`, bytes that are not UTF-8 are written as `\xff`.
///
/// A reading takes some ten microseconds and a microsecond a file system. On Linux one file descriptor is
/// kept open.
#[derive(Debug)]
pub struct FileSystemCollector {
    source: Source,
    time_limit: Duration,
    reading: Reading<Figures>,
}

/// What a reading saw.
#[derive(Debug, Default)]
struct Figures {
    shown: Vec<FileSystem>,
    /// `None` where the list could not be read.
    dropped: Option<u64>,
}

#[derive(Debug)]
struct FileSystem {
    mount: String,
    /// `None` where it did not answer.
    sizes: Option<Sizes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    total: u64,
    available: u64,
}

impl Default for FileSystemCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl FileSystemCollector {
    /// A collector for the file systems that are mounted when they are read. It looks at none yet.
    pub fn new() -> Self {
        Self {
            source: Default::default(),
            time_limit: DEFAULT_TIME_LIMIT,
            reading: Reading::default(),
        }
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.reading.max_age = max_age;
        self
    }

    /// How long a scrape waits for a file system that does not answer. Default: 500 ms.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Registers it, under the name `file_systems`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("file_systems", self)
    }
}

impl Collector for FileSystemCollector {
    fn describe(&self) -> Vec<Description> {
        let bytes = |name: &str, help: &str| {
            Description::gauge(name, help)
                .with_unit(Unit::Bytes)
                .with_labels(["mount"])
        };
        vec![
            bytes("system_disk_total_bytes", "Size of the file system"),
            bytes(
                "system_disk_available_bytes",
                "Room that is left on the file system",
            ),
            Description::gauge(
                "system_disk_device_error",
                "Whether the file system did not answer, or with an error",
            )
            .with_labels(["mount"]),
            Description::gauge(
                "system_disk_dropped",
                "File systems beyond the limit, which have no series",
            ),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let figures = self
            .reading
            .get(samples.max_age(), || self.source.read(self.time_limit));
        for file_system in &figures.shown {
            let label = &[&*file_system.mount];
            if let Some(sizes) = file_system.sizes {
                samples.gauge("system_disk_total_bytes", label, sizes.total);
                samples.gauge("system_disk_available_bytes", label, sizes.available);
            }
            if cfg!(target_os = "linux") {
                let error = u64::from(file_system.sizes.is_none());
                samples.gauge("system_disk_device_error", label, error);
            }
        }
        if let Some(dropped) = figures.dropped {
            samples.gauge("system_disk_dropped", &[], dropped);
        }
    }

    /// Longer than a file system may take, so that the others have their figures.
    fn time_limit(&self) -> Duration {
        self.time_limit.saturating_add(Duration::from_secs(1))
    }
}
