//! The load: requests that are sent when they are due, whatever the server makes of the earlier ones.
//!
//! A pacer (a thread of its own, which only sleeps) hands each request to a worker at its time. A worker is a thread with a
//! runtime of one thread and a share of the connections; a request on it waits for a free connection, and its time
//! since it was due counts. So a slow server makes requests late, and never fewer. (rlt, whose workers ask a rate limiter for
//! leave between two requests, has no such time, and measures from the sending.)

mod pacer;
mod part;
mod pool;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use fastrand::Rng;
use hyper::header::HeaderValue;

pub(crate) use self::part::Part;
use crate::interrupt;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::rows::{Bounds, Rows};
use crate::scenario::{Arrival, Scenario, Shape};

/// A request that the generator hands over so much after its time is late by its own fault.
pub(crate) const LATE: Duration = Duration::from_millis(10);
/// How often the parts of the time series end.
pub(crate) const PART: Duration = Duration::from_secs(1);
/// Requests that a worker may have before it looks at them. What has no room is dropped, and the run invalid.
const ROOM: usize = 65_536;
/// How often somebody looks at what goes on.
const LOOK: Duration = Duration::from_millis(100);

/// What is to be sent, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) shape: Shape,
    pub(crate) rows: Arc<Rows>,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) address: SocketAddr,
    pub(crate) host: HeaderValue,
    pub(crate) rate: f64,
    pub(crate) arrival: Arrival,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// In all.
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    /// How long a request may wait for its connection, and again for its answer.
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) ledger: Ledger,
    /// All requests that were due after the warm-up.
    pub(crate) total: Part,
    /// The same for each kind of request.
    pub(crate) kinds: Vec<Part>,
    /// The parts of the time, each of [`PART`], by when the requests ended; the warm-up is not among them.
    pub(crate) parts: Vec<Part>,
    /// In which requests were due, without the warm-up; shorter than asked for after an interrupt.
    pub(crate) seconds: f64,
    pub(crate) interrupted: bool,
    /// Why the load ended before its time, if somebody who looked at it said so.
    pub(crate) failure: Option<String>,
}

impl Measured {
    /// Another load of the same kind, which came after it.
    pub(crate) fn add(&mut self, other: Self) {
        self.ledger.merge(&other.ledger);
        self.total.add(&other.total);
        for (sum, kind) in self.kinds.iter_mut().zip(&other.kinds) {
            sum.add(kind);
        }
        self.parts.extend(other.parts);
        self.seconds += other.seconds;
        self.interrupted |= other.interrupted;
        self.failure = self.failure.take().or(other.failure);
    }
}

/// What a worker says of itself.
enum Message {
    /// The part of this number is over.
    Part(usize, Box<Part>),
    Done(Box<Result<Share>>),
}

/// What one worker has at the end.
struct Share {
    ledger: Ledger,
    total: Part,
    kinds: Vec<Part>,
}

