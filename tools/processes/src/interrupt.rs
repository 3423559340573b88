//! Ctrl-C, SIGTERM, and the end of the terminal, as a flag.
//!
//! The default action ends the process without running a single Drop, which would leave a server, a
//! Prometheus and a temporary folder behind. With the flag, every wait in the chores returns an error
//! soon after the signal, and the guards clean up on the way out. A second signal kills the children and ends the
//! process at once.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::child;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED_STATUS: i32 = 130;

/// To be called once, before anything is started.
///
/// # Errors
/// When the system does not let us handle signals.
pub fn install() -> Result<()> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]).context("cannot handle signals")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for _ in &mut signals {
                if INTERRUPTED.swap(true, Ordering::Relaxed) {
                    child::kill_all_and(|| exit(INTERRUPTED_STATUS));
                }
            }
        })
        .context("cannot start a thread")?;
    Ok(())
}

/// Whether a signal has come.
pub fn is_set() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// An error once a signal has come.
pub fn check() -> Result<()> {
    ensure!(!is_set(), "interrupted");
    Ok(())
}
