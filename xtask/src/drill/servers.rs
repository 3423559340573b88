//! The three servers of the drill: one that visitors use, one that dies, one that is crowded.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::relay::Relay;
use crate::server_process::ServerProcess;

/// Process figures change with every scrape.
const REFRESH: &str = "0.2";

/// The crowded server's limit of open files. It takes as many connections less 128.
const OPEN_FILES: u32 = 700;
pub(super) const CONNECTIONS: usize = 572;

/// Where the server is started: a folder of its own, without a tallied.toml.
fn folder_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let own = folder.join(name);
    fs::create_dir_all(&own).with_context(|| format!("cannot create {}", own.display()))?;
    Ok(own)
}

fn flags(command: &mut Command) {
    command.args(["--listen", "127.0.0.1:0", "--faults"]);
    command.args(["--system-metrics-interval-seconds", REFRESH]);
}

/// One that everybody uses.
pub(super) fn visited(binary: &Path, folder: &Path) -> Result<ServerProcess> {
    let folder = folder_of(folder, "visited")?;
    let mut command = Command::new(binary);
    command.current_dir(&folder);
    flags(&mut command);
    command.arg("--http-handler-polls");
    ServerProcess::start_command(command, &folder)
}

/// One with few file descriptors, with `/metrics` on a port of its own, so that it is scraped when it takes no connection.
/// Returns the address of that, too.
pub(super) fn crowded(binary: &Path, folder: &Path) -> Result<(ServerProcess, String)> {
    let folder = folder_of(folder, "crowded")?;
    let metrics = free_address()?;
    let mut command = Command::new("sh");
    command
        .current_dir(&folder)
        .args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh"])
        .arg(OPEN_FILES.to_string())
        .arg(binary)
        .args(["--metrics-listen", &metrics])
        // An upload that stops is kept.
        .args(["--limits-body-seconds", "600"])
        .args(["--connections-body-gap-seconds", "600"]);
    flags(&mut command);
    let server = ServerProcess::start_command(command, &folder)?;
    Ok((server, metrics))
}

/// Free now: our server takes it a moment later, or says that it cannot.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port on loopback")?;
    Ok(listener.local_addr()?.to_string())
}

/// One behind a relay, which can be frozen, and killed and started again at the same address.
pub(super) struct Far {
    binary: PathBuf,
    folder: PathBuf,
    metrics: String,
    relay: Relay,
    server: Option<ServerProcess>,
}

impl Far {
    pub(super) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let metrics = free_address()?;
        let mut far = Self {
            binary: binary.to_owned(),
            folder: folder_of(folder, "far")?,
            relay: Relay::to(&metrics)?,
            metrics,
            server: None,
        };
        far.revive()?;
        Ok(far)
    }

    /// Where Prometheus scrapes it.
    pub(super) fn scraped_at(&self) -> &str {
        self.relay.address()
    }

    pub(super) fn server(&self) -> Result<&ServerProcess> {
        self.server.as_ref().context("the server is dead")
    }

    pub(super) fn slow_down(&self, delay: Duration) {
        self.relay.delay(delay);
    }

    /// Starts it, with series for one endpoint.
    pub(super) fn revive(&mut self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.folder)
            .args(["--metrics-listen", &self.metrics])
            .args(["--http-max-endpoints", "1"]);
        flags(&mut command);
        self.server = Some(ServerProcess::start_command(command, &self.folder)?);
        Ok(())
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        // The guard kills what it has when it is dropped.
        self.server = None;
    }

    /// Stands still, and goes on when the guard is dropped.
    pub(super) fn freeze(&self) -> Result<Frozen> {
        let id = i32::try_from(self.server()?.id())?;
        let id = Pid::from_raw(id).context("a process has no id")?;
        kill_process(id, Signal::STOP).context("cannot stop the server")?;
        Ok(Frozen(id))
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        match &mut self.server {
            Some(server) => server.stop().map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn print_log(&self) {
        if let Some(server) = &self.server {
            server.print_log();
        }
    }
}

/// A process that stands still.
pub(super) struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        // It is gone, or goes on.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
