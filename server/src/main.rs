//! The `tallied-server` binary.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a command talks to its user")]

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use tallied_server::app::App;
use tallied_server::app::cli::{self, Cli, Parsed};
use tallied_server::app::serve::{DRAIN, listen, serve, stop_signal};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Parsed::Run(cli) => run(&cli),
        Parsed::Help(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Parsed::Wrong(line) => {
            eprintln!("{line}");
            ExitCode::from(2)
        }
    }
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
            eprintln!(
                "error: cannot listen on {}: {error}; {remedy} with --listen IP:PORT",
                cli.listen
            );
            return ExitCode::from(2);
        }
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        eprintln!("error: {what}: {error}");
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed("cannot start the runtime", &error),
    };
    let app = match App::new() {
        Ok(app) => app,
        Err(error) => return failed("cannot register the metrics", &error),
    };
    runtime.block_on(async {
        let stop = match stop_signal() {
            Ok(stop) => stop,
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
        let stop = async {
            stop.await;
            eprintln!(
                "stopping: finishing the requests in progress, for {} seconds at most",
                DRAIN.as_secs()
            );
        };
        match serve(app, listener, stop, DRAIN).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("serving failed", &error),
        }
    })
}
