//! Requests, for as long as Prometheus is asked: the load test on one server, and every sort of failure on the other.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::stack::Stack;
use crate::alerts::live::provoke;
use crate::child::ChildGuard;
use crate::interrupt;
use crate::poll::{self, Try};
use crate::prometheus::api::Api;

/// An everyday load from the first second on; the others begin slowly.
const SCENARIO: &str = "soak";
/// Requests a second: enough for every sort of them to come within seconds.
const RATE: u32 = 100;
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Load {
    loadtest: ChildGuard,
    failures: Option<JoinHandle<Result<()>>>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    pub(super) fn start(loadtest: &Path, stack: &Stack<'_>) -> Result<Self> {
        let log = stack.folder().join("loadtest.log");
        let output =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let errors = output.try_clone().context("cannot share the log")?;
        let mut command = Command::new(loadtest);
        command
            .args(["--scenario", SCENARIO, "--rate", &RATE.to_string()])
            // Longer than anybody asks; and its own scrapes would be among Prometheus's.
            .args(["--duration", "10m", "--scrapes-per-second", "0"])
            .args(["--no-reconcile", "--no-calibration", "--target"])
            .arg(format!("http://{}", stack.second_address()))
            .arg("--report")
            .arg(stack.folder().join("loadtest"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let loadtest = ChildGuard::spawn("the load test", &mut command)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (server, over) = (stack.first_address().to_owned(), Arc::clone(&is_over));
        let failures = thread::Builder::new()
            .name("failures".to_owned())
            .spawn(move || {
                while !over.load(Ordering::Relaxed) && !interrupt::is_set() {
                    provoke(&server)?;
                    thread::sleep(PAUSE);
                }
                Ok(())
            })
            .context("cannot start a thread")?;
        Ok(Self {
            loadtest,
            failures: Some(failures),
            is_over,
        })
    }

    /// Until the load test is in full swing, as Prometheus sees it.
    pub(super) fn wait(&mut self, api: &Api<'_>, stack: &Stack<'_>) -> Result<()> {
        let server = stack.second_address();
        let query = format!(
            "sum(rate(http_requests_total{{instance=\"{server}\",endpoint!=\"/metrics\"}}[4s]))"
        );
        poll::until("load on the server", START_TIMEOUT, || {
            self.check()?;
            let seen: f64 = api.query(&query)?.iter().map(|sample| sample.value).sum();
            Ok(match seen > f64::from(RATE) / 2.0 {
                true => Try::Done(()),
                false => Try::NotYet(format!("{seen:.0} requests a second, of {RATE}")),
            })
        })
    }

    /// Fails if one of the two has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.loadtest.exited()? {
            bail!("the load test ended by itself: {status}; --keep keeps what it printed");
        }
        if self.failures.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join()?;
            bail!("the requests that fail have ended by themselves");
        }
        Ok(())
    }

    pub(super) fn stop(mut self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        self.join()?;
        // Its exit status says that it was interrupted.
        self.loadtest
            .terminate(STOP_TIMEOUT)?
            .context("the load test did not end after a SIGTERM")?;
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        match self.failures.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => {
                outcome.context("a request that is to fail, failed in another way")
            }
            Some(Err(_)) => bail!("the thread of the failing requests panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
