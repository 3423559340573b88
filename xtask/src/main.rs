//! Tallied's chores, run as `cargo xtask …`. This file is the command line only.
//!
//! The chores see the server from outside (HTTP, processes), so they use none of the libraries.
//! They need a Unix: they stop processes by signal.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore's output is its log"
)]

mod alerts;
mod asm;
mod attack;
mod bench;
mod cargo;
mod dashboards;
mod docs_page;
mod drill;
mod endtoend;
mod exposition;
mod fleet;
mod foreign_server;
mod gate;
mod http;
mod live_page;
mod loadtest;
mod loom;
mod mistakes;
mod msrv;
mod mutants;
mod processors;
mod prometheus;
mod samples;
mod steps;
mod tools;
mod traffic;
mod webdriver;
mod work_folder;
mod workspace;
mod wrk;
mod wrong_servers;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
// At the root, as if they were modules of this crate: half of the chores use them.
use tallied_processes::{child, interrupt, kernel, poll, report, server_process};

use crate::workspace::Workspace;

/// Tallied's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything a change must pass, step by step; stops at the first failure
    #[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test --quick
  cargo xtask test --only clippy --only docs
  cargo xtask test --from loom")]
    Test {
        /// Format, lints and tests alone, for each change (under three minutes after a first run)
        #[arg(long, conflicts_with_all = ["only", "from"])]
        quick: bool,
        /// Run only this step (repeatable)
        #[arg(long, value_name = "STEP", value_parser = gate::step_names())]
        only: Vec<String>,
        /// Start at this step, after fixing what failed there
        #[arg(long, value_name = "STEP", conflicts_with = "only", value_parser = gate::step_names())]
        from: Option<String>,
    },
    /// The benches, ours beside the peers'; writes benches/RESULTS.md (some nine minutes)
    #[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench --only counter --only histogram
  cargo xtask bench --quick
  cargo xtask bench --only memory --output memory.md

benches/RESULTS.md is of a whole run: with --only or --quick the report is printed, and written
only where --output says. A missed target fails nothing. Leave the machine alone meanwhile.")]
    Bench {
        /// Run this group only (repeatable)
        #[arg(long, value_name = "GROUP", value_parser = bench::group_names())]
        only: Vec<String>,
        /// Measure for a shorter time: rough figures
        #[arg(long)]
        quick: bool,
        /// Write the report to this file instead
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// What metrics and scrapes cost real services under wrk; writes benches/ENDTOEND.md (some five minutes)
    #[command(
        name = "endtoend",
        after_help = "Examples:
  cargo xtask endtoend
  cargo xtask endtoend --quick
  cargo xtask endtoend --only cost --output cost.md

wrk is taken from XTASK_WRK, from PATH, or unpacked below the target directory from the
distribution's package, without installing it. benches/ENDTOEND.md is of a whole run: with --only or
--quick the report is printed, and written only where --output says. It fails when a request or a
scrape failed, or was not counted; no figure fails it. It needs Linux, and two processors that nothing
else uses meanwhile."
    )]
    EndToEnd {
        /// Measure this part only (repeatable)
        #[arg(long, value_name = "PART", value_parser = endtoend::PARTS)]
        only: Vec<String>,
        /// Measure for a shorter time: rough figures
        #[arg(long)]
        quick: bool,
        /// Write the report to this file instead
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// A million random requests to a real server, whose series and memory must not grow
    #[command(after_help = "Examples:
  cargo xtask attack
  cargo xtask attack --requests 20000 --seed 7
  cargo xtask attack --server target/release/tallied-server

The load test's scenario attack: random methods, paths, queries and hosts, and bytes that are no HTTP. After
a warm-up of 10,000 there must be no new series, each answered request must be counted, and the heap must
not grow by more than 16 MB.")]
    Attack {
        /// So many well-formed requests after the warm-up
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        requests: u64,
        /// Make the requests of an earlier run again
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Attack this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
    },
    /// An open-loop load test that holds the server's metrics against what its clients saw; --help has its options
    #[command(disable_help_flag = true)]
    Loadtest {
        /// Options of the load test
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "OPTIONS"
        )]
        args: Vec<OsString>,
    },
    /// Weakens the kernel, one ordering or step at a time, in a copy; a loom model has to notice each time
    #[command(after_help = "Examples:
  cargo xtask mutants
  cargo xtask mutants --list
  cargo xtask mutants --only cell.rs --only record-

