//! What is done, and in which order.
//!
//! First nothing, and a scanner: no alert may fire. Then four things at a time, each with alerts of its own; the errors take
//! the longest. Then nobody comes, and at last, for it silences all others, there are no targets.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::faults::{
    ABSENT, BLOCKED, BROKEN, CANCELLED, CROWD, CROWDED, DOWN, ERRORS, FAR, FREEZES, Fault,
    HAMMERED, OVERFLOW, RESTARTS, SILENCE, SLOW, SLOW_LINK, VISITED,
};
use super::load::Load;
use super::record::name;
use super::servers::{self, Far};
use super::stage::{JOB, Stage};
use super::watch::Watch;
use super::{alertmanager, clients};
use crate::http::Client;
use crate::poll::{self, Try};
use crate::server_process::ServerProcess;

/// The longest until Prometheus has scraped a server: before, no target is what it sees, and says.
const STARTED: Duration = Duration::from_secs(30);

/// How long a service that is well is watched, and how long with a scanner.
const QUIET: Duration = Duration::from_secs(20);
const SCANNED: Duration = Duration::from_secs(15);

/// The longest that the alerts of a short fault may take: 15 s of a window, 15 s until Alertmanager tells it.
const OVER: Duration = Duration::from_secs(120);

/// The longest that all may take to be resolved: 6 hours of a window, which are 6 minutes, and notifications.
const SETTLED: Duration = Duration::from_secs(9 * 60);

/// So many of the crowd are uploads.
const UPLOADS: usize = 320;

pub(super) struct Servers {
    pub(super) visited: ServerProcess,
    pub(super) far: Far,
    pub(super) crowded: ServerProcess,
    pub(super) crowded_metrics: String,
}

impl Servers {
    pub(super) fn stop(&mut self) -> Result<()> {
        self.visited.stop()?;
        self.far.stop()?;
        self.crowded.stop().map(drop)
    }

    /// Each under its name.
    pub(super) fn print_logs(&self) {
        eprintln!("{VISITED}:");
        self.visited.print_log();
        eprintln!("{FAR}:");
        self.far.print_log();
        eprintln!("{CROWDED}:");
        self.crowded.print_log();
    }

    /// What to call them where they are scraped.
    pub(super) fn names(&self) -> BTreeMap<String, &'static str> {
        let names = [VISITED, FAR, CROWDED];
        let addresses = self.targets().map(str::to_owned);
        addresses.into_iter().zip(names).collect()
    }

    /// Where Prometheus scrapes them.
    pub(super) fn targets(&self) -> [&str; 3] {
        [
            self.visited.address(),
            self.far.scraped_at(),
            &self.crowded_metrics,
        ]
    }
}

pub(super) fn play(stage: &Stage, servers: &mut Servers, watch: &Watch) -> Result<()> {
    let visitors = clients::visitors(&servers.visited);
    watch.wait_until_settled(STARTED)?;
    watch.judge();
    calm(watch, "a service that is well", QUIET)?;
    let scanner = clients::scanner(&servers.visited);
    calm(watch, "a scanner that finds nothing but 404", SCANNED)?;
    scanner.end()?;

    let Servers {
        visited,
        far,
        crowded,
        ..
    } = &mut *servers;
    let visited = &*visited;
    let crowded = &*crowded;
    let parts: Vec<Part> = vec![
        Box::new(|| errors(visited, watch)),
        Box::new(|| odd_clients(visited, watch)),
        Box::new(|| process(far, stage, watch)),
        Box::new(|| crowd(crowded, watch)),
    ];
    at_once(watch, parts)?;

    during(watch, &SILENCE, || visitors.end())?;
    let visitors = clients::visitors(&servers.visited);
    watch.end(&SILENCE);
    watch.say("until all is resolved: the longest window, 6 hours, is 6 minutes");
    watch.wait_until_settled(SETTLED)?;

    // Last, for it silences all others of the job, and with them that they are resolved.
    during(watch, &ABSENT, || stage.set_targets(JOB, &[]))?;
    stage.set_targets(JOB, &servers.targets())?;
    watch.end(&ABSENT);
    watch.wait_until_settled(OVER)?;
    visitors.end()
}

type Part<'a> = Box<dyn FnOnce() -> Result<()> + Send + 'a>;

/// All of them, and the first error, at which the others give up.
fn at_once(watch: &Watch, parts: Vec<Part>) -> Result<()> {
    let first = Mutex::new(Ok(()));
    thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| {
                // Caught, for the others would go on for minutes.
                let played = catch_unwind(AssertUnwindSafe(part));
                let played =
                    played.unwrap_or_else(|_| Err(anyhow!("the drill panicked; see above")));
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                if played.is_err() && first.is_ok() {
                    *first = played;
                    watch.give_up();
                }
            });
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing may fire.
fn calm(watch: &Watch, what: &str, time: Duration) -> Result<()> {
    watch.say(format_args!("CALM  {what}"));
    poll::sleep_until(Instant::now() + time)?;
    let complaints = watch.complaints();
    ensure!(complaints.is_empty(), "{what}: {}", complaints.join("; "));
    Ok(())
}

