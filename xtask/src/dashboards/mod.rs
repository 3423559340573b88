//! Grafana's dashboards: made from code, held against conventions, and asked of a real Prometheus: `cargo xtask dashboards`.
//!
//! There is no Grafana here. What can be known without one is checked: that the files are what the code gives, that they have what
//! a reader needs, and that every query in them has an answer while servers are under load.

mod conventions;
mod endpoint;
mod files;
mod live;
mod model;
mod overview;
mod parsed;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use self::model::Dashboard;
use crate::alerts::finding::settle;
use crate::alerts::kit::Kit;
use crate::report::{ok, seconds};
use crate::workspace::Workspace;

/// Below the workspace.
const FOLDER: &str = "deploy/grafana/dashboards";

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) write: bool,
    pub(crate) quick: bool,
    pub(crate) server: Option<PathBuf>,
    pub(crate) loadtest: Option<PathBuf>,
    pub(crate) keep: bool,
}

/// As a step of the gate.
pub(crate) fn gate(workspace: &Workspace) -> Result<()> {
    run(workspace, &Options::default())
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let start = Instant::now();
    let folder = workspace.root.join(FOLDER);
    let made = files::made(&all());
    if options.write {
        let changed = files::write(&folder, &made)?;
        ok(format_args!(
            "{} dashboards in {FOLDER}, {changed} of them new or changed",
            made.len()
        ));
    }
    let there = files::there(&folder)?;
    settle(
        format_args!("{} dashboards are what the code gives", made.len()),
        &files::check(FOLDER, &made, &there),
    )?;
    let dashboards = parsed::all(FOLDER, &there)?;
    let kit = Kit::read(&workspace.root.join("deploy"), "deploy")?;
    let panels: usize = dashboards.iter().map(|one| one.panels().len()).sum();
    settle(
        format_args!("{panels} panels: what they say, where they are, what they ask and link to"),
        &conventions::check(&dashboards, &kit)?,
    )?;
    if options.write || options.quick {
        return Ok(());
    }
    live::run(workspace, options, &dashboards)?;
    println!(
        "the dashboards' checks passed in {}",
        seconds(start.elapsed())
    );
    Ok(())
}

fn all() -> Vec<Dashboard> {
    vec![overview::dashboard(), endpoint::dashboard()]
}
