//! Where events go: to standard error, a line each, for people or as JSON.
//!
//! Ours are written from the configured level on, those of the libraries from `warn` on at most: what
//! they tell below that may hold header values. A line is written when the event happens, so a
//! reader of standard error that stands still holds the server up; one that is gone does not.

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use super::config::{Format, Level, LogConfig};

/// What our own events' targets begin with.
const OURS: &str = "tallied_server";

/// Writes the events of the process from here on. Where they are written already, nothing changes.
pub fn start(config: LogConfig) {
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
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would report a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    let events = Registry::default().with(filter);
    match config.format {
        Format::Human => install(events.with(lines)),
        Format::Json => install(
            events.with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false),
            ),
        ),
    }
}

fn install(subscriber: impl Subscriber + Send + Sync) {
    let _ = tracing::subscriber::set_global_default(subscriber);
}