A mutant is killed by a model that fails. One that does not compile, or on which the models do not
come to an end in 300 s, counts as a survivor, and the chore fails. What the models print is kept
below the target directory, in mutants/logs. Some 10 s a mutant, because the models of the changed file
run first, and the others only when these have not noticed. It is no step of `cargo xtask test`.")]
    Mutants {
        /// Try the mutants whose name contains this (repeatable)
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Print the names, and try nothing
        #[arg(long)]
        list: bool,
    },
    /// Makes the server count wrong, one mistake at a time, in a copy; the load test has to notice each time
    #[command(after_help = "Examples:
  cargo xtask wrong-servers
  cargo xtask wrong-servers --list
  cargo xtask wrong-servers --only in-flight --only 499

A wrong server is caught when the load test ends with 5, the reconciliation failed, and names the series
that is wrong. One that does not compile, or that ends the load test in another way, is not, and the
chore fails. First the server as it is goes through the same loads. What the load test prints, and its
reports, are kept below the target directory, in wrong-servers. Some half a minute each. It is no step of
`cargo xtask test`.")]
    WrongServers {
        /// Try those whose name contains this (repeatable)
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Print the names, and try nothing
        #[arg(long)]
        list: bool,
    },
    /// The machine code of the recording paths: no locked instruction, no fence, no call
    #[command(after_help = "Examples:
  cargo xtask asm
  cargo xtask asm --listing

It reads a linked program (xtask/probes), on x86-64 alone, and needs no disassembler. Controls that
have what a recording path must not have are read too: the chore fails when it finds nothing in them.")]
    Asm {
        /// Print the instructions of each hot path
        #[arg(long)]
        listing: bool,
    },
    /// Checks that `tallied`, `tallied-http`, `tallied-live` and `tallied-tower` compile with the oldest Rust that they promise; rustup installs it if it is missing
    Msrv,
    /// Checks that those and `tallied-collectors` compile for other systems and for 32 bits; rustup adds the targets
    Targets,
    /// A real browser, without network, opens the documentation page and tries it out
    #[command(after_help = "Examples:
  cargo xtask docs-page
  cargo xtask docs-page --server target/debug/tallied-server

It needs Chromium and chromedriver: from XTASK_CHROMEDRIVER, or on PATH
(apt-get install chromium chromium-driver). It is no step of `cargo xtask test`.")]
    DocsPage {
        /// Test this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
    },
    /// A real browser, without network, opens the live page under load, and holds its figures against others
    #[command(after_help = "Examples:
  cargo xtask live-page
  cargo xtask live-page --server target/release/tallied-server --loadtest target/release/tallied-loadtest
  cargo xtask live-page --picture docs/live.webp

Under the load test's scenario mixed every section must have data, the console must be empty, and nothing be asked
elsewhere. The page's counts must be those of /metrics, to the request, and its p50, p95 and p99 those of a real Prometheus.
A label with markup must stay text. Then the server is restarted, and the page must come back. With --picture it does
something else: it makes the README's picture.

It needs Chromium and chromedriver: from XTASK_CHROMEDRIVER, or on PATH (apt-get install chromium chromium-driver); and
prometheus as the chore prometheus does. It is no step of `cargo xtask test`.")]
    LivePage {
        /// Test this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
        /// Start this binary instead of building the load test
        #[arg(long, value_name = "PATH")]
        loadtest: Option<PathBuf>,
        /// Make the README's picture, and check nothing
        #[arg(long, value_name = "PATH")]
        picture: Option<PathBuf>,
    },
    /// Whether the alerts fire when they should and only then: rules, tests, routes, and each rule with a mistake in it
    #[command(after_help = "Examples:
  cargo xtask alerts
  cargo xtask alerts --quick
  cargo xtask alerts --only TalliedHighCpu
  cargo xtask alerts --list
  cargo xtask alerts --write-kubernetes
  cargo xtask alerts --prefix acme --output my-rules

promtool and amtool check and test the rules and the routes in deploy/. Every metric, label and bound that a
rule, a test, the runbook or a dashboard names must be in the exposition of a server that is started
for it. Then each number, window, operator, matcher and label of each rule is changed, one at a time, and a test
has to fail (some six minutes; --quick leaves it out, and is what `cargo xtask test` does).

With --write-kubernetes it does something else: it generates deploy/kubernetes/prometheusrule.yaml from the
rules, under the head that it has; the checks refuse one that is not what is generated.

