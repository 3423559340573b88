//! Hands each request over when it is due.
//!
//! The schedule is absolute: the pacer sleeps until the next time, and when it wakes late it hands over all that is due
//! by then. A runtime's timers would round to a millisecond; a thread that sleeps wakes within some 60 µs.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::{Load, rng};
use crate::interrupt;
use crate::live::Live;

/// A sleep is cut into pieces, so that an interrupt is heard.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

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

/// Ends with the schedule, at an interrupt, or when the run is stopped. Returns the time in which requests were due, in
/// seconds, without the warm-up.
pub(super) fn run(
    load: &Load,
    start: Instant,
    inboxes: &[UnboundedSender<Due>],
    live: &Live,
) -> f64 {
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
    let ended = |at: Instant| at.saturating_duration_since(measured_from).as_secs_f64();
    let mut turn = inboxes.iter().cycle();
    for after in schedule {
        let at = start + after;
        if !wait_until(at, live) {
            return ended(Instant::now());
        }
        let due = Due {
            at,
            kind: load.scenario.pick(&mut rng),
            seed: rng.u64(..),
            measured: at >= measured_from,
        };
        let Some(Ok(())) = turn.next().map(|inbox| inbox.send(due)) else {
            // A worker has ended with an error, which it tells.
            return ended(Instant::now());
        };
    }
    let end = measured_from + load.duration;
    match wait_until(end, live) {
        true => ended(end),
        false => ended(Instant::now()),
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
