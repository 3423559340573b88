//! Somebody else's server on a free port of loopback, stopped on every way out.
//!
//! Ours says which port it got. Others do not, so they cannot be given port 0: one that is free is chosen, and whether
//! the server gets it is seen by whether it starts.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::child::ChildGuard;
use crate::poll::{self, Try};
use crate::report;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// How often another process may take the port between our choice and the server's bind.
const PORT_TRIES: u32 = 5;

pub(crate) struct ForeignServer {
    name: &'static str,
    guard: ChildGuard,
    url: String,
    log: PathBuf,
}

impl ForeignServer {
    /// Starts what `command` makes of an address, and waits until `is_ready` says so of its URL. `log` gets its stderr.
    pub(crate) fn start(
        name: &'static str,
        log: &Path,
        command: impl Fn(SocketAddr) -> Command,
        is_ready: impl Fn(&str) -> Result<Try<()>>,
    ) -> Result<Self> {
        for attempt in 1.. {
            let mut started = Self::spawn(name, log, &command)?;
            match started.wait_until(&is_ready) {
                Ok(()) => return Ok(started),
                Err(_) if attempt < PORT_TRIES && lost_the_port(log) => {
                    println!("{name}: another process took its port; trying another one");
                }
                Err(error) => {
                    started.print_log();
                    return Err(error.context(format!("{name} did not start")));
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    fn spawn(
        name: &'static str,
        log: &Path,
        command: impl Fn(SocketAddr) -> Command,
    ) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("there is no free port on loopback")?;
        let stderr =
            File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = command(address);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        Ok(Self {
            name,
            guard: ChildGuard::spawn(name, &mut command)?,
            url: format!("http://{address}"),
            log: log.to_owned(),
        })
    }

    fn wait_until(&mut self, is_ready: impl Fn(&str) -> Result<Try<()>>) -> Result<()> {
        poll::until("its first answer", READY_TIMEOUT, || {
            self.check_alive()?;
            is_ready(&self.url)
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The end of what it wrote to stderr.
    pub(crate) fn print_log(&self) {
        report::print_log(self.name, &self.log);
    }

    /// Fails if it ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.guard.exited()? {
            Some(status) => bail!("{} ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// SIGTERM; it must end well.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let name = self.name;
        let status = self
            .guard
            .terminate(STOP_TIMEOUT)?
            .with_context(|| format!("{name} did not end within {STOP_TIMEOUT:?} of a SIGTERM"))?;
        ensure!(status.success(), "{name} ended with {status}");
        Ok(())
    }
}

fn lost_the_port(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|log| log.contains("address already in use"))
}
