//! End-to-end costs: real services under wrk over loopback, ours beside the peers', and our server under the load test
//! with scrapes and without. Writes `benches/ENDTOEND.md`.
//!
//! wrk has a part of the same machine, so requests a second are as much wrk's as the server's. What a request
//! costs is the server's processor time, which the kernel counts, over the requests that wrk counts.

mod cost;
mod figures;
mod report;
mod scrapes;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::bench;
use crate::bench::machine::Machine;
use crate::cargo;
use crate::loadtest;
use crate::report::{ok, seconds};
use crate::tools;
use crate::workspace::Workspace;
use crate::wrk::Wrk;

/// The parts: what the metrics cost a request, and what scrapes cost.
pub(crate) const PARTS: [&str; 2] = ["cost", "scrapes"];

/// Connections that wrk keeps open.
const CONNECTIONS: u64 = 16;

/// Which processors a server and its load have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The server has one, and the load another: the figures are steady, and no two workers meet.
    OneEach,
    /// All have all, as on a machine of one's own.
    Shared,
}

impl Placement {
    pub(crate) const ALL: [Self; 2] = [Self::OneEach, Self::Shared];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneEach => "a processor each",
            Self::Shared => "processors shared",
        }
    }

    fn server(self) -> Option<usize> {
        (self == Self::OneEach).then_some(0)
    }

    fn load(self) -> Option<usize> {
        (self == Self::OneEach).then_some(1)
    }
}

pub(crate) fn run(
    workspace: &Workspace,
    only: &[String],
    quick: bool,
    output: Option<&Path>,
) -> Result<()> {
    let wants = |part: &str| only.is_empty() || only.iter().any(|name| name == part);
    let wrk = tools::find_wrk(workspace)?;
    // Before the load, which would show in it.
    let mut machine = Machine::inspect(workspace, "tallied-services")?;
    let folder = tempfile::Builder::new()
        .prefix("tallied-endtoend-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let wrk = Wrk::new(wrk, folder.path());
    let peers = &mut machine.peers;
    peers.push(("wrk".to_owned(), wrk.version().to_owned()));

    let services = wants("cost").then(|| cargo::program(workspace, "tallied-services"));
    let server = wants("scrapes").then(|| {
        Ok::<_, anyhow::Error>((
            cargo::program(workspace, loadtest::PACKAGE)?,
            cargo::build_server(workspace)?,
        ))
    });
    let (services, server) = (services.transpose()?, server.transpose()?);
    let start = Instant::now();
    let cost = services.map(|binary| cost::measure(&wrk, &binary, folder.path(), quick));
    let cost = cost.transpose()?;
    let scrapes = server
        .map(|(load_test, server)| scrapes::measure(&load_test, &server, folder.path(), quick));
    let scrapes = scrapes.transpose()?;

    let report = report::render(
        &machine,
        cost.as_ref(),
        scrapes.as_ref().map(|rows| &rows[..]),
        quick,
    );
    println!("\n{report}");
    let default = workspace.root.join("benches/ENDTOEND.md");
    let time = seconds(start.elapsed());
    match bench::destination(only.is_empty(), quick, output, &default) {
        Some(path) => {
            fs::write(path, &report).with_context(|| format!("cannot write {}", path.display()))?;
            ok(format!("measured in {time}, written to {}", path.display()));
        }
        None => ok(format!(
            "measured in {time}; benches/ENDTOEND.md is left alone, for it is of a whole run"
        )),
    }
    Ok(())
}
