//! The signals that ask the process to stop.

use std::io;

/// Waits, each time it is called, until the process is asked to stop: by Ctrl-C (SIGINT); on Unix also by SIGTERM,
/// or by SIGHUP, when its terminal is closed. A SIGHUP that is ignored from the start, as under `nohup`, stays ignored.
///
/// # Errors
/// When the signals cannot be listened to.
#[cfg(unix)]
pub fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = match hangup_is_ignored() {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    Ok(async move || {
        let hangup = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup => {}
        }
    })
}

/// As on Unix. Without a handler the process simply ends at Ctrl-C, which is what was asked for.
#[cfg(not(unix))]
pub fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    Ok(async || {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Whether SIGHUP was ignored when the process was started. Only Linux tells without unsafe code; elsewhere it stops
/// the server even under `nohup`.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // A bit for each signal; SIGHUP is the first one.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
