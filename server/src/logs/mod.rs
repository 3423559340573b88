//! Where events go: to standard error, a line each, for people or as JSON.
//!
//! Ours are written from the configured level on, those of the libraries from `warn` on at most: what
//! they tell below that may hold header values. A line is written when the event happens, so a
//! reader of standard error that stands still holds the server up; one that is gone does not.
//!
//! | module | is |
//! | --- | --- |
//! | `one_line` | what keeps an event on its line |
//! | `panics` | panics as events |

mod one_line;
mod panics;

use std::io::{self, Write};
use std::sync::OnceLock;

use tracing::Subscriber;
use tracing::subscriber::{set_global_default, with_default};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, fmt};

use self::one_line::OneLine;
use super::config::{Format, Level, LogConfig};

/// What our own events' targets begin with.
const OURS: &str = "tallied_server";

/// How the process's log is written, once it has started.
static STARTED: OnceLock<Format> = OnceLock::new();

/// Writes the events of the process from here on, panics among them. Where they are written already, nothing changes.
pub fn start(config: LogConfig) {
    if STARTED.set(config.format).is_err() {
        return;
    }
    let level = match config.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level);
    let format = config.format;
    let lines = events(format, move || OneLine {
        inner: io::stderr(),
        format,
    });
    let _ = set_global_default(lines.with(filter));
    panics::log_panics();
}

/// Says why the process ends: as an event if a JSON log has started, otherwise as a plain line.
pub fn error(text: &str) {
    if STARTED.get() == Some(&Format::Json) {
        tracing::error!("{text}");
    } else {
        // Whether anybody reads it is no reason to fail.
        let _ = writeln!(io::stderr(), "error: {text}");
    }
}

/// Says where the process listens, on standard output and whatever the level: for people and for scripts. As JSON where the
/// log is, because containers put both into one.
pub fn announce(lines: &[String]) {
    let mut out = io::stdout();
    if STARTED.get() == Some(&Format::Json) {
        let format = Format::Json;
        let events = events(format, move || OneLine {
            inner: io::stdout(),
            format,
        });
        with_default(events, || {
            for line in lines {
                tracing::info!("{line}");
            }
        });
    } else {
        for line in lines {
            // Whoever started us may have closed the pipe: no reason not to serve.
            let _ = writeln!(out, "{line}");
        }
    }
    let _ = out.flush();
}

/// What writes each event as a line.
fn events<W>(format: Format, writer: W) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        // It would report a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    let lines = match format {
        Format::Human => lines.boxed(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    };
    Registry::default().with(lines)
}
