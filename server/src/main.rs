//! The `tallied-server` binary.

#![forbid(unsafe_code)]

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use tallied::heap::CountingAllocator;
use tallied_server::App;
use tallied_server::cli::{self, Arguments, Parsed};
use tallied_server::config::{Config, ConfigError, Format, Key, LogConfig};
use tallied_server::health_check::health_check;
use tallied_server::logs;
use tallied_server::serve::{Listeners, listen, serve, stop_signals};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::SYSTEM;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Parsed::Run(arguments) if arguments.health_check => check(&arguments),
        Parsed::Run(arguments) => run(&arguments),
        Parsed::Help(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Parsed::Wrong { line, status } => {
            start_json_log_if_asked(&[]);
            logs::error(line.trim_start_matches("error: "));
            ExitCode::from(status)
        }
    }
}

/// The user has something to correct.
fn refused(mistake: &dyn std::fmt::Display) -> ExitCode {
    logs::error(&mistake.to_string());
    ExitCode::from(2)
}

/// Something else went wrong.
fn failed(what: &str, error: &dyn std::fmt::Display) -> ExitCode {
    logs::error(&format!("{what}: {error}"));
    ExitCode::FAILURE
}

/// Logs the refusal as JSON if a flag or a variable asks for it, although the configuration is refused.
fn start_json_log_if_asked(flags: &[(&Key, String)]) {
    let flag = flags.iter().rev().find(|(key, _)| key.name == "log.format");
    let format = match flag {
        Some((_, text)) => Some(text.clone()),
        None => std::env::var("TALLIED_LOG_FORMAT").ok(),
    };
    if format.is_some_and(|format| format == "json") {
        logs::start(LogConfig {
            format: Format::Json,
            ..Config::default().log
        });
    }
}

fn load(arguments: &Arguments) -> Result<Config, ConfigError> {
    let environment: Vec<_> = std::env::vars_os().collect();
    Config::load(
        arguments.config.as_deref(),
        &arguments.flags,
        &environment,
        Path::new(""),
    )
}

/// A mistake in the configuration is no other status: Docker keeps 2 of a health check for itself.
fn check(arguments: &Arguments) -> ExitCode {
    let config = load(arguments).map_err(|mistake| mistake.to_string());
    match config.and_then(|config| health_check(&config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            logs::error(&line);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> ExitCode {
    let config = match load(arguments) {
        Ok(config) => config,
        Err(mistake) => {
            if !arguments.print_config {
                start_json_log_if_asked(&arguments.flags);
            }
            return refused(&mistake);
        }
    };
    if !arguments.print_config {
        logs::start(config.log);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed("cannot start the runtime", &error),
    };
    // The runtime's metrics are those of the runtime that the application is made in.
    let _entered = runtime.enter();
    let (app, options) = match App::with_listener_options(&config) {
        Ok(made) => made,
        Err(error) => {
            return match config.mistake(&error) {
                Some(mistake) => refused(&mistake),
                None => failed("cannot register the metrics", &error),
            };
        }
    };
    let patterns = app.patterns();
    if let Some(mistake) = patterns.and_then(|patterns| config.unknown_endpoint(&patterns)) {
        return refused(&mistake);
    }
    if arguments.print_config {
        return match std::io::stdout().write_all(config.to_toml().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("cannot print the configuration", &error),
        };
    }
    let main = match listen(config.listen) {
        Ok(listener) => listener,
        Err(error) => return refused(&not_listening(&config, "listen", config.listen, &error)),
    };
    let metrics = match config
        .metrics_listen
        .map(|address| (address, listen(address)))
    {
        None => None,
        Some((_, Ok(listener))) => Some(listener),
        Some((address, Err(error))) => {
            return refused(&not_listening(&config, "metrics_listen", address, &error));
        }
    };
    let listeners = Listeners {
        main,
        metrics,
        options,
    };
    if config.faults {
        tracing::warn!(
            "/fault is there (faults = true): whoever reaches it can make requests fail, hang and panic; turn it off in production"
        );
    }
    runtime.block_on(async {
        let mut signals = match stop_signals() {
            Ok(signals) => signals,
            Err(error) => return failed("cannot listen for signals", &error),
        };
        let address = listeners.main.local_addr();
        let metrics = listeners.metrics.as_ref().unwrap_or(&listeners.main);
        let (address, metrics) = match (address, metrics.local_addr()) {
            (Ok(address), Ok(metrics)) => (address, metrics),
            (Err(error), _) | (_, Err(error)) => return failed("cannot tell the address", &error),
        };
        let mut lines = vec![
            format!("listening on http://{address}"),
            format!("metrics at   http://{metrics}/metrics   (Ctrl-C stops)"),
        ];
        if app.live.is_some() {
            lines.push(format!("live page at http://{metrics}/live"));
        }
        logs::announce(&lines);
        let drain = config.drain;
        let mut asked = 0;
        let stop = async || {
            signals().await;
            asked += 1;
            if asked == 1 {
                let seconds = drain.as_secs_f64();
                tracing::info!(
                    "stopping: finishing the requests in progress, for {seconds} seconds at most; once more to stop at once"
                );
            } else {
                tracing::info!("stopping at once");
            }
        };
        match serve(app, listeners, stop, drain).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("serving failed", &error),
        }
    })
}

fn not_listening(
    config: &Config,
    key: &str,
    address: SocketAddr,
    error: &std::io::Error,
) -> String {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "stop what uses the port, or choose another port",
        ErrorKind::AddrNotAvailable => "choose an address of this machine",
        ErrorKind::PermissionDenied => "choose a port from 1024 on",
        _ => "choose another address",
    };
    let (origin, flag) = (config.origin(key), key.replace('_', "-"));
    format!(
        "cannot listen on {address} ({key}, {origin}): {error}; {remedy}, for example with --{flag} HOST:PORT"
    )
}
