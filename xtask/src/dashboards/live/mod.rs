//! Whether every query has an answer: two real servers under load, a real Prometheus with the real rules, and the variables
//! replaced as Grafana replaces them.
//!
//! The rules are those of `deploy/`, unchanged; scrapes and evaluations come every second instead of every 15, so that windows of
//! minutes have something in them within seconds. What only happens when something fails is made to happen: requests
//! that fail in every way, a server that starts anew, an Alertmanager that is not there, and a day ago.

mod ask;
mod choice;
mod load;
mod question;
mod stack;
mod yesterday;

use std::time::Duration;

use anyhow::{Context, Result};

use self::choice::Choice;
use self::load::Load;
use self::stack::{SCRAPE_INTERVAL, Stack};
use super::Options;
use super::parsed::Parsed;
use crate::http::Client;
use crate::prometheus_api::Api;
use crate::report::ok;
use crate::workspace::Workspace;
use crate::{cargo, loadtest, tools};

/// Answers come within seconds; the rest is a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// The endpoint whose requests fail in every way; it is chosen alone, too.
const ONE_ENDPOINT: &str = "/fault/aborts";

pub(super) fn run(workspace: &Workspace, options: &Options, dashboards: &[Parsed]) -> Result<()> {
    let tools = tools::find(workspace)?;
    let server = match &options.server {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("there is no server at {}", path.display()))?,
        None => cargo::build_server(workspace)?,
    };
    let loadtest = match &options.loadtest {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("there is no load test at {}", path.display()))?,
        None => loadtest::build(workspace)?,
    };
    let mut folder = tempfile::Builder::new()
        .prefix("tallied-dashboards-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    // Now, so that it is kept on every way out, a panic included.
    folder.disable_cleanup(options.keep);
    let client = Client::new();
    let rules = workspace.root.join("deploy/prometheus/rules");
    let outcome = Stack::start(folder.path(), &tools, &server, &rules, &client)
        .and_then(|stack| ask_under_load(stack, &loadtest, &client, dashboards));
    if options.keep {
        println!("kept: {}", folder.path().display());
    }
    outcome
}

fn ask_under_load(
    mut stack: Stack<'_>,
    loadtest: &std::path::Path,
    client: &Client,
    dashboards: &[Parsed],
) -> Result<()> {
    let questions = question::all(dashboards)?;
    let outcome = (|| {
        stack.wait_for_scrapes(&Api::new(client, stack.prometheus_url()))?;
        stack.restart_first()?;
        let mut load = Load::start(loadtest, &stack)?;
        let url = stack.prometheus_url().to_owned();
        let api = Api::new(client, &url);
        let choices = [
            ("all", Choice::all(SCRAPE_INTERVAL)),
            (
                "one",
                Choice::one(SCRAPE_INTERVAL, stack.first_address(), ONE_ENDPOINT),
            ),
        ];
        for (name, choice) in &choices {
            let answered = ask::all(&api, &questions, choice, ANSWER_TIMEOUT, || {
                load.check()?;
                stack.check_alive()
            })?;
            ok(format_args!(
                "{} series to {} queries, with {name} of each variable chosen",
                answered,
                questions.len()
            ));
        }
        load.stop()
    })();
    if let Err(error) = outcome {
        stack.print_logs();
        return Err(error);
    }
    let of = |kind: question::Kind| {
        let of_kind = questions.iter().filter(|question| question.kind == kind);
        of_kind.count()
    };
    ok(format_args!(
        "every query of {} dashboards has data, now and over a time range: {} of panels, {} of variables, {} of annotations",
        dashboards.len(),
        of(question::Kind::Panel),
        of(question::Kind::Variable),
        of(question::Kind::Annotation)
    ));
    stack.stop()
}