With --prefix, too: it renders rules, tests and dashboards for a server with that metric_prefix, into
--output or a temporary folder, and tests them there.

promtool and amtool are taken from XTASK_PROMTOOL and XTASK_AMTOOL, from PATH, or unpacked below the
target directory from the distribution's packages, without installing them.")]
    Alerts {
        /// Leave the mutants out
        #[arg(long)]
        quick: bool,
        /// Try the mutants whose name contains this, such as a rule's name (repeatable)
        #[arg(long, value_name = "NAME", conflicts_with = "quick")]
        only: Vec<String>,
        /// Print the mutants' names, and check nothing
        #[arg(long, conflicts_with = "quick")]
        list: bool,
        /// Generate the PrometheusRule from the rules, and check nothing
        #[arg(long, conflicts_with_all = ["quick", "only", "list", "server"])]
        write_kubernetes: bool,
        /// Render for a server with this metric_prefix
        #[arg(long, value_name = "PREFIX", conflicts_with_all = ["quick", "only", "list", "write_kubernetes"])]
        prefix: Option<String>,
        /// Keep what is rendered in this folder
        #[arg(long, value_name = "DIR", requires = "prefix")]
        output: Option<PathBuf>,
        /// Check this folder instead of deploy/
        #[arg(long, value_name = "DIR")]
        deploy: Option<PathBuf>,
        /// Scrape this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
    },
    /// Raises the alerts by real faults, and sees each fire, arrive and go: Prometheus and Alertmanager in a hurry (some ten minutes)
    #[command(after_help = "Examples:
  cargo xtask drill
  cargo xtask drill --list
  cargo xtask drill --server target/release/tallied-server --keep

Three servers, a Prometheus and an Alertmanager run with the files in deploy/, sixty times as fast: a minute of
theirs is a second (but scrapes and evaluations come twice a second). After a calm in which no alert may fire, faults
are played: errors, slow answers, killed and frozen processes, handlers that do not end, and more. Each alert must be
pending if its rule waits, fire, be delivered to the webhook that its severity leads to, be resolved, and have
that delivered, in this order. An alert that no fault explains fails the drill. It
prints the timeline and a table, and the alerts that it cannot raise, with why.

Prometheus, promtool and Alertmanager are taken from XTASK_PROMETHEUS, XTASK_PROMTOOL and XTASK_ALERTMANAGER,
from PATH, or unpacked below the target directory from the distribution's packages, without installing them. It needs
Linux, two processors, a gigabyte of memory, and for an Alertmanager that is unpacked, user namespaces. Leave the
machine alone meanwhile: a second that it loses is a minute. It is no step of `cargo xtask test`.")]
    Drill {
        /// Print the faults and the alerts, and play nothing
        #[arg(long)]
        list: bool,
        /// Drill this folder's files instead of those in deploy/; their receivers must be webhooks alone
        #[arg(long, value_name = "DIR")]
        deploy: Option<PathBuf>,
        /// Use this binary instead of building the server
        #[arg(long, value_name = "PATH", conflicts_with = "list")]
        server: Option<PathBuf>,
        /// Keep the folder with the configurations, the logs and the data
        #[arg(long, conflicts_with = "list")]
        keep: bool,
    },
    /// Grafana's dashboards: made from code, held against conventions, and each query asked of a real Prometheus
    #[command(after_help = "Examples:
  cargo xtask dashboards
  cargo xtask dashboards --write
  cargo xtask dashboards --quick
  cargo xtask dashboards --server target/release/tallied-server --loadtest target/release/tallied-loadtest
  cargo xtask dashboards --keep

The files in deploy/grafana/dashboards must be what xtask/src/dashboards gives; --write makes them so. Each
panel must have a title, a description, a unit, a legend and a place of its own; windows, variables, links,
and colours that change where an alert fires, are checked in the JSON alone. Then two servers with the fault
route, the load test and a real Prometheus with the rules of deploy/ are started (some 10 seconds), and every
query of a panel, a variable or an annotation must have data, now and over a time range, with all and with
one value of each variable chosen.

