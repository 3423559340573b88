//! What the kernel says of a process: processor time. From `/proc`, so on Linux alone.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// What each thread of a process has had of the processors, with the scheduler's resolution.
#[derive(Debug)]
pub struct CpuTimes(BTreeMap<u32, CpuTime>);

/// Of all threads of a process together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTime {
    /// User and system time.
    pub used: Duration,
    /// For how long it was ready to run, and another thread had the processor.
    pub waited: Duration,
}

impl CpuTimes {
    /// The scheduler brings the figures of a thread that runs up to date at its next tick: read them while
    /// the process is idle.
    pub fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}/task");
        let threads = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {folder}: this chore needs Linux"))?;
        let mut times = BTreeMap::new();
        for thread in threads {
            let thread = thread.with_context(|| format!("cannot list {folder}"))?;
            // One that ends meanwhile is left out.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let id = thread.file_name().to_string_lossy().parse();
            if let (Ok(id), Some(time)) = (id, cpu_time(&text)) {
                times.insert(id, time);
            }
        }
        ensure!(
            !times.is_empty(),
            "{folder} has no schedstat: this chore needs a kernel with CONFIG_SCHED_INFO"
        );
        Ok(Self(times))
    }

    /// What the process has had since then. A thread that has ended counts nothing.
    pub fn since(&self, then: &Self) -> CpuTime {
        let mut total = CpuTime::default();
        for (thread, now) in &self.0 {
            let then = then.0.get(thread).copied().unwrap_or_default();
            total.used += now.used.saturating_sub(then.used);
            total.waited += now.waited.saturating_sub(then.waited);
        }
        total
    }
}

/// What the calling thread has had of the processors; `None` where the kernel does not tell.
pub fn time_of_this_thread() -> Option<CpuTime> {
    cpu_time(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// Of a `schedstat` file: nanoseconds on a processor and waiting for one, and a count.
fn cpu_time(schedstat: &str) -> Option<CpuTime> {
    let mut fields = schedstat.split_whitespace();
    let mut next = || Some(Duration::from_nanos(fields.next()?.parse().ok()?));
    Some(CpuTime {
        used: next()?,
        waited: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_counts_from_its_beginning_or_from_then() {
        let times = |threads: &[(u32, &str)]| {
            let of = |&(id, text): &(u32, &str)| (id, cpu_time(text).unwrap());
            CpuTimes(threads.iter().map(of).collect())
        };
        let then = times(&[(1, "10 1 5\n"), (2, "500 50 5\n")]);
        let now = times(&[(1, "30 4 6\n"), (3, "7 2 1\n")]);
        let expected = CpuTime {
            used: Duration::from_nanos(27),
            waited: Duration::from_nanos(5),
        };
        assert_eq!(now.since(&then), expected);
        assert_eq!(cpu_time("10"), None);
    }
}
