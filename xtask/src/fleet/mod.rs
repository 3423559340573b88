//! More than one machine, on one: `cargo xtask fleet`.
//!
//! Three real servers under different loads; a real Prometheus with the files of deploy/, which finds them by file service
//! discovery and sends all that it has to a real VictoriaMetrics. The fleet's p95 and error ratio, and nine more recorded
//! figures, must be what the servers' own expositions give, **to the last digit that the arithmetic allows**:
//!
//! - counts, and every sample on its way from the server into Prometheus: to the bit;
//! - `rate`, quotients and `histogram_quantile`: to the bit, given the same sums, for each operation is repeated in its order
//!   (on a processor where Go fuses multiplications with additions, arm64 for one, an interpolation may differ by one unit more);
//! - sums: PromQL leaves the order of additions open, and releases add up differently. Each sum is therefore a range, which
//!   is carried through all that is calculated from it (`arithmetic`), and a figure must lie in its range: some units in the last
//!   place, which are printed. Nothing else is tolerated. (3.5 compensates for what roundings lose, as is done here, and so gave
//!   the same bits each time; of 2.42's figures, one in twenty differs.)
//! - in VictoriaMetrics: counts to the bit, fractions to the 12 digits that its storage keeps at least.
//!
//! It takes the times of scrapes from Prometheus, for nobody else knows them. Then servers come and go.

mod arithmetic;
mod churn;
mod comparison;
mod configuration;
mod expand;
mod figures;
mod load;
mod member;
mod rules;
mod series;
mod stage;
mod stored;
mod victoria_metrics;

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::arithmetic::Extrapolation;
use self::comparison::number;
use self::configuration::Files;
use self::figures::{JOB_RATIO, P95};
use self::load::{FAILING, QUICK, SLOW};
use self::member::Member;
use self::rules::Rules;
use self::stage::{Stage, now};
use self::stored::{Kept, check_sent};
use self::victoria_metrics::VictoriaMetrics;
use crate::alerts::rules as rule_files;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::prometheus::api::{Api, Labels};
use crate::prometheus::process::PrometheusProcess;
use crate::report::{ok, seconds};
use crate::tools::{self, Binary, Tools};
use crate::work_folder;
use crate::workspace::Workspace;
use crate::{cargo, exposition};

const LOAD: Duration = Duration::from_secs(9);
/// Ten evaluations, each with another distance from the scrapes: some come when none is on its way.
const QUIET: Duration = Duration::from_secs(14);
/// Prometheus sends what it has every 5 seconds; the rest is a busy machine.
const SENT_TIMEOUT: Duration = Duration::from_secs(60);
/// By how much a figure of the fleet must differ from one that it could be mistaken for.
const APART: f64 = 0.05;

pub(crate) fn run(workspace: &Workspace, server: Option<&Path>, keep: bool) -> Result<()> {
    let start = Instant::now();
    let tools = tools::find(workspace)?;
    let store = tools::find_victoria_metrics(workspace)?;
    let binary = cargo::server(workspace, server)?;
    work_folder::within("tallied-fleet-", keep, |folder| {
        run_in(folder, &workspace.root, &tools, &store, &binary)
    })?;
    println!("the fleet's test passed in {}", seconds(start.elapsed()));
    Ok(())
}

