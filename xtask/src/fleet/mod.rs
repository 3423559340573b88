//! More than one machine, on one: `cargo xtask fleet`.
//!
//! Three real servers under different loads, and a real Prometheus with the files of deploy/, which finds them by file
//! service discovery. It must have counted what the servers' own expositions add up to, exactly, and have recorded the
//! fleet's p95 and error ratio, and not a server's, nor an average of theirs. Then servers come and go.
//!
//! What each recording rule gives of known samples, to the last digit, is `promtool`'s to test (deploy/prometheus/tests). Here
//! the figures may be off by what `rate` extrapolates, which depends on the times of the scrapes.

mod configuration;
mod figures;
mod member;

use std::fmt::Display;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use self::configuration::Files;
use self::figures::{COUNTS, HEADLINES, Headline};
use self::member::{FAILING, LATE, Member, QUICK, SLOW};
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus::api::Api;
use crate::prometheus::process::PrometheusProcess;
use crate::report::seconds;
use crate::tools::{self, Tools};
use crate::work_folder;
use crate::workspace::Workspace;
use crate::{cargo, exposition};

const LOAD: Duration = Duration::from_secs(6);
/// Prometheus hands on what it finds every 5 seconds, and scrapes every second; the rest is a busy machine.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Until `rate` extrapolates by little: a scrape or two among twenty.
const QUIET: Duration = Duration::from_secs(12);
/// By how much a recorded figure may differ for that, …
const OFF: f64 = 0.08;
/// … and by how much the fleet's must differ from one that it could be mistaken for.
const APART: f64 = 2.0 * OFF;
/// Of the file of the fourth server.
const FOURTH: &str = "more";

struct Fleet<'a> {
    client: &'a Client,
    api: Api<'a>,
    /// Those that were ever scraped: their requests count for as long as they are in the window.
    members: Vec<Member>,
    start: Instant,
}

pub(crate) fn run(workspace: &Workspace, server: Option<&Path>, keep: bool) -> Result<()> {
    let start = Instant::now();
    let tools = tools::find(workspace)?;
    let binary = cargo::server(workspace, server)?;
    work_folder::within("tallied-fleet-", keep, |folder| {
        run_in(folder, &workspace.root.join("deploy"), &tools, &binary)
    })?;
    println!("the fleet's test passed in {}", seconds(start.elapsed()));
    Ok(())
}

fn run_in(folder: &Path, deploy: &Path, tools: &Tools, binary: &Path) -> Result<()> {
    let client = Client::new();
    let mut members = Vec::new();
    for (name, load) in [
        ("server 1", &QUICK[..]),
        ("server 2", &FAILING),
        ("server 3", &SLOW),
    ] {
        members.push(Member::start(&client, binary, folder, name, load)?);
    }
    let instances: Vec<&str> = members.iter().map(|m| m.instance.as_str()).collect();
    let files = Files::write(deploy, folder, &instances)?;
    for config in &files.configs {
        exposition::check_config(&tools.promtool, config)?;
    }
    let mut prometheus =
        PrometheusProcess::start(&tools.prometheus, &files.configs[0], folder, &client)?;
    let mut fleet = Fleet {
        client: &client,
        api: Api::new(&client, prometheus.url()),
        members,
        start: Instant::now(),
    };
    let checked = fleet
        .adds_up()
        .and_then(|()| fleet.one_comes(&files, binary, folder))
        .and_then(|()| fleet.one_goes(&files))
        .and_then(|()| fleet.one_dies());
    if let Err(error) = checked {
        for member in &fleet.members {
            member.print_log();
        }
        prometheus.print_log();
        return Err(error);
    }
    for member in &mut fleet.members {
        member.stop()?;
    }
    prometheus.stop()
}

