//! Hands each request over when it is due.
//!
//! The schedule is absolute: the pacer sleeps until the next time, and when it wakes late it hands over all that is due
//! by then. A runtime's timers would round to a millisecond; a thread that sleeps wakes within some 60 µs.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::{Load, rng};
use crate::interrupt;
use crate::live::Live;

/// A sleep is cut into pieces, so that an interrupt is heard.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// The pacer may be so much behind at the end; the rest is left out.
const MOST_BEHIND: Duration = Duration::from_secs(1);

/// A request that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) kind: usize,
    /// What is random in it.
    pub(super) seed: u64,
    /// After the warm-up.
    pub(super) measured: bool,
}

pub(super) struct Paced {
    /// In which requests were due, without the warm-up.
    pub(super) seconds: f64,
    /// Requests that no worker had room for, or that were not handed over when all should have been: the generator's own
    /// fault. The warm-up's are not among them.
    pub(super) overrun: u64,
}

/// Ends with the schedule, at an interrupt, or when the run is stopped.
pub(super) fn run(load: &Load, start: Instant, inboxes: &[Sender<Due>], live: &Live) -> Paced {
    let schedule = load.shape.schedule(
        load.rate,
        load.warm_up,
        load.duration,
        load.arrival,
        rng(load.seed, 1),
    );
    // Of their own, so that the mix is the same at any rate.
    let mut rng = rng(load.seed, 2);
    let measured_from = start + load.warm_up;
    let mut overrun = 0;
    let ended = |at: Instant, overrun| Paced {
        seconds: at.saturating_duration_since(measured_from).as_secs_f64(),
        overrun,
    };
    let mut turn = inboxes.iter().cycle();
    let end = measured_from + load.duration;
    for after in schedule {
        if Instant::now() > end + MOST_BEHIND {
            overrun += 1;
            break;
        }
        let at = start + after;
        if !wait_until(at, live) {
            return ended(Instant::now(), overrun);
        }
        let due = Due {
            at,
            kind: load.scenario.pick(&mut rng),
            seed: rng.u64(..),
            measured: at >= measured_from,
        };
        match turn.next().map(|inbox| inbox.try_send(due)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => overrun += u64::from(due.measured),
            // A worker has ended with an error, which it tells.
            Some(Err(TrySendError::Closed(_))) | None => return ended(Instant::now(), overrun),
        }
    }
    match wait_until(end, live) {
        true => ended(end, overrun),
        false => ended(Instant::now(), overrun),
    }
}

/// Whether the time has come; otherwise the run ends.
fn wait_until(at: Instant, live: &Live) -> bool {
    loop {
        if interrupt::is_set() || live.is_stopped() {
            return false;
        }
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LONGEST_SLEEP));
    }
}
