//! Whether the alerts fire when they should and only then, as far as files can say it: `cargo xtask alerts`.
//!
//! promtool and amtool check syntax and run the tests. What they cannot see is checked here: that every alert has its
//! tests, that everything that is named exists in a real server's exposition, that numbers which stand in two files
//! agree, that links lead somewhere; and, by mutation, that the tests would notice a mistake.

mod annotations;
mod constants;
mod coverage;
pub(crate) mod exposed;
mod failures;
pub(crate) mod finding;
mod functions;
pub(crate) mod grafana;
pub(crate) mod inference;
pub(crate) mod kit;
mod kubernetes;
pub(crate) mod live;
pub(crate) mod matching;
mod mutation;
pub(crate) mod names;
mod parallel;
mod prefix;
pub(crate) mod promql;
pub(crate) mod routes;
mod rule_tests;
pub(crate) mod rules;
mod runbook;
mod shape;
pub(crate) mod tool;
pub(crate) mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::constants::Sources;
use self::finding::settle;
use self::kit::Kit;
use self::parallel::{WORKERS, in_parallel};
use self::rules::RuleFile;
use crate::cargo;
use crate::report::{ok, seconds};
use crate::tools;
use crate::workspace::Workspace;

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) only: Vec<String>,
    pub(crate) list: bool,
    pub(crate) write_kubernetes: bool,
    pub(crate) prefix: Option<String>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) deploy: Option<PathBuf>,
    pub(crate) server: Option<PathBuf>,
}

/// As a step of the gate.
pub(crate) fn quick(workspace: &Workspace) -> Result<()> {
    let options = Options {
        quick: true,
        ..Options::default()
    };
    run(workspace, &options)
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let start = Instant::now();
    let (folder, shown) = match &options.deploy {
        Some(folder) => (folder.clone(), folder.display().to_string()),
        None => (workspace.root.join("deploy"), "deploy".to_owned()),
    };
    ensure!(
        folder.is_dir(),
        "there is no folder {shown}: --deploy names one like deploy/"
    );
    let kit = Kit::read(&folder, &shown)?;
    if options.list {
        return mutation::list(&kit, &options.only);
    }
    if options.write_kubernetes {
        let changed = kubernetes::write(&kit)?;
        let what = if changed {
            "is written"
        } else {
            "was so already"
        };
        println!("{shown}/kubernetes/prometheusrule.yaml {what}");
        return Ok(());
    }
    let promtool = tools::find_promtool(workspace)?;
    if let Some(prefix) = &options.prefix {
        prefix::check_prefix(prefix)?;
        return prefixed(workspace, options, &kit, &promtool, prefix);
    }
    if !options.quick {
        // A name that is nobody's is told now, and not after the tests.
        mutation::check(&kit, &options.only)?;
    }
    check_files(workspace, &kit)?;
    check_with_tools(workspace, &kit, &promtool)?;
    let binary = cargo::server(workspace, options.server.as_deref())?;
    check_names(&binary, &kit, None)?;
    check_defaults(workspace, &kit, &binary)?;
    let times = test_rules(&kit, &promtool)?;
    // After what says whether the rules are right: a copy of wrong ones is no remedy.
    settle(
        "the PrometheusRule is generated from the rules",
        &kubernetes::check(&kit)?,
    )?;
    mutation::control(&kit, &promtool)?;
    if !options.quick {
        mutation::run(&kit, &promtool, &times, &options.only)?;
    }
    println!("the alerts' checks passed in {}", seconds(start.elapsed()));
    Ok(())
}

/// What can be said of the files alone.
fn check_files(workspace: &Workspace, kit: &Kit) -> Result<()> {
    let alerts = kit.alerts();
    settle(
        format_args!(
            "{} alerts, each with a test in which it fires and one in which it does not",
            alerts.len()
        ),
        &coverage::check(&kit.rules, &kit.tests),
    )?;
    settle(
        "severity, summary, description and runbook_url of each",
        &annotations::check(&kit.rules, &kit.runbook),
    )?;
    settle(
        format_args!("the runbook's sections and links ({})", kit.runbook.shown),
        &kit.runbook.check(&alerts),
    )?;
    let sources = Sources::read(workspace, &kit.folder)?;
    let (count, findings) = constants::check_warnings(
        &kit.rules,
        sources.text("deploy/prometheus/prometheus.yml")?,
        sources.text("compose.yaml")?,
    )?;
    settle(
        format_args!("{count} limits, and the alerts before them"),
        &findings,
    )?;
    let (count, findings) = constants::check_ties(&sources)?;
    settle(
        format_args!("{count} numbers that stand elsewhere, too: limits, intervals, versions"),
        &findings,
    )
}

