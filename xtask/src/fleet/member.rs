//! A server of the fleet: what it was asked for, and what it exposed before that and after.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::series::{self, NAME, Settled, of};
use crate::http::Client;
use crate::server_process::ServerProcess;
use crate::traffic::{self, Kind};

pub(super) struct Member {
    pub(super) name: &'static str,
    /// As Prometheus knows it: `127.0.0.1:PORT`.
    pub(super) instance: String,
    /// When Prometheus scraped it for the first time, and long before.
    pub(super) first: Settled,
    /// After the requests of all loads until now.
    pub(super) last: Settled,
    load: &'static [Kind],
    /// How often it got its load.
    loads: u32,
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
        let first = series::exposed(client, process.url())?;
        Ok(Self {
            name,
            instance: process.address().to_owned(),
            last: first.clone(),
            first,
            load,
            loads: 0,
            process: Some(process),
        })
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    fn url(&self) -> String {
        format!("http://{}", self.instance)
    }

    /// Looks again.
    pub(super) fn exposed(&self, client: &Client) -> Result<Settled> {
        series::exposed(client, &self.url())
    }

    /// That it has counted what it was asked for, and nothing else. Returns how many requests that were.
    fn check_counts(&self) -> Result<u32> {
        let key = |method: &str, endpoint: &str, status: &str| {
            (method.to_owned(), endpoint.to_owned(), status.to_owned())
        };
        let mut expected: BTreeMap<_, u32> = BTreeMap::new();
        for kind in self.load {
            let key = key(kind.method(), kind.endpoint, &kind.status.to_string());
            *expected.entry(key).or_default() += kind.count * self.loads;
        }
        let counts = self
            .last
            .iter()
            .filter(|(l, _)| of(l, NAME) == "http_requests_total");
        for (labels, last) in counts {
            let first = self.first.get(labels).copied().unwrap_or_default();
            let key = key(
                of(labels, "method"),
                of(labels, "endpoint"),
                of(labels, "status_code"),
            );
            let expected = expected.remove(&key).unwrap_or_default();
            ensure!(
                last - first == f64::from(expected),
                "{}: {} went from {first} to {last}; it was asked {expected} times",
                self.name,
                series::shown(labels)
            );
        }
        ensure!(
            expected.is_empty(),
            "{} did not count {expected:?}",
            self.name
        );
        Ok(self.load.iter().map(|kind| kind.count * self.loads).sum())
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

/// Sends each of them its load, all at the same time, and looks at what they expose after it. Returns how many requests
/// each has answered by now.
pub(super) fn load(
    client: &Client,
    members: &mut [&mut Member],
    duration: Duration,
) -> Result<Vec<u32>> {
    thread::scope(|scope| {
        let threads: Vec<_> = members
            .iter_mut()
            .map(|member| scope.spawn(|| load_one(client, member, duration)))
            .collect();
        let outcomes = threads.into_iter().map(|thread| {
            let outcome = thread.join();
            outcome.map_err(|_| anyhow!("a load panicked")).flatten()
        });
        outcomes.collect()
    })
}

fn load_one(client: &Client, member: &mut Member, duration: Duration) -> Result<u32> {
    traffic::run(client, &member.url(), member.load, duration).context(member.name)?;
    member.loads += 1;
    member.last = member.exposed(client)?;
    member.check_counts()
}