impl Fleet<'_> {
    fn told(&self, what: impl Display) {
        println!("ok  {:5.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    fn adds_up(&mut self) -> Result<()> {
        self.wait_for("count(up{job=\"tallied\"} == 1)", 3.0)?;
        self.counts("before the load")?;
        self.load(&[0, 1, 2])?;
        self.counts("after the load")?;
        for headline in HEADLINES {
            self.check_apart(headline)?;
        }
        poll::sleep_until(Instant::now() + QUIET)?;
        self.recorded("after the load")
    }

    /// A fourth server is started, and its file written.
    fn one_comes(&mut self, files: &Files, binary: &Path, folder: &Path) -> Result<()> {
        let fourth = Member::start(self.client, binary, folder, "server 4", &LATE)?;
        files.add_target(FOURTH, &fourth.instance)?;
        self.members.push(fourth);
        self.wait_for("count(up{job=\"tallied\"} == 1)", 4.0)?;
        self.counts("with a server that has had no load yet")?;
        self.load(&[3])?;
        self.counts("with four servers")?;
        poll::sleep_until(Instant::now() + QUIET)?;
        self.recorded("with four servers")
    }

    /// Its file is removed, and it is stopped. What it has done stays in the window.
    fn one_goes(&mut self, files: &Files) -> Result<()> {
        files.remove_target(FOURTH)?;
        self.wait_for("count(up{job=\"tallied\"})", 3.0)?;
        self.members[3].stop()?;
        self.recorded("when it is gone, its requests still in the window")
    }

    /// The third server is killed. The others get requests, and the figures go on.
    fn one_dies(&mut self) -> Result<()> {
        let instance = self.members[2].instance.clone();
        self.members[2].kill();
        self.wait_for(&format!("up{{instance=\"{instance}\"}}"), 0.0)?;
        self.wait_for(
            &format!(
                "ALERTS{{alertname=\"TalliedTargetDown\",alertstate=\"pending\",instance=\"{instance}\"}}"
            ),
            1.0,
        )?;
        self.load(&[0, 1])?;
        self.counts("with one server dead")?;
        poll::sleep_until(Instant::now() + QUIET)?;
        self.recorded("with one server dead, and more requests to the others")
    }

    /// Sends these servers their loads, at the same time, and looks at what they expose after it.
    fn load(&mut self, members: &[usize]) -> Result<()> {
        let client = self.client;
        let all = self.members.iter_mut().enumerate();
        let chosen = all.filter(|(index, _)| members.contains(index));
        thread::scope(|scope| {
            let threads: Vec<_> = chosen
                .map(|(_, member)| scope.spawn(|| member.load(client, LOAD)))
                .collect();
            let outcomes = threads.into_iter().map(|thread| {
                let outcome = thread.join();
                outcome.map_err(|_| anyhow!("a load panicked")).flatten()
            });
            outcomes.collect()
        })
    }

    /// That Prometheus has what the servers that run expose, added up: each count, and no other.
    fn counts(&self, what: &str) -> Result<()> {
        let running = || self.members.iter().filter(|member| member.is_running());
        let up: Vec<&str> = running().map(|member| member.instance.as_str()).collect();
        for count in COUNTS {
            let exposed = figures::totals(count, running().map(|member| &member.last));
            let query = count.query(&up.join("|"));
            poll::until("what the servers expose, in Prometheus", TIMEOUT, || {
                let stored = figures::stored(count, &self.api.query(&query)?);
                Ok(if stored == exposed {
                    Try::Done(())
                } else {
                    Try::NotYet(format!(
                        "{what}: {query} is {stored:?}, and the servers expose {exposed:?}"
                    ))
                })
            })?;
            self.told(format_args!(
                "{what}: {} of the servers' {} are the same in Prometheus",
                exposed.len(),
                count.metric
            ));
        }
        Ok(())
    }

    /// That the figures of the fleet are those of all its requests.
    fn recorded(&self, what: &str) -> Result<()> {
        for headline in HEADLINES {
            let expected = headline.expected(&self.members);
            let seen = self.one(headline.query)?;
            let seen = seen.with_context(|| format!("{what}: there is no {}", headline.query))?;
            ensure!(
                (seen / expected - 1.0).abs() <= OFF,
                "{what}: {} is {seen}, and by the servers' expositions {expected}",
                headline.query
            );
            self.told(format_args!(
                "{what}: {} is {seen:.5}, by the expositions {expected:.5}",
                headline.query
            ));
        }
        Ok(())
    }

    /// That the fleet's figure can be mistaken for none of a single server, nor for their average.
    fn check_apart(&self, headline: Headline) -> Result<()> {
        let fleet = headline.expected(&self.members);
        let each = self.members.iter().map(std::slice::from_ref);
        let mut others: Vec<f64> = each.map(|member| headline.expected(member)).collect();
        others.push(others.iter().sum::<f64>() / others.len() as f64);
        ensure!(
            others
                .iter()
                .all(|other| (other / fleet - 1.0).abs() > APART),
            "{}: the fleet's {fleet} is too near to one of {others:?} to tell them apart",
            headline.query
        );
        Ok(())
    }

    /// The value of a query that has one.
    fn one(&self, promql: &str) -> Result<Option<f64>> {
        let samples = self.api.query(promql)?;
        ensure!(
            samples.len() <= 1,
            "{promql}: one series was expected; seen: {samples:?}"
        );
        Ok(samples.first().map(|sample| sample.value))
    }

    fn wait_for(&mut self, promql: &str, expected: f64) -> Result<()> {
        poll::until(promql, TIMEOUT, || {
            for member in &mut self.members {
                member.check_alive()?;
            }
            let samples = self.api.query(promql)?;
            Ok(match samples.first() {
                Some(seen) if samples.len() == 1 && seen.value == expected => Try::Done(()),
                _ => Try::NotYet(format!("{samples:?}, and not {expected}")),
            })
        })?;
        self.told(format_args!("{promql} == {expected}"));
        Ok(())
    }
}
