//! The `tallied-server` binary.

#![forbid(unsafe_code)]

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use tallied::heap::CountingAllocator;
use tallied_server::app::App;
use tallied_server::app::cli::{self, Cli, Parsed};
use tallied_server::app::serve::{DRAIN, listen, serve, stop_signals};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::SYSTEM;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Parsed::Run(cli) => run(&cli),
        Parsed::Help(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Parsed::Wrong(line) => {
            say(&line);
            ExitCode::from(2)
        }
    }
}

/// A line for the user; whether anybody reads it is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run(cli: &Cli) -> ExitCode {
    let listener = match listen(cli.listen) {
        Ok(listener) => listener,
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => "stop what uses the port, or choose another port",
                ErrorKind::AddrNotAvailable => "choose an address of this machine",
                ErrorKind::PermissionDenied => "choose a port from 1024 on",
                _ => "choose another address",
            };
            let address = cli.listen;
            say(&format!(
                "error: cannot listen on {address}: {error}; {remedy} with --listen IP:PORT"
            ));
            return ExitCode::from(2);
        }
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        say(&format!("error: {what}: {error}"));
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed("cannot start the runtime", &error),
    };
    runtime.block_on(async {
        let app = match App::new() {
            Ok(app) => app,
            Err(error) => return failed("cannot register the metrics", &error),
        };
        let mut signals = match stop_signals() {
            Ok(signals) => signals,
            Err(error) => return failed("cannot listen for signals", &error),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => return failed("cannot tell the address", &error),
        };
        // Whoever started us may have closed the pipe: no reason not to serve.
        let mut out = std::io::stdout();
        let _ = writeln!(out, "listening on http://{address}");
        let _ = writeln!(
            out,
            "metrics at   http://{address}/metrics   (Ctrl-C stops)"
        );
        let _ = out.flush();
        let mut asked = 0;
        let stop = async || {
            signals().await;
            asked += 1;
            say(if asked == 1 {
                "stopping: finishing the requests in progress, for 10 seconds at most; once more to stop at once"
            } else {
                "stopping at once"
            });
        };
        match serve(app, listener, stop, DRAIN).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("serving failed", &error),
        }
    })
}
