//! Ctrl-C and SIGTERM as a flag.
//!
//! The default action ends the process without running a single Drop, which would leave a server, a
//! Prometheus and a temporary folder behind. With the flag, every wait in the chores returns an error
//! soon after the signal, and the guards clean up on the way out. A second signal ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

pub(crate) fn install() -> Result<()> {
    let interrupted = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down and only raises it.
        flag::register_conditional_default(signal, Arc::clone(interrupted))
            .and_then(|_| flag::register(signal, Arc::clone(interrupted)))
            .with_context(|| format!("cannot handle signal {signal}"))?;
    }
    Ok(())
}

pub(crate) fn is_set() -> bool {
    INTERRUPTED
        .get()
        .is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// An error once a signal has come.
pub(crate) fn check() -> Result<()> {
    ensure!(!is_set(), "interrupted");
    Ok(())
}
