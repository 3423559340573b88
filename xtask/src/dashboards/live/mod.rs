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

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use self::choice::Choice;
use self::load::Load;
use self::question::{Kind, Question};
use self::stack::{SCRAPE_INTERVAL, Stack};
use super::Options;
use super::parsed::Parsed;
use crate::alerts::finding::{Finding, settle};
use crate::http::Client;
use crate::prometheus::api::Api;
use crate::report::ok;
use crate::work_folder;
use crate::workspace::Workspace;
use crate::{cargo, loadtest, tools};

/// Answers come within seconds; the rest is a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// The endpoint whose requests fail in every way; it is chosen alone, too.
const ONE_ENDPOINT: &str = "/fault/aborts";

pub(super) fn run(workspace: &Workspace, options: &Options, dashboards: &[Parsed]) -> Result<()> {
    let tools = tools::find(workspace)?;
    let server = cargo::server(workspace, options.server.as_deref())?;
    let loadtest = loadtest::binary(workspace, options.loadtest.as_deref())?;
    let client = Client::new();
    let rules = workspace.root.join("deploy/prometheus/rules");
    work_folder::within("tallied-dashboards-", options.keep, |folder| {
        Stack::start(folder, &tools, &server, &rules, &client)
            .and_then(|stack| ask_under_load(stack, &loadtest, &client, dashboards))
    })
}

fn ask_under_load(
    mut stack: Stack<'_>,
    loadtest: &Path,
    client: &Client,
    dashboards: &[Parsed],
) -> Result<()> {
    let questions = question::all(dashboards)?;
    let findings = match ask_all(&mut stack, loadtest, client, &questions) {
        Ok(findings) => findings,
        Err(error) => {
            stack.print_logs();
            return Err(error);
        }
    };
    if !findings.is_empty() {
        // First, so that the last lines are what to correct.
        stack.print_logs();
    }
    let of = |kind: Kind| {
        let of_kind = questions.iter().filter(|question| question.kind == kind);
        of_kind.count()
    };
    settle(
        format_args!(
            "data for every query of {} dashboards, now and over a time range: {} of panels, {} of variables, {} of \
             annotations",
            dashboards.len(),
            of(Kind::Panel),
            of(Kind::Variable),
            of(Kind::Annotation)
        ),
        &findings,
    )?;
    stack.stop()
}

/// What no answer came to.
fn ask_all(
    stack: &mut Stack<'_>,
    loadtest: &Path,
    client: &Client,
    questions: &[Question],
) -> Result<Vec<Finding>> {
    let url = stack.prometheus_url().to_owned();
    let api = Api::new(client, &url);
    stack.wait_for_scrapes(&api)?;
    stack.restart_first()?;
    let mut load = Load::start(loadtest, stack)?;
    load.wait(&api, stack)?;
    let choices = [
        ("all", Choice::all(SCRAPE_INTERVAL)),
        (
            "one",
            Choice::one(SCRAPE_INTERVAL, stack.first_address(), ONE_ENDPOINT),
        ),
    ];
    for (name, choice) in &choices {
        let (answered, findings) = ask::all(&api, questions, choice, ANSWER_TIMEOUT, || {
            load.check()?;
            stack.check_alive()
        })?;
        if !findings.is_empty() {
            return Ok(findings);
        }
        ok(format_args!(
            "{answered} series to {} queries, with {name} of each variable chosen",
            questions.len()
        ));
    }
    load.stop()?;
    Ok(Vec::new())
}