fn run_in(folder: &Path, root: &Path, tools: &Tools, store: &Binary, binary: &Path) -> Result<()> {
    let client = Client::new();
    let deploy = root.join("deploy");
    let mut store = VictoriaMetrics::start(store, folder, &client)?;
    ok(format_args!("VictoriaMetrics is ready on {}", store.url()));

    let mut members = Vec::new();
    for (name, load) in [
        ("server 1", &QUICK[..]),
        ("server 2", &FAILING[..]),
        ("server 3", &SLOW[..]),
    ] {
        members.push(Member::start(&client, binary, folder, name, load)?);
    }
    let instances: Vec<&str> = members.iter().map(|m| m.instance.as_str()).collect();
    ok(format_args!(
        "three servers listen on {}",
        instances.join(", ")
    ));

    let files = Files::write(&deploy, folder, &instances, store.url())?;
    for change in &files.changes {
        println!("    {change}");
    }
    exposition::check_config(&tools.promtool, &files.config)?;
    let mut prometheus =
        PrometheusProcess::start(&tools.prometheus, &files.config, folder, &client)?;
    let api = Api::new(&client, prometheus.url());
    let version = api.version()?;
    ok(format_args!(
        "Prometheus {version} is ready on {}",
        prometheus.url()
    ));
    let extrapolation = Extrapolation::of_version(&version)
        .with_context(|| format!("Prometheus says that its version is {version}"))?;

    let rule_files =
        rule_files::read_all(&deploy.join("prometheus/rules"), "deploy/prometheus/rules")?;
    let mut stage = Stage {
        client: &client,
        api,
        members,
        rules: Rules::new(&rule_files, extrapolation)?,
        start: Instant::now(),
        begin: now(),
        asked: Cell::default(),
        recorded: Cell::default(),
    };
    let sender = &files.external_labels;
    let checked = check(&mut stage, &store, sender)
        .and_then(|()| churn::check(&mut stage, &files, binary, folder))
        .and_then(|()| check_store(&stage, &store, sender, now() - 1000))
        .and_then(|()| store.check_alive());
    if let Err(error) = checked {
        for member in &stage.members {
            member.print_log();
        }
        prometheus.print_log();
        store.print_log();
        return Err(error);
    }
    for member in &mut stage.members {
        member.stop()?;
    }
    println!("asked, in all:    {}", stage.asked.get());
    println!("recorded, in all: {}", stage.recorded.get());
    prometheus.stop()?;
    store.stop()
}

/// The three servers under load, and what became of it in Prometheus and in VictoriaMetrics.
fn check(stage: &mut Stage<'_>, store: &VictoriaMetrics, sender: &Labels) -> Result<()> {
    stage.wait_for_scrapes(now())?;
    stage.wait_for_scrapes(now())?;
    stage.told("Prometheus has found and scraped three servers");
    stage.check_samples("before the load", |member| &member.first)?;

    stage.load(&[0, 1, 2], LOAD)?;
    let since = stage.wait_for_scrapes(now())?;
    stage.check_samples("after the load", |member| &member.last)?;
    check_apart(stage, since)?;

    stage.compare_asked("at the time of a scrape", since)?;
    stage.compare_asked("between scrapes", since + 437)?;
    poll::sleep_until(Instant::now() + QUIET)?;
    stage.compare_asked("later", now() - 1000)?;
    let recorded = stage.compare_recorded(since)?;

    let until = now() - 1000;
    check_store(stage, store, sender, until)?;
    check_stored_headlines(stage, store, sender, &recorded)?;
    let stored = Api::new(stage.client, store.url());
    let what = "in VictoriaMetrics after the load";
    stage.check_samples_in(&stored, what, until, Kept::AS_A_DECIMAL, |member| {
        &member.last
    })?;
    its_own_rate(stage, &stored, until)?;
    stage.check_undisturbed()
}

/// That the fleet's figures can be mistaken for none of a single server, nor for an average of theirs.
fn check_apart(stage: &Stage<'_>, at: i64) -> Result<()> {
    let scrapes = rules::scrapes(&stage.api, now())?;
    for (what, name) in [("p95 of /fault", P95), ("error ratio", JOB_RATIO)] {
        let figure = |members: &[Member]| -> Result<f64> {
            let figures = stage.rules.expected(members, &scrapes, at)?;
            Ok(stage::headline(&figures, name)
                .context("there is no figure")?
                .value)
        };
        let fleet = figure(&stage.members)?;
        let mut others = Vec::new();
        for member in &stage.members {
            others.push(figure(std::slice::from_ref(member))?);
        }
        let average = others.iter().sum::<f64>() / others.len() as f64;
        stage.told(format_args!(
            "{what}: the servers' are {:.4}, {:.4} and {:.4}, their average {average:.4}, the fleet's {fleet:.4}",
            others[0], others[1], others[2]
        ));
        others.push(average);
        ensure!(
            others
                .iter()
                .all(|other| (other - fleet).abs() > APART * fleet),
            "the fleet's {what} is too near to another figure to tell them apart; is the machine busy?"
        );
    }
    Ok(())
}

