//! What the process uses: processor time, memory, file descriptors.

use std::sync::{Arc, Mutex, PoisonError};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tallied::{Gauge, ObservedCounter, RegisterError, Registry, Unit};

/// Process metrics, under the names that every Prometheus client library uses.
///
/// | metric | type | meaning |
/// | --- | --- | --- |
/// | `process_cpu_seconds_total` | counter | user and system processor time |
/// | `process_resident_memory_bytes` | gauge | physical memory in use |
/// | `process_virtual_memory_bytes` | gauge | address space in use |
/// | `process_start_time_seconds` | gauge | when the process started, in Unix time |
/// | `process_open_fds` | gauge | open file descriptors |
/// | `process_max_fds` | gauge | the limit on them |
/// | `process_virtual_memory_max_bytes` | gauge | the limit on the address space; 2⁶⁴ - 1 for none |
/// | `process_threads` | gauge | threads |
///
/// They hold what the last [`refresh`](Self::refresh) saw; call it on an interval. A figure that
/// the platform does not provide is left out: the limits are Unix', the threads Linux'. Processor
/// time has the clock's full resolution on Unix; the start time is a whole second.
#[derive(Debug, Clone)]
pub struct ProcessMetrics {
    cpu_seconds: ObservedCounter,
    resident_bytes: Gauge<u64>,
    virtual_bytes: Gauge<u64>,
    open_fds: Gauge<u64>,
    threads: Gauge<u64>,
    /// `None` where the platform tells nothing.
    source: Arc<Mutex<Option<Source>>>,
}

#[derive(Debug)]
struct Source {
    system: System,
    pid: Pid,
}

/// What one look at the process saw.
struct Figures {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    start_time_seconds: u64,
    open_fds: Option<u64>,
    threads: Option<u64>,
}

/// User and system time of the process, as exactly as the platform tells.
#[cfg(unix)]
fn cpu_seconds(_: &sysinfo::Process) -> f64 {
    // getrusage is no more exact, and the process table has clock ticks of 10 ms.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(unix))]
fn cpu_seconds(process: &sysinfo::Process) -> f64 {
    process.accumulated_cpu_time() as f64 / 1_000.0
}

#[cfg(target_os = "linux")]
fn threads() -> Option<u64> {
    // What sysinfo has of it costs a look at each thread.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let threads = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"))?;
    threads.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn threads() -> Option<u64> {
    None
}

impl Source {
    fn new() -> Option<Self> {
        Some(Self {
            system: System::new().ok()?,
            pid: sysinfo::get_current_pid().ok()?,
        })
    }

    /// `None` when the platform does not tell.
    fn look(&mut self) -> Option<Figures> {
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), false, kind);
        let process = self.system.process(self.pid)?;
        Some(Figures {
            cpu_seconds: cpu_seconds(process),
            resident_bytes: process.memory(),
            virtual_bytes: process.virtual_memory(),
            start_time_seconds: process.start_time(),
            open_fds: process.open_files().map(|open| open as u64),
            threads: threads(),
        })
    }
}

impl ProcessMetrics {
    /// Registers what this platform provides, and looks for the first time, as
    /// [`refresh`](Self::refresh) does.
    ///
    /// # Errors
    /// When the registry holds a metric of one of these names already; those that were registered
    /// before it stay.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let mut source = Source::new();
        let figures = source.as_mut().and_then(Source::look);
        let metrics = Self {
            cpu_seconds: ObservedCounter::default(),
            resident_bytes: Gauge::default(),
            virtual_bytes: Gauge::default(),
            open_fds: Gauge::default(),
            threads: Gauge::default(),
            source: Arc::new(Mutex::new(source)),
        };
        let Some(figures) = figures else {
            return Ok(metrics);
        };
        metrics.set(&figures);
        registry.register_with_unit(
            "process_cpu_seconds",
            "Total user and system CPU time",
            Unit::Seconds,
            metrics.cpu_seconds.clone(),
        )?;
        registry.register_with_unit(
            "process_resident_memory_bytes",
            "Physical memory used",
            Unit::Bytes,
            metrics.resident_bytes.clone(),
        )?;
        registry.register_with_unit(
            "process_virtual_memory_bytes",
            "Virtual memory allocated",
            Unit::Bytes,
            metrics.virtual_bytes.clone(),
        )?;
        let start_time = Gauge::<u64>::default();
        start_time.set(figures.start_time_seconds);
        registry.register_with_unit(
            "process_start_time_seconds",
            "Process start time, in seconds since the Unix epoch",
            Unit::Seconds,
            start_time,
        )?;
        if figures.open_fds.is_some() {
            registry.register(
                "process_open_fds",
                "File descriptor count",
                metrics.open_fds.clone(),
            )?;
        }
        if figures.threads.is_some() {
            registry.register(
                "process_threads",
                "Active threads count",
                metrics.threads.clone(),
            )?;
        }
        #[cfg(unix)]
        register_limits(registry)?;
        Ok(metrics)
    }

    /// Looks at the process. Takes some ten microseconds and reads files on Linux, so not on an
    /// async worker.
    pub fn refresh(&self) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = source.as_mut().and_then(Source::look) {
            self.set(&figures);
        }
    }

    fn set(&self, figures: &Figures) {
        self.cpu_seconds.observe_total(figures.cpu_seconds);
        self.resident_bytes.set(figures.resident_bytes);
        self.virtual_bytes.set(figures.virtual_bytes);
        if let Some(open) = figures.open_fds {
            self.open_fds.set(open);
        }
        if let Some(threads) = figures.threads {
            self.threads.set(threads);
        }
    }
}

/// The limits as they stand now: a process changes them at its start, if ever.
#[cfg(unix)]
fn register_limits(registry: &Registry) -> Result<(), RegisterError> {
    use rustix::process::{Resource, getrlimit};

    let gauge = |resource| {
        let gauge = Gauge::<u64>::default();
        gauge.set(getrlimit(resource).current.unwrap_or(u64::MAX));
        gauge
    };
    registry.register(
        "process_max_fds",
        "Limit on the file descriptors",
        gauge(Resource::Nofile),
    )?;
    registry.register_with_unit(
        "process_virtual_memory_max_bytes",
        "Limit on the virtual memory; 18446744073709551615 for none",
        Unit::Bytes,
        gauge(Resource::As),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tallied::Registry;

    use super::ProcessMetrics;

    #[test]
    fn a_refresh_shows_what_was_used_since() {
        let metrics = ProcessMetrics::register(&Registry::default()).unwrap();
        let (cpu, resident) = (metrics.cpu_seconds.get(), metrics.resident_bytes.get());
        let ballast = vec![1_u8; 64 << 20];
        let began = Instant::now();
        while metrics.cpu_seconds.get() <= cpu {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "no processor time in 30 s"
            );
            std::hint::black_box(ballast.iter().map(|byte| u64::from(*byte)).sum::<u64>());
            metrics.refresh();
        }
        assert!(metrics.resident_bytes.get() > resident + (32 << 20));
    }
}
