//! The alerts in earnest: real servers, a real Prometheus and a real Alertmanager with the files of `deploy/`, sixty times as
//! fast, and faults that must raise each alert that can be raised here, see it delivered, and see it go: `cargo xtask drill`.

mod alertmanager;
mod clients;
mod faults;
mod hurried;
mod load;
mod receiver;
mod record;
mod relay;
mod report;
mod script;
mod servers;
mod stage;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver as Channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit};

use self::receiver::Arrived;
use self::script::Servers;
use self::servers::Far;
use self::stage::{Stage, Tools};
use self::watch::Watch;
use crate::alerts::kit::Kit;
use crate::alerts::rules::{Rule, RuleFile};
use crate::cargo;
use crate::http::Client;
use crate::interrupt;
use crate::poll;
use crate::prometheus::api::Api;
use crate::report::{ok, seconds};
use crate::tools;
use crate::work_folder;
use crate::workspace::Workspace;

/// How long the alert that always fires must stay away, when nobody sends it any more, to be called silent; it comes about
/// once a second.
const SILENT: Duration = Duration::from_secs(6);
const SILENT_TIMEOUT: Duration = Duration::from_secs(40);
const ALWAYS_RECEIVER: &str = "watchdog";

/// Connections of the clients and of the relay, and what else is open.
const OPEN_FILES: u64 = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) list: bool,
    pub(crate) deploy: Option<PathBuf>,
    pub(crate) server: Option<PathBuf>,
    pub(crate) keep: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let start = Instant::now();
    let kit = match &options.deploy {
        Some(folder) => Kit::read(folder, &folder.display().to_string())?,
        None => Kit::read(&workspace.root.join("deploy"), "deploy")?,
    };
    faults::check_complete(&kit.alerts())?;
    if options.list {
        list();
        return Ok(());
    }
    check_machine()?;
    let found = tools::find(workspace)?;
    let tools = Tools {
        promtool: found.promtool,
        prometheus: found.prometheus,
        alertmanager: tools::find_alertmanager(workspace)?,
    };
    let binary = cargo::server(workspace, options.server.as_deref())?;
    work_folder::within("tallied-drill-", options.keep, |folder| {
        run_in(folder, &kit, &tools, &binary)
    })?;
    println!("the drill passed in {}", seconds(start.elapsed()));
    Ok(())
}

fn check_machine() -> Result<()> {
    ensure!(
        cfg!(target_os = "linux"),
        "the drill needs Linux: elsewhere the server has not all figures of its process"
    );
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    ensure!(
        most >= OPEN_FILES,
        "the drill opens some {OPEN_FILES} files, and may open {most}: `ulimit -n {OPEN_FILES}` before it"
    );
    Ok(())
}

fn list() {
    for fault in faults::ALL {
        println!("{}: {}", fault.name, fault.what);
        for raised in fault.raises {
            println!("  {}", raised.alert);
        }
    }
    println!("always: {}", faults::ALWAYS);
    println!("not raised:");
    for (alert, why) in faults::CANNOT {
        println!("  {alert}: {why}");
    }
}

fn run_in(folder: &Path, kit: &Kit, tools: &Tools, binary: &Path) -> Result<()> {
    let client = Client::new();
    let (receiver, arrived) = receiver::listen()?;
    let (crowded, crowded_metrics) = servers::crowded(binary, folder)?;
    let mut servers = Servers {
        visited: servers::visited(binary, folder)?,
        far: Far::start(binary, folder)?,
        crowded,
        crowded_metrics,
    };
    let mut stage = Stage::start(kit, tools, folder, &client, &servers.targets(), &receiver)?;
    ok(format_args!(
        "three servers, Prometheus on {}, Alertmanager on {}; a second is a minute of the files' time",
        stage.prometheus.url(),
        stage.alertmanager.url()
    ));
    let watch = Watch::new(servers.names());
    let played = observed(&stage, &watch, &arrived, &client, || {
        script::play(&stage, &mut servers, &watch)
    });
    let played = played.and_then(|()| fall_silent(&mut stage, &watch, &arrived));
    let played = played.and_then(|()| {
        servers.stop()?;
        stage.alertmanager.stop()
    });
    // What is missing is no news then.
    interrupt::check()?;
    let wrong = match watch.has_begun() {
        true => table(kit, &watch),
        false => Vec::new(),
    };
    if let Err(error) = played {
        for complaint in watch.complaints() {
            eprintln!("{complaint}");
        }
        servers.print_logs();
        stage.print_logs();
        return Err(error);
    }
    let wrong = [wrong, watch.complaints()].concat();
    ensure!(
        wrong.is_empty(),
        "not as it should be:\n  {}",
        wrong.join("\n  ")
    );
    Ok(())
}