/// That all recorded series, and the servers' that they are made of, are in VictoriaMetrics: each sample since the start, at
/// its time.
fn check_store(
    stage: &Stage<'_>,
    store: &VictoriaMetrics,
    sender: &Labels,
    until: i64,
) -> Result<()> {
    let from = stage.begin - 5000;
    let window = (until - from) / 1000 + 1;
    for (what, selector) in [
        ("all recorded series", "{__name__=~\".+:.+\"}"),
        (
            "the counts that they are made of",
            "{__name__=~\"http_requests_total|http_request_duration_seconds_bucket\"}",
        ),
    ] {
        let original = stage.api.stored(&format!("{selector}[{window}s]"), until)?;
        let passed = poll::until(
            "what Prometheus sends to VictoriaMetrics",
            SENT_TIMEOUT,
            || {
                let stored = store.stored(stage.client, selector, (from, until))?;
                Ok(match check_sent(&original, &stored, sender) {
                    Ok(passed) => Try::Done(passed),
                    Err(missing) => Try::NotYet(format!("{missing:#}")),
                })
            },
        )?;
        stage.told(format_args!(
            "in VictoriaMetrics: {what}, each at its time: {passed}"
        ));
    }
    Ok(())
}

fn check_stored_headlines(
    stage: &Stage<'_>,
    store: &VictoriaMetrics,
    sender: &Labels,
    recorded: &[rules::Evaluation],
) -> Result<()> {
    for ((what, name), evaluation) in stage::HEADLINES.iter().zip(recorded) {
        let mut seen = evaluation.seen.iter();
        let original = seen.find(|(labels, _)| stage::is_headline(labels, name));
        let (labels, value) = original.with_context(|| format!("there is no {what}"))?;
        let mut wanted = labels.clone();
        wanted.extend(sender.clone());
        let stored = store.stored(stage.client, name, (evaluation.at, evaluation.at))?;
        let stored = stored.iter().find(|stream| stream.labels == wanted);
        let stored = stored.and_then(|stream| stream.samples.first());
        let (_, stored) =
            *stored.with_context(|| format!("VictoriaMetrics has no {}", series::shown(labels)))?;
        println!(
            "    {what}, recorded: {}, and in VictoriaMetrics {}",
            number(*value),
            number(stored)
        );
    }
    Ok(())
}

/// For whoever lets VictoriaMetrics evaluate the rules: its `rate` is another one, and not extrapolated.
fn its_own_rate(stage: &Stage<'_>, stored: &Api<'_>, at: i64) -> Result<()> {
    let scrapes = rules::scrapes(&stage.api, now())?;
    let figures = stage.rules.expected(&stage.members, &scrapes, at)?;
    let seen = stage.rules.asked(stored, at)?;
    for (what, name) in stage::HEADLINES {
        let mut seen = seen.iter();
        let theirs = seen.find(|(labels, _)| stage::is_headline(labels, name));
        if let (Some(ours), Some((_, theirs))) = (stage::headline(&figures, name), theirs) {
            println!(
                "    {what}, by VictoriaMetrics's own rate, which is not compared: {}, {:+.2} % of Prometheus's",
                number(*theirs),
                (theirs / ours.value - 1.0) * 100.0
            );
        }
    }
    Ok(())
}