/// What depends on the server's own defaults.
fn check_defaults(workspace: &Workspace, kit: &Kit, binary: &Path) -> Result<()> {
    let mut sources = Sources::read(workspace, &kit.folder)?;
    sources.set_server(live::printed_config(binary)?);
    let (count, findings) = constants::check_defaults(&sources)?;
    settle(
        format_args!("the server's default of drain_seconds in {count} places more"),
        &findings,
    )?;
    let (count, findings) = constants::check_stops(&sources)?;
    settle(
        format_args!("{count} ways to stop it, each with time for the drain"),
        &findings,
    )
}

fn check_with_tools(workspace: &Workspace, kit: &Kit, promtool: &Path) -> Result<()> {
    let amtool = tools::find_amtool(workspace)?;
    check_rules(kit, promtool)?;
    let config = kit.prometheus_config();
    tool::must_pass(Command::new(promtool).args(["check", "config"]).arg(config))?;
    ok("promtool check config");
    let config = kit.alertmanager_config();
    routes::check_config(&amtool, &config)?;
    ok("amtool check-config");
    let shown = format!("{}/alertmanager/alertmanager.yml", kit.shown);
    let (count, findings) = routes::check(&amtool, &config, &shown, &kit.rules)?;
    settle(
        format_args!("amtool config routes test: {count} ways"),
        &findings,
    )
}

fn check_rules(kit: &Kit, promtool: &Path) -> Result<()> {
    let mut command = Command::new(promtool);
    command.args(["check", "rules", "--lint=all", "--lint-fatal"]);
    let rules = kit.folder.join("prometheus/rules");
    command.args(kit.rules.iter().map(|file| rules.join(&file.name)));
    tool::must_pass(&mut command)?;
    let count = kit.rules.iter().flat_map(RuleFile::rules).count();
    ok(format_args!(
        "promtool check rules, all lints: {count} rules in {} files",
        kit.rules.len()
    ));
    Ok(())
}

fn check_names(binary: &Path, kit: &Kit, prefix: Option<&str>) -> Result<()> {
    let exposed = live::exposition(binary, prefix)?;
    let (count, findings) = names::check(kit, &exposed);
    settle(
        format_args!(
            "metrics, labels, values and bounds in {count} expressions, against {} names of a running server",
            exposed.names().count()
        ),
        &findings,
    )
}

/// Runs every test file, and says how long each took, in the order of the files.
fn test_rules(kit: &Kit, promtool: &Path) -> Result<Vec<Duration>> {
    let folder = kit.folder.join("prometheus/tests");
    let mut order: Vec<usize> = (0..kit.tests.len()).collect();
    // Those that go from requests to alerts take long: first, so that both workers are busy until the end.
    order.sort_by_key(|&index| std::cmp::Reverse(kit.tests[index].source.rule_files.len()));
    let times = in_parallel(&[(); WORKERS], &order, |(), _, &index| {
        let test = &kit.tests[index];
        let start = Instant::now();
        let mut command = Command::new(promtool);
        command.args(["test", "rules"]).arg(folder.join(&test.name));
        let outcome = tool::run(&mut command)?;
        if !outcome.passed {
            eprintln!("{}", outcome.output.trim_end());
            let findings = failures::findings(&outcome.output, &test.shown, &kit.rules);
            if !findings.is_empty() {
                let what = format_args!("promtool test rules {}", test.shown);
                settle(what, &findings)?;
            }
            bail!(
                "promtool test rules {} failed; it says why above",
                test.shown
            );
        }
        let time = start.elapsed();
        ok(format_args!(
            "promtool test rules {}, {}",
            test.name,
            seconds(time)
        ));
        Ok((index, time))
    });
    let mut times = times?;
    times.sort_unstable();
    Ok(times.into_iter().map(|(_, time)| time).collect())
}

/// Renders, and checks what was rendered: by promtool, and against a server with that prefix.
fn prefixed(
    workspace: &Workspace,
    options: &Options,
    kit: &Kit,
    promtool: &Path,
    prefix: &str,
) -> Result<()> {
    let rendered = prefix::render(kit, prefix)?;
    let temporary = tempfile::Builder::new()
        .prefix("tallied-prefix-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let folder = options.output.as_deref().unwrap_or(temporary.path());
    for file in &rendered {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, &file.text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    ok(format_args!(
        "{} files for metric_prefix = \"{prefix}\"",
        rendered.len()
    ));
    let kit = Kit::read_rendered(folder, &folder.display().to_string())?;
    check_rules(&kit, promtool)?;
    check_names(
        &cargo::server(workspace, options.server.as_deref())?,
        &kit,
        Some(prefix),
    )?;
    test_rules(&kit, promtool)?;
    match &options.output {
        Some(output) => println!("rendered in {}", output.display()),
        None => println!("what was rendered passes; --output DIR keeps it"),
    }
    Ok(())
}