/// Plays with somebody watching.
fn observed(
    stage: &Stage,
    watch: &Watch,
    arrived: &Channel<Arrived>,
    client: &Client,
    play: impl FnOnce() -> Result<()> + Send,
) -> Result<()> {
    let api = Api::new(client, stage.prometheus.url());
    let check = || alertmanager::check(stage.alertmanager.url(), client);
    thread::scope(|scope| {
        let playing = scope.spawn(play);
        // Here, for a channel is not shared. Its error ends the play, too, and says more.
        let observed = watch.observe(&api, arrived, check, || playing.is_finished());
        let played = playing.join();
        let played = played.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        observed.and(played)
    })
}

/// Without Prometheus, nobody says any more that all is well. That is the point of the alert that always fires.
fn fall_silent(stage: &mut Stage, watch: &Watch, arrived: &Channel<Arrived>) -> Result<()> {
    let (times, receivers) = watch.always();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    let longest = longest.context("the alert that always fires was not delivered")?;
    watch.say(format_args!(
        "      {} was delivered {} times, at most {} apart",
        faults::ALWAYS,
        times.len(),
        seconds(longest)
    ));
    // Or its silence says nothing.
    ensure!(
        longest < SILENT / 2,
        "{} must come more often than each {:?}",
        faults::ALWAYS,
        SILENT / 2
    );
    ensure!(
        receivers.iter().eq([ALWAYS_RECEIVER]),
        "{} must go to {ALWAYS_RECEIVER} alone, and went to {receivers:?}",
        faults::ALWAYS
    );
    watch.say("FAULT no monitoring: Prometheus is stopped");
    stage.prometheus.stop()?;
    let stop = Instant::now();
    let mut last = stop;
    while last.elapsed() < SILENT {
        ensure!(
            stop.elapsed() < SILENT_TIMEOUT,
            "{} is still delivered {SILENT_TIMEOUT:?} after Prometheus was stopped",
            faults::ALWAYS
        );
        poll::sleep_until(Instant::now() + Duration::from_millis(100))?;
        watch.listen(arrived);
        last = watch.always().0.last().copied().unwrap_or(stop).max(stop);
    }
    watch.say(format_args!(
        "      {} is silent: last delivered {} after the stop",
        faults::ALWAYS,
        seconds(last - stop)
    ));
    Ok(())
}

fn table(kit: &Kit, watch: &Watch) -> Vec<String> {
    let rule = |name: &str| -> Option<&Rule> {
        let mut rules = kit.rules.iter().flat_map(RuleFile::rules);
        rules.find(|rule| rule.name == name)
    };
    report::print(
        watch,
        |alert| rule(alert).is_some_and(|rule| rule.wait.is_some()),
        |alert| {
            let severity = rule(alert).and_then(|rule| rule.labels.get("severity"));
            severity.cloned().unwrap_or_default()
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::alerts::yaml;

    /// So that a new alert without a fault, or a rule that cannot be hurried, is seen before somebody runs the drill.
    #[test]
    fn the_kit_can_be_drilled() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let kit = Kit::read(&root.join("deploy"), "deploy").unwrap();
        faults::check_complete(&kit.alerts()).unwrap();
        let config = |path: PathBuf| -> Value {
            let text = yaml::read_text(&path).unwrap();
            yaml::parse("", &text).unwrap()
        };
        let prometheus = config(kit.prometheus_config());
        let rules = hurried::rules(&kit.rules, &prometheus).unwrap();
        assert_eq!(rules.len(), kit.rules.len());
        hurried::prometheus(&prometheus, "127.0.0.1:1").unwrap();
        hurried::alertmanager(&config(kit.alertmanager_config()), "127.0.0.1:1").unwrap();
    }
}