promtool and prometheus are taken from XTASK_PROMTOOL and XTASK_PROMETHEUS, from PATH, or
unpacked below the target directory from the distribution's package, without installing it.")]
    Dashboards {
        /// Write the files, and ask no Prometheus
        #[arg(long)]
        write: bool,
        /// Ask no Prometheus
        #[arg(long)]
        quick: bool,
        /// Start this binary instead of building the server
        #[arg(long, value_name = "PATH", conflicts_with_all = ["write", "quick"])]
        server: Option<PathBuf>,
        /// Start this binary instead of building the load test
        #[arg(long, value_name = "PATH", conflicts_with_all = ["write", "quick"])]
        loadtest: Option<PathBuf>,
        /// Keep the folder with the configuration, the logs and Prometheus's data
        #[arg(long, conflicts_with_all = ["write", "quick"])]
        keep: bool,
    },
    /// A real Prometheus scrapes a real server and the examples of tallied-tower, and its answers are checked
    #[command(after_help = "Examples:
  cargo xtask prometheus
  cargo xtask prometheus --server target/debug/tallied-server
  cargo xtask prometheus --keep

promtool and prometheus are taken from XTASK_PROMTOOL and XTASK_PROMETHEUS, from PATH, or
unpacked below the target directory from the distribution's package, without installing it.")]
    Prometheus {
        /// Test this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
        /// Keep the folder with the configuration, the logs and Prometheus's data
        #[arg(long)]
        keep: bool,
    },
    /// Three servers, and a Prometheus that finds them in files: the fleet's figures are those of all its requests
    #[command(after_help = "Examples:
  cargo xtask fleet
  cargo xtask fleet --server target/release/tallied-server
  cargo xtask fleet --keep

Three servers under different loads, and a Prometheus with deploy/fleet/prometheus.yml and the rules as they
are, but for addresses and short intervals. Its counts must be what the servers' own expositions add up to,
and the p95 and the error ratio that it records must be those of all their requests. Then a server is found
by a new file, its file is removed, and another one is killed. A minute and a half; it is no step of
`cargo xtask test`.

prometheus and promtool are taken from XTASK_PROMETHEUS and XTASK_PROMTOOL, from PATH, or unpacked below the
target directory from the distribution's package, without installing them.")]
    Fleet {
        /// Test this binary instead of building the server
        #[arg(long, value_name = "PATH")]
        server: Option<PathBuf>,
        /// Keep the folder with the configuration, the logs and Prometheus's data
        #[arg(long)]
        keep: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = interrupt::install()
        .and_then(|()| Workspace::find())
        .and_then(|workspace| match cli.command {
            Command::Test { quick, only, from } => {
                gate::run(workspace, quick, only, from.as_deref())
            }
            Command::Bench {
                only,
                quick,
                output,
            } => bench::run(&workspace, &only, quick, output.as_deref()),
            Command::EndToEnd {
                only,
                quick,
                output,
            } => endtoend::run(&workspace, &only, quick, output.as_deref()),
            Command::Attack {
                requests,
                seed,
                server,
            } => attack::run(&workspace, requests, seed, server.as_deref()),
            Command::Loadtest { args } => loadtest::run(&workspace, &args),
            Command::Mutants { only, list } => mutants::run(&workspace, &only, list),
            Command::WrongServers { only, list } => wrong_servers::run(&workspace, &only, list),
            Command::Asm { listing } => asm::run(&workspace, listing),
            Command::Msrv => msrv::run(&workspace),
            Command::Targets => msrv::targets(&workspace),
            Command::DocsPage { server } => docs_page::run(&workspace, server.as_deref()),
            Command::LivePage {
                server,
                loadtest,
                picture,
            } => {
                let (server, loadtest) = (server.as_deref(), loadtest.as_deref());
                live_page::run(&workspace, server, loadtest, picture.as_deref())
            }
            Command::Alerts {
                quick,
                only,
                list,
                write_kubernetes,
                prefix,
                output,
                deploy,
                server,
            } => {
                let options = alerts::Options {
                    quick,
                    only,
                    list,
                    write_kubernetes,
                    prefix,
                    output,
                    deploy,
                    server,
                };
                alerts::run(&workspace, &options)
            }
            Command::Drill {
                list,
                deploy,
                server,
                keep,
            } => {
                let options = drill::Options {
                    list,
                    deploy,
                    server,
                    keep,
                };
                drill::run(&workspace, &options)
            }
            Command::Dashboards {
                write,
                quick,
                server,
                loadtest,
                keep,
            } => {
                let options = dashboards::Options {
                    write,
                    quick,
                    server,
                    loadtest,
                    keep,
                };
                dashboards::run(&workspace, &options)
            }
            Command::Prometheus { server, keep } => {
                prometheus::run(&workspace, server.as_deref(), keep)
            }
            Command::Fleet { server, keep } => fleet::run(&workspace, server.as_deref(), keep),
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
