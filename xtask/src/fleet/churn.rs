//! Servers that come and go: one is found by its file, its file is removed, another one is killed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::configuration::Files;
use super::load::LATE;
use super::member::Member;
use super::stage::{Stage, now};
use crate::poll::{self, Try};

/// Prometheus hands on what it finds every 5 seconds.
const FOUND_TIMEOUT: Duration = Duration::from_secs(40);
const LOAD: Duration = Duration::from_secs(5);
/// Of the file.
const FOURTH: &str = "more";

pub(super) fn check(
    stage: &mut Stage<'_>,
    files: &Files,
    binary: &Path,
    folder: &Path,
) -> Result<()> {
    comes(stage, files, binary, folder)?;
    goes(stage, files)?;
    dies(stage)
}

/// A fourth server is started, and its file written.
fn comes(stage: &mut Stage<'_>, files: &Files, binary: &Path, folder: &Path) -> Result<()> {
    let fourth = Member::start(stage.client, binary, folder, "server 4", &LATE)?;
    let instance = fourth.instance.clone();
    stage.members.push(fourth);
    files.add_target(FOURTH, &instance)?;
    let written = Instant::now();
    poll::until("the target of the new file", FOUND_TIMEOUT, || {
        let targets = stage.api.targets()?;
        Ok(
            if targets.iter().any(|target| target.instance == instance) {
                Try::Done(())
            } else {
                Try::NotYet(format!("{} targets", targets.len()))
            },
        )
    })?;
    stage.told(format_args!(
        "a file more: server 4 is a target after {:.1} s",
        written.elapsed().as_secs_f64()
    ));
    stage.wait_for_scrapes(now())?;
    // For the servers that were there before it is what they have exposed since their load.
    stage.check_samples("with a server that has had no load yet", |member| {
        &member.last
    })?;
    stage.expect("count(up{job=\"tallied\"} == 1)", 4.0)?;
    stage.load(&[3], LOAD)?;
    let since = stage.wait_for_scrapes(now())?;
    stage.check_samples("with four servers", |member| &member.last)?;
    stage.compare_asked("with four servers", since)
}

/// Its file is removed, and it is stopped. What it has done stays in the window.
fn goes(stage: &mut Stage<'_>, files: &Files) -> Result<()> {
    let instance = stage.members[3].instance.clone();
    files.remove_target(FOURTH)?;
    let removed = Instant::now();
    let up = format!("up{{instance=\"{instance}\"}}");
    poll::until("the end of the target", FOUND_TIMEOUT, || {
        let targets = stage.api.targets()?;
        let is_target = targets.iter().any(|target| target.instance == instance);
        Ok(match stage.one(&up)? {
            None if !is_target => Try::Done(()),
            seen => Try::NotYet(format!("{} targets, {up} is {seen:?}", targets.len())),
        })
    })?;
    stage.members[3].stop()?;
    stage.told(format_args!(
        "its file removed: no target and no series of it after {:.1} s",
        removed.elapsed().as_secs_f64()
    ));
    stage.expect("count(up{job=\"tallied\"} == 1)", 3.0)?;
    let since = stage.wait_for_scrapes(now())?;
    stage.compare_asked("when it is gone, its requests still in the window", since)
}

/// The third server is killed. The others get requests, and the figures go on.
fn dies(stage: &mut Stage<'_>) -> Result<()> {
    let instance = stage.members[2].instance.clone();
    stage.members[2].kill();
    let killed = Instant::now();
    let wait = |stage: &Stage<'_>, what: &str, query: &str, expected: f64| {
        poll::until(what, FOUND_TIMEOUT, || {
            Ok(match stage.one(query)? {
                Some(seen) if seen == expected => Try::Done(()),
                seen => Try::NotYet(format!("{query} is {seen:?}")),
            })
        })?;
        stage.told(format_args!(
            "server 3 killed: {query} == {expected} after {:.1} s",
            killed.elapsed().as_secs_f64()
        ));
        Ok::<_, anyhow::Error>(())
    };
    wait(
        stage,
        "the target that is down",
        &format!("up{{instance=\"{instance}\"}}"),
        0.0,
    )?;
    let pending = format!(
        "ALERTS{{alertname=\"TalliedTargetDown\",alertstate=\"pending\",instance=\"{instance}\"}}"
    );
    wait(stage, "the alert", &pending, 1.0)?;
    stage.expect("count(up{job=\"tallied\"} == 1)", 2.0)?;

    let query = "job:http_requests:rate5m";
    let before = stage
        .one(query)?
        .with_context(|| format!("there is no {query}"))?;
    stage.load(&[0, 1], LOAD)?;
    let since = stage.wait_for_scrapes(now())?;
    stage.compare_asked(
        "with one server dead, and more requests to the others",
        since,
    )?;
    poll::sleep_until(Instant::now() + super::QUIET)?;
    stage.compare_recorded(since)?;
    let after = stage
        .one(query)?
        .with_context(|| format!("there is no {query}"))?;
    ensure!(
        after > before,
        "{query} was {before}, and is {after} after more requests"
    );
    stage.check_undisturbed()
}