/// Sends it all, and returns when the last request has ended. `look` is called ten times a second, with the last
/// part of the time that is over; when it fails, the load ends.
///
/// # Errors
/// When the load cannot be made.
pub(crate) fn run(
    load: &Load,
    live: &Arc<Live>,
    mut look: impl FnMut(&Live, Option<&Part>) -> Result<()>,
) -> Result<Measured> {
    let start = Instant::now() + Duration::from_millis(20);
    let (sender, messages) = mpsc::channel();
    thread::scope(|scope| {
        let mut inboxes = Vec::new();
        for index in 0..load.threads {
            let (inbox, due) = tokio::sync::mpsc::channel(ROOM);
            inboxes.push(inbox);
            let sender = sender.clone();
            thread::Builder::new()
                .name(format!("worker {index}"))
                .spawn_scoped(scope, move || {
                    let share = worker::run(load, index, start, due, Arc::clone(live), &sender);
                    // Somebody listens until the last has come.
                    let _ = sender.send(Message::Done(Box::new(share)));
                })
                .context("cannot start a thread")?;
        }
        drop(sender);
        let pacer = thread::Builder::new()
            .name("pacer".to_owned())
            .spawn_scoped(scope, move || pacer::run(load, start, &inboxes, live))
            .context("cannot start a thread")?;

        let mut collected = Collected::default();
        let mut failure = None;
        while collected.shares.len() < load.threads {
            match messages.recv_timeout(LOOK) {
                Ok(message) => collected.take(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if failure.is_none()
                && let Err(error) = look(live, collected.whole(load.threads))
            {
                // The pacer sees it, and the workers end with their inboxes.
                live.stop();
                failure = Some(format!("{error:#}"));
            }
        }
        let paced = pacer.join().map_err(|_| anyhow!("the pacer panicked"))?;
        Ok(collected.measured(load, &paced, failure))
    })
}

#[derive(Default)]
struct Collected {
    /// By number: how many workers' parts are in it.
    parts: Vec<(usize, Part)>,
    shares: Vec<Share>,
}

impl Collected {
    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Part(number, part) => {
                while self.parts.len() <= number {
                    self.parts.push((0, Part::new()));
                }
                let (workers, sum) = &mut self.parts[number];
                *workers += 1;
                sum.add(&part);
            }
            Message::Done(share) => self.shares.push((*share)?),
        }
        Ok(())
    }

    /// The last part that all workers have ended.
    fn whole(&self, threads: usize) -> Option<&Part> {
        let mut whole = self.parts.iter().filter(|(workers, _)| *workers == threads);
        whole.next_back().map(|(_, part)| part)
    }

    fn measured(self, load: &Load, paced: &pacer::Paced, failure: Option<String>) -> Measured {
        let mut ledger = Ledger::new(&load.rows, &load.bounds);
        let mut total = Part::new();
        total.counts.overrun(paced.overrun);
        let mut kinds = vec![Part::new(); load.scenario.kinds.len()];
        for share in &self.shares {
            ledger.merge(&share.ledger);
            total.add(&share.total);
            for (sum, kind) in kinds.iter_mut().zip(&share.kinds) {
                sum.add(kind);
            }
        }
        let target = |at: f64| load.rate * load.shape.factor_at(at / load.duration.as_secs_f64());
        Measured {
            ledger,
            total,
            kinds,
            parts: with_what_was_due(self.parts, paced.seconds, target),
            seconds: paced.seconds,
            failure,
            interrupted: interrupt::is_set(),
        }
    }
}

/// The parts, when requests were due for so many seconds from the start of the first, `target` a second.
fn with_what_was_due(
    parts: Vec<(usize, Part)>,
    seconds: f64,
    target: impl Fn(f64) -> f64,
) -> Vec<Part> {
    let length = PART.as_secs_f64();
    let numbered = parts.into_iter().enumerate();
    numbered
        .map(|(index, (_, part))| {
            let begin = index as f64 * length;
            Part {
                due_seconds: (seconds - begin).clamp(0.0, length),
                target: target(begin + length / 2.0),
                ..part
            }
        })
        .collect()
}

/// A generator of random numbers for one use of a seed.
pub(crate) fn rng(seed: u64, purpose: u64) -> Rng {
    Rng::with_seed(seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_for_how_long_requests_were_due_in_it() {
        let of = |parts: usize, seconds: f64| -> Vec<f64> {
            let parts = (0..parts).map(|_| (1, Part::new())).collect();
            let parts = with_what_was_due(parts, seconds, |at| at * 10.0);
            assert!(
                parts
                    .iter()
                    .zip(0..)
                    .all(|(part, index)| part.target == f64::from(index) * 10.0 + 5.0)
            );
            parts.iter().map(|part| part.due_seconds).collect()
        };
        assert_eq!(of(4, 2.5), [1.0, 1.0, 0.5, 0.0]);
        assert_eq!(of(2, 1.0), [1.0, 0.0]);
        assert_eq!(of(1, 0.0), [0.0]);
    }
}