/// Begins a fault, and waits until its alerts were delivered. What it gives is the fault, which ends by being dropped.
fn during<T>(watch: &Watch, fault: &'static Fault, begin: impl FnOnce() -> Result<T>) -> Result<T> {
    watch.begin(fault);
    let guard = begin().with_context(|| format!("the fault {}", fault.name))?;
    watch.wait_until_delivered(fault)?;
    Ok(guard)
}

/// The whole of a fault that is clients.
fn loaded(watch: &Watch, fault: &'static Fault, begin: impl FnOnce() -> Load) -> Result<()> {
    let load = during(watch, fault, || Ok(begin()))?;
    let ended = load.end();
    watch.end(fault);
    ended.with_context(|| format!("the fault {}", fault.name))
}

fn errors(server: &ServerProcess, watch: &Watch) -> Result<()> {
    let url = format!("{}/fault?status=500", server.url());
    loaded(watch, &ERRORS, || {
        clients::expecting(1, Duration::from_millis(98), url, 500)
    })
}

fn odd_clients(server: &ServerProcess, watch: &Watch) -> Result<()> {
    let url = format!("{}/fault?delay_seconds=1.5", server.url());
    loaded(watch, &SLOW, || {
        clients::expecting(50, Duration::ZERO, url, 200)
    })?;

    let url = format!("{}/fault?block_seconds=0.15", server.url());
    loaded(watch, &BLOCKED, || {
        clients::expecting(1, Duration::from_millis(850), url, 200)
    })?;

    let address = server.address().to_owned();
    loaded(watch, &CANCELLED, || clients::impatient(&address))?;
    loaded(watch, &BROKEN, || clients::broken_off(&address))?;
    loaded(watch, &HAMMERED, || clients::greedy(&address))
}

fn process(far: &mut Far, stage: &Stage, watch: &Watch) -> Result<()> {
    during(watch, &SLOW_LINK, || {
        far.slow_down(Duration::from_millis(250));
        Ok(())
    })?;
    far.slow_down(Duration::ZERO);
    watch.end(&SLOW_LINK);

    // Or what it may raise is there already when the next one raises it.
    watch.wait_until_over(&[&SLOW_LINK], OVER)?;
    let freezing = || {
        for _ in 0..4 {
            let frozen = far.freeze()?;
            poll::sleep_until(Instant::now() + Duration::from_secs(1))?;
            drop(frozen);
            poll::sleep_until(Instant::now() + Duration::from_secs(1))?;
        }
        Ok(())
    };
    during(watch, &FREEZES, freezing)?;
    watch.end(&FREEZES);

    let url = format!("{}/data", far.server()?.url());
    loaded(watch, &OVERFLOW, || {
        clients::expecting(1, Duration::from_millis(100), url, 200)
    })?;

    // The dead server will silence all of these, and with them that they are resolved.
    watch.wait_until_over(&[&FREEZES, &OVERFLOW], OVER)?;
    during(watch, &RESTARTS, || {
        for _ in 0..4 {
            far.kill();
            far.revive()?;
            // Scraped a few times, so that it is seen.
            poll::sleep_until(Instant::now() + Duration::from_secs(2))?;
        }
        Ok(())
    })?;
    watch.end(&RESTARTS);

    during(watch, &DOWN, || {
        far.kill();
        Ok(())
    })?;
    // It still is: a restart in the last hour.
    inhibited(stage, watch, "TalliedRestarts", "TalliedTargetDown")?;
    far.revive()?;
    watch.end(&DOWN);
    Ok(())
}

/// Alertmanager must have the alert, and keep it to itself.
fn inhibited(stage: &Stage, watch: &Watch, alert: &str, by: &str) -> Result<()> {
    let client = Client::new();
    let what = format!("{by} to silence {alert}");
    poll::until(&what, Duration::from_secs(10), || {
        let inhibited = alertmanager::inhibited(&stage.alertmanager, &client)?;
        Ok(match inhibited.iter().any(|labels| name(labels) == alert) {
            true => Try::Done(()),
            false => Try::NotYet(format!("silenced: {inhibited:?}")),
        })
    })?;
    watch.say(format_args!("      {alert} is silenced by {by}"));
    Ok(())
}

fn crowd(server: &ServerProcess, watch: &Watch) -> Result<()> {
    let crowd = during(watch, &CROWD, || {
        let mut held = Vec::new();
        for index in 0..servers::CONNECTIONS {
            held.push(match index < UPLOADS {
                true => clients::stopped_upload(server.address())?,
                false => clients::asked(server.address(), "/fault?delay_seconds=600")?,
            });
        }
        Ok((clients::knocking(server.address()), held))
    })?;
    let (knocking, held) = crowd;
    let ended = knocking.end();
    drop(held);
    watch.end(&CROWD);
    ended
}
