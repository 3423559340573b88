//! What the process uses: processor time, memory, threads, file descriptors.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod stat;

#[cfg(target_os = "linux")]
use linux::Source;
#[cfg(not(target_os = "linux"))]
use other::Source;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tallied::{Collector, Description, RegisterError, Registration, Registry, Samples, Unit};

use crate::reading::Reading;

/// Process metrics, under the names that every Prometheus client library uses.
///
/// | metric | type | meaning | Linux | elsewhere |
/// | --- | --- | --- | --- | --- |
/// | `process_cpu_seconds_total` | counter | user and system processor time | the process's clock | the same on Unix, sysinfo |
/// | `process_resident_memory_bytes` | gauge | physical memory in use | `/proc/self/stat` | sysinfo |
/// | `process_virtual_memory_bytes` | gauge | address space in use | `/proc/self/stat` | sysinfo |
/// | `process_start_time_seconds` | gauge | when the process started, in Unix time | `/proc/self/stat` and the clocks | sysinfo |
/// | `process_open_fds` | gauge | open file descriptors | `/proc/self/fd` | sysinfo |
/// | `process_max_fds` | gauge | the limit on them | `getrlimit` | the same on Unix |
/// | `process_virtual_memory_max_bytes` | gauge | the limit on the address space; 2⁶⁴ - 1 for none | `getrlimit` | the same on Unix |
/// | `process_threads` | gauge | threads | `/proc/self/stat` | |
///
/// A figure that cannot be read, or that the platform does not provide, has no sample. On Linux two
/// file descriptors are kept open, so that all figures are right even if no other can be opened.
///
/// Processor time has the clock's full resolution on Unix. The start time is exact to 10 ms on Linux
/// and to a second elsewhere; it is told once, so it stays when the clock is set.
///
/// The processor time's [start](tallied::StartTime) is the process's.
///
/// A reading takes some ten microseconds. On Linux before 6.2, each open file descriptor costs some
/// hundred nanoseconds more.
#[derive(Debug, Default)]
pub struct ProcessCollector {
    source: Source,
    reading: Reading<Figures>,
}

/// What a reading saw.
#[derive(Debug, Default)]
struct Figures {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    start_time_seconds: Option<f64>,
    open_fds: Option<u64>,
    threads: Option<u64>,
    max_fds: Option<u64>,
    max_virtual_bytes: Option<u64>,
}

impl ProcessCollector {
    /// A collector for this process.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a figure is used again by later scrapes. Zero: each scrape reads. Default: 10 s.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.reading.max_age = max_age;
        self
    }

    /// Registers it, under the name `process`.
    ///
    /// # Errors
    /// As [`Registry::register_collector`].
    pub fn register(self, registry: &Registry) -> Result<Registration, RegisterError> {
        registry.register_collector("process", self)
    }
}

impl Collector for ProcessCollector {
    fn describe(&self) -> Vec<Description> {
        let bytes = |name: &str, help: &str| Description::gauge(name, help).with_unit(Unit::Bytes);
        let cpu_seconds =
            Description::counter("process_cpu_seconds", "Total user and system CPU time")
                .with_unit(Unit::Seconds);
        vec![
            since(cpu_seconds, start_time(&self.source)),
            bytes("process_resident_memory_bytes", "Physical memory used"),
            bytes("process_virtual_memory_bytes", "Virtual memory allocated"),
            Description::gauge(
                "process_start_time_seconds",
                "Process start time, in seconds since the Unix epoch",
            )
            .with_unit(Unit::Seconds),
            Description::gauge("process_open_fds", "File descriptor count"),
            Description::gauge("process_threads", "Active threads count"),
            Description::gauge("process_max_fds", "Limit on the file descriptors"),
            bytes(
                "process_virtual_memory_max_bytes",
                "Limit on the virtual memory; 18446744073709551615 for none",
            ),
        ]
    }

    fn collect(&self, samples: &mut Samples<'_>) {
        let figures = self.reading.get(samples.max_age(), || self.source.read());
        if let Some(seconds) = figures.cpu_seconds {
            samples.counter("process_cpu_seconds", &[], seconds);
        }
        if let Some(seconds) = figures.start_time_seconds {
            samples.gauge("process_start_time_seconds", &[], seconds);
        }
        let whole = [
            ("process_resident_memory_bytes", figures.resident_bytes),
            ("process_virtual_memory_bytes", figures.virtual_bytes),
            ("process_open_fds", figures.open_fds),
            ("process_threads", figures.threads),
            ("process_max_fds", figures.max_fds),
            (
                "process_virtual_memory_max_bytes",
                figures.max_virtual_bytes,
            ),
        ];
        for (name, figure) in whole {
            if let Some(figure) = figure {
                samples.gauge(name, &[], figure);
            }
        }
    }
}

/// User and system time of the process, as exactly as the platform tells.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    // getrusage is no more exact, and the process table has clock ticks of 10 ms.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// When the process started, if that can be read.
fn start_time(source: &Source) -> Option<SystemTime> {
    let seconds = source.read().start_time_seconds?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// For counters of this process that were made some time after it started, when they were at 0 too.
pub(crate) fn since_the_start(description: Description) -> Description {
    since(description, start_time(&Source::default()))
}

fn since(description: Description, time: Option<SystemTime>) -> Description {
    match time {
        Some(time) => description.since(time),
        None => description,
    }
}

/// A limit on the process; `u64::MAX` for none.
#[cfg(unix)]
fn limit(resource: rustix::process::Resource) -> u64 {
    let limit = rustix::process::getrlimit(resource);
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn processor_time_counts_since_the_process_started() {
        let registry = Registry::default();
        ProcessCollector::new().register(&registry).unwrap();
        let snapshot = registry.snapshot();
        let start_of = |name: &str| {
            let mut families = snapshot.families.iter();
            let family = families.find(|family| family.descriptor.name() == name);
            family.unwrap().series[0].clone()
        };
        let tallied::Value::FloatGauge(seconds) = start_of("process_start_time_seconds").value
        else {
            panic!("the start is a number");
        };
        let start = start_of("process_cpu_seconds").start_time.unwrap();
        let start = SystemTime::from(start).duration_since(UNIX_EPOCH).unwrap();
        assert!(
            (start.as_secs_f64() - seconds).abs() < 0.002,
            "{start:?} {seconds}"
        );
    }

    #[test]
    fn a_reading_shows_what_was_used_since() {
        let source = Source::default();
        let before = source.read();
        let ballast = vec![1_u8; 64 << 20];
        let began = Instant::now();
        let after = loop {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "no processor time in 30 s"
            );
            std::hint::black_box(ballast.iter().map(|byte| u64::from(*byte)).sum::<u64>());
            let now = source.read();
            if now.cpu_seconds > before.cpu_seconds {
                break now;
            }
        };
        assert!(after.resident_bytes.unwrap() > before.resident_bytes.unwrap() + (32 << 20));
    }
}
