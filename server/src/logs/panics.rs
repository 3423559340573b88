//! A panic as an event: its message, its place and its thread, at `error`.
//!
//! std's own hook writes several lines, and with `RUST_BACKTRACE=1`, which containers often have, reads the program's
//! line tables at the first panic, and keeps them: tens of megabytes. So only `RUST_BACKTRACE=full` asks for a backtrace here.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;

/// Logs the panics of all threads from here on.
pub(super) fn log_panics() {
    let with_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full");
    std::panic::set_hook(Box::new(move |panic| {
        log(panic, with_backtrace.then(Backtrace::force_capture));
    }));
}

fn log(panic: &PanicHookInfo<'_>, backtrace: Option<Backtrace>) {
    let message = panic.payload_as_str().unwrap_or("(its value is no text)");
    let place = panic.location().map(ToString::to_string);
    let backtrace = backtrace.map(|backtrace| backtrace.to_string());
    tracing::error!(
        place = place.as_deref(),
        thread = std::thread::current().name(),
        backtrace = backtrace.as_deref(),
        "panic: {message}"
    );
}
