//! Tallied's chores, run as `cargo xtask …`. This file is the command line only.
//!
//! The chores see the server from the outside (HTTP, processes), so they use no workspace crate.
//! They need a Unix: they stop processes by signal.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore's output is its log"
)]

mod bench;
mod cargo;
mod child;
mod docs_page;
mod exposition;
mod gate;
mod http;
mod interrupt;
mod loom;
mod poll;
mod prometheus;
mod prometheus_api;
mod prometheus_process;
mod report;
mod server_process;
mod steps;
mod tools;
mod traffic;
mod unpack;
mod webdriver;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
  cargo xtask test --only clippy --only docs
  cargo xtask test --from loom")]
    Test {
        /// Run this step only (repeatable)
        #[arg(long, value_name = "STEP", value_parser = gate::step_names())]
        only: Vec<String>,
        /// Start at this step, after fixing what failed there
        #[arg(long, value_name = "STEP", conflicts_with = "only", value_parser = gate::step_names())]
        from: Option<String>,
    },
    /// The benches, ours beside the peers'; writes benches/RESULTS.md (some seven minutes)
    #[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench --only counter --only histogram
  cargo xtask bench --quick
  cargo xtask bench --only memory --output /tmp/memory.md

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
    /// The loom models of the core, in a target directory of their own
    #[command(after_help = "Examples:
  cargo xtask loom
  cargo xtask loom lease

Each model prints what it explored. The plain form does the same, but rebuilds everything:
  RUSTFLAGS=\"--cfg loom\" cargo test -p tallied --release")]
    Loom {
        /// Run the tests whose path contains this
        #[arg(value_name = "TEST-NAME-FILTER")]
        filter: Option<String>,
    },
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
    /// A real Prometheus scrapes a real server, and its answers are checked
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
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = interrupt::install()
        .and_then(|()| Workspace::find())
        .and_then(|workspace| match cli.command {
            Command::Test { only, from } => gate::run(&workspace, &only, from.as_deref()),
            Command::Bench {
                only,
                quick,
                output,
            } => bench::run(&workspace, &only, quick, output.as_deref()),
            Command::Loom { filter } => loom::run(&workspace, filter.as_deref()),
            Command::DocsPage { server } => docs_page::run(&workspace, server.as_deref()),
            Command::Prometheus { server, keep } => {
                prometheus::run(&workspace, server.as_deref(), keep)
            }
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
