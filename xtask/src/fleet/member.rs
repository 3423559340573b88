//! A server of the fleet: what it is asked for, and what it exposed before that and after.
//!
//! The servers' latencies and failures differ, and the fleet's are none of theirs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::figures::{self, Exposed};
use crate::http::Client;
use crate::server_process::ServerProcess;
use crate::traffic::{self, Kind};

const fn get(path: &'static str, endpoint: &'static str, status: u16, count: u32) -> Kind {
    Kind {
        name: path,
        body: None,
        path,
        endpoint,
        status,
        count,
    }
}

const fn fault(path: &'static str, status: u16, count: u32) -> Kind {
    get(path, "/fault", status, count)
}

/// Many quick requests, few of which fail.
pub(super) const QUICK: [Kind; 5] = [
    fault("/fault?delay_seconds=0.006", 200, 250),
    fault("/fault?status=500", 500, 3),
    get("/data", "/data", 200, 40),
    get("/no-such-path", "unmatched", 404, 5),
    get("/health", "/health", 200, 4),
];

/// Ten times slower, and many fail.
pub(super) const FAILING: [Kind; 3] = [
    fault("/fault?delay_seconds=0.06", 200, 60),
    fault("/fault?status=503", 503, 12),
    get("/data?limit=1", "/data", 200, 20),
];

/// Few requests, and slow ones.
pub(super) const SLOW: [Kind; 3] = [
    fault("/fault?delay_seconds=0.3", 200, 20),
    fault("/fault?delay_seconds=0.03&status=500", 500, 1),
    get("/data", "/data", 200, 30),
];

/// Of the server that is found later: slower than all others.
pub(super) const LATE: [Kind; 2] = [
    fault("/fault?delay_seconds=0.7", 200, 6),
    fault("/fault?status=502", 502, 9),
];

pub(super) struct Member {
    name: &'static str,
    /// As Prometheus knows it: `127.0.0.1:PORT`.
    pub(super) instance: String,
    /// When Prometheus scraped it for the first time, and long before.
    pub(super) first: Exposed,
    /// After the requests of all loads until now.
    pub(super) last: Exposed,
    load: &'static [Kind],
    /// Until it is stopped or killed.
    process: Option<ServerProcess>,
}

impl Member {
    /// Starts it with the fault route, and makes a request of each kind, so that all series are there before the first
    /// scrape: what a series has at its first scrape is no increase.
    pub(super) fn start(
        client: &Client,
        binary: &Path,
        folder: &Path,
        name: &'static str,
        load: &'static [Kind],
    ) -> Result<Self> {
        let folder = folder.join(name.replace(' ', "-"));
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut command = Command::new(binary);
        // Where no tallied.toml is.
        command
            .current_dir(&folder)
            .args(["--listen", "127.0.0.1:0", "--faults"]);
        let process = ServerProcess::start_command(command, &folder)?;
        for kind in load {
            traffic::request(client, process.url(), kind)?;
        }
        let first = figures::exposed(client, process.url())?;
        Ok(Self {
            name,
            instance: process.address().to_owned(),
            last: first.clone(),
            first,
            load,
            process: Some(process),
        })
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Sends it its load, and looks again.
    pub(super) fn load(&mut self, client: &Client, duration: Duration) -> Result<()> {
        let url = format!("http://{}", self.instance);
        traffic::run(client, &url, self.load, duration).context(self.name)?;
        self.last = figures::exposed(client, &url)?;
        Ok(())
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    pub(super) fn check_alive(&mut self) -> Result<()> {
        let name = self.name;
        match &mut self.process {
            Some(process) => process.check_alive().context(name),
            None => Ok(()),
        }
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(drop).context(self.name),
            None => Ok(()),
        }
    }

    pub(super) fn print_log(&self) {
        if let Some(process) = &self.process {
            eprintln!("{}:", self.name);
            process.print_log();
        }
    }
}
