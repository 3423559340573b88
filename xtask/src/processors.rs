//! Which processors a child may use. A child has those that its parent had when it was started.

use anyhow::Result;

/// Starts something on one processor: the `index`-th (from 0) of those that we may use.
///
/// # Errors
/// When there are not so many, and where processors cannot be chosen.
#[cfg(target_os = "linux")]
pub(crate) fn on_processor<T>(index: usize, start: impl FnOnce() -> Result<T>) -> Result<T> {
    use anyhow::Context;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let ours = sched_getaffinity(None).context("cannot ask which processors we may use")?;
    let chosen = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| ours.is_set(cpu))
        .nth(index)
        .with_context(|| format!("this chore needs {} processors; there are fewer", index + 1))?;
    let mut one = CpuSet::new();
    one.set(chosen);
    sched_setaffinity(None, &one).context("cannot choose a processor")?;
    let started = start();
    sched_setaffinity(None, &ours).context("cannot go back to our processors")?;
    started
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn on_processor<T>(_index: usize, _start: impl FnOnce() -> Result<T>) -> Result<T> {
    anyhow::bail!("this chore needs Linux, where it can choose processors")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn a_child_gets_the_processor_and_we_keep_ours() {
        let before = sched_getaffinity(None).unwrap();
        let child = || Ok(Command::new("cat").arg("/proc/self/status").output()?);
        let output = on_processor(0, child).unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        let line = status.lines().find(|l| l.starts_with("Cpus_allowed_list:"));
        let list = line.unwrap().split_once(':').unwrap().1.trim().to_owned();
        assert!(list.parse::<usize>().is_ok(), "one processor: {list}");
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }

    #[test]
    fn a_processor_that_is_not_there_is_an_error() {
        let error = on_processor(5_000, || Ok(())).unwrap_err();
        assert!(error.to_string().contains("needs 5001 processors"));
    }
}
