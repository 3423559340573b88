//! A child process that cannot outlive the chore that started it.
//!
//! The guard holds the child's handle, so a signal never reaches a process that we did not start: until it
//! is reaped through the handle, its id cannot be given to another. It is killed on every way out but one:
//! SIGKILL of the chore itself runs no code.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt;
use crate::poll::{self, Try};

const PAUSE: Duration = Duration::from_millis(10);

/// How long a child that got the terminal's Ctrl-C, or our SIGTERM, may take.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The children that are not reaped yet. Whoever reaps one holds the lock meanwhile, so an id that is in here is ours.
static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn children() -> MutexGuard<'static, BTreeSet<u32>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all children, and does something before a new one can be started.
pub(crate) fn kill_all_and(then: impl FnOnce()) {
    let children = children();
    for &id in &*children {
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // It fails only for one that has ended.
            let _ = kill_process(id, Signal::KILL);
        }
    }
    then();
}

/// A child, killed and reaped when it is dropped.
#[derive(Debug)]
pub struct ChildGuard {
    name: String,
    child: Child,
}

impl ChildGuard {
    /// `name` is what errors call it.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let mut children = children();
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        children.insert(child.id());
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let mut children = children();
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("cannot wait for {}", self.name))?;
        if status.is_some() {
            children.remove(&self.child.id());
        }
        Ok(status)
    }

    /// Waits without a limit of its own (a CI job has one); an interrupt ends the child too.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            self.end_if_interrupted()?;
            thread::sleep(PAUSE);
        }
    }

    /// Waits like [`Self::wait`], and hands over the lines of a piped stdout as they come.
    pub fn wait_reading(&mut self, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        let lines = self.stdout_lines()?;
        loop {
            match lines.recv_timeout(PAUSE) {
                Ok(line) => on_line(&line),
                Err(RecvTimeoutError::Timeout) => self.end_if_interrupted()?,
                Err(RecvTimeoutError::Disconnected) => return self.wait(),
            }
        }
    }

    /// Waits like [`Self::wait_reading`] until a deadline, which a line may move; `None` when the child was
    /// stopped there.
    pub fn wait_reading_until(
        &mut self,
        mut deadline: Instant,
        mut on_line: impl FnMut(&str, &mut Instant),
    ) -> Result<Option<ExitStatus>> {
        let lines = self.stdout_lines()?;
        loop {
            match lines.recv_timeout(PAUSE) {
                Ok(line) => on_line(&line, &mut deadline),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.wait().map(Some),
            }
            // Asked between two lines as well, for one that never stops writing.
            self.end_if_interrupted()?;
            if Instant::now() >= deadline {
                // One that does not listen is killed when the guard is dropped.
                self.terminate(INTERRUPT_TIMEOUT)?;
                return Ok(None);
            }
        }
    }

    /// The lines of a piped stdout, read to the end whether or not they are received.
    pub fn stdout_lines(&mut self) -> Result<Receiver<String>> {
        let stdout = self.child.stdout.take().context("stdout is not piped")?;
        Ok(lines_of(stdout))
    }

    /// From a terminal the child got the Ctrl-C as well; from CI only we were told. What the child itself
    /// started (rustc, a test binary) is told by the terminal alone.
    fn end_if_interrupted(&mut self) -> Result<()> {
        let interrupted = interrupt::check();
        if interrupted.is_err() {
            let _ = self.terminate(INTERRUPT_TIMEOUT);
        }
        interrupted
    }

    /// What `parse` makes of the first line of a piped stdout that it makes something of.
    pub fn first_line<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let lines = self.stdout_lines()?;
        let mut seen = Vec::new();
        poll::until(what, timeout, || {
            // Asked before the lines are read, so that the last words of one that ended are read too.
            let exited = self.exited()?;
            loop {
                match lines.try_recv() {
                    Ok(line) => match parse(&line) {
                        Some(found) => return Ok(Try::Done(found)),
                        None => seen.push(line),
                    },
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        if let Some(status) = exited {
                            bail!("it ended at once: {status}; it printed {seen:?}");
                        }
                        break;
                    }
                }
            }
            Ok(Try::NotYet(format!("it printed {seen:?}")))
        })
    }

    /// Sends SIGTERM and waits. Goes on waiting after an interrupt: this is how an interrupt ends.
    pub fn terminate(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.exited()? {
            return Ok(Some(status));
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("cannot send SIGTERM to {}", self.name))?;
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.exited()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The lines of a pipe. A thread reads them to the end whether or not they are received, so a child never
/// blocks on a full pipe, and a blocked read never delays an interrupt.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            // Nobody listens any more: read on.
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    receiver
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // Both fail only when the child is gone already.
        let _ = self.child.kill();
        let mut children = children();
        let _ = self.child.wait();
        children.remove(&self.child.id());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    use rustix::process::test_kill_process;

    use super::*;

    fn sleeper() -> ChildGuard {
        ChildGuard::spawn("sleep", Command::new("sleep").arg("60")).unwrap()
    }

    #[test]
    fn terminate_reports_how_it_ended() {
        let status = sleeper().terminate(Duration::from_secs(10)).unwrap();
        assert_eq!(status.and_then(|s| s.signal()), Some(15));
    }

    #[test]
    fn a_deadline_ends_the_child_and_a_line_moves_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; exec sleep 60"]);
        let mut child = ChildGuard::spawn("sh", command.stdout(Stdio::piped())).unwrap();
        let start = Instant::now();
        let mut lines = Vec::new();
        let status = child.wait_reading_until(start + Duration::from_secs(30), |line, deadline| {
            lines.push(line.to_owned());
            *deadline = start;
        });
        assert_eq!((status.unwrap(), lines), (None, vec!["one".to_owned()]));
        assert!(child.exited().unwrap().is_some());
    }

    #[test]
    fn a_panic_takes_the_child_along() {
        let id = thread::spawn(|| {
            let guard = sleeper();
            std::panic::panic_any(guard.id());
        })
        .join()
        .unwrap_err();
        let id = *id.downcast_ref::<u32>().unwrap();
        let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        assert!(test_kill_process(id).is_err(), "{id:?} is still there");
    }
}
