//! An open-loop load test that holds a server's own metrics against what its clients saw. In a checkout,
//! `cargo xtask loadtest` builds it and the server.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints its progress and its result"
)]

mod asked;
mod calibration;
mod cli;
mod client;
mod compare;
mod endpoint;
mod envelope;
mod exit;
mod exposition;
mod find_max;
mod latency;
mod ledger;
mod live;
mod load;
mod modes;
mod null_responder;
mod progress;
mod reconcile;
mod repetitions;
mod report;
mod rows;
mod scenario;
mod scrapes;
mod server_figures;
mod session;
mod slo;
mod subject;
mod target;
mod trial;
mod validity;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tallied_processes::interrupt;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(null_responder::ARGUMENT) {
        return match null_responder::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("{error:#}"), 1),
        };
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    if let Err(error) = interrupt::install() {
        return fail(&format!("{error:#}"), 1);
    }
    match modes::run(&cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            // What was interrupted failed because of that.
            let code = match interrupt::is_set() {
                true => Exit::Interrupted.code(),
                false => failure.code(),
            };
            fail(&format!("{:#}", failure.error()), code)
        }
    }
}

fn fail(what: &str, code: u8) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(code)
}

/// A mistake is one line; `--help` and `--version` are no mistakes.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Nothing is to be done about a closed pipe.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let said: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    eprintln!("{}; --help has examples", said.join(" "));
    ExitCode::from(2)
}
