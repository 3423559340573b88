//! The server under test: one that runs already, or one that is started here, and stopped on every way out.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use tallied_processes::kernel::CpuTimes;
use tallied_processes::server_process::ServerProcess;
use tempfile::TempDir;

use crate::target::Url;

pub(crate) struct Subject {
    pub(crate) url: Url,
    own: Option<Own>,
}

struct Own {
    process: ServerProcess,
    _folder: TempDir,
}

impl Subject {
    /// One that somebody else runs.
    pub(crate) fn running(url: &str) -> Result<Self> {
        let reached = Url::of_server(url)?.reached();
        let url = reached.map_err(|error| {
            anyhow!("{error:#}; start the server, or leave --target out to have one started")
        })?;
        Ok(Self { url, own: None })
    }

    /// With the fault route, which the built-in scenarios ask for.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "there is no server at {}; give the path of a tallied-server",
            binary.display()
        );
        let folder = tempfile::Builder::new()
            .prefix("tallied-loadtest-")
            .tempdir()
            .context("cannot create a temporary folder")?;
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0", "--faults"]);
        // Panics are part of a load; their backtraces would be most of what they cost.
        command.env("RUST_BACKTRACE", "0");
        // A terminal's Ctrl-C goes to the group; the server has to be there until what was sent is reconciled.
        command.process_group(0);
        let process = ServerProcess::start_command(command, folder.path())?;
        Ok(Self {
            url: Url::of_server(process.url())?,
            own: Some(Own {
                process,
                _folder: folder,
            }),
        })
    }

    /// Fails when it was started here and has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else {
            return Ok(());
        };
        own.process
            .check_alive()
            .inspect_err(|_| own.process.print_log())
    }

    /// The processor time of one that was started here, where the kernel tells it.
    pub(crate) fn cpu_times(&self) -> Option<CpuTimes> {
        let own = self.own.as_ref()?;
        CpuTimes::of(own.process.id()).ok()
    }

    /// Stops what was started here; it must drain and exit 0.
    pub(crate) fn stop(mut self) -> Result<()> {
        match &mut self.own {
            Some(own) => own.process.stop().map(drop),
            None => Ok(()),
        }
    }
}
