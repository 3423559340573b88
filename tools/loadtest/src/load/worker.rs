//! A thread that sends what it is handed, on connections of its own, and keeps its part of the books.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::{Context, Result};
use fastrand::Rng;
use tallied_processes::interrupt;
use tallied_processes::kernel::{self, CpuTime};
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval_at};

use super::pacer::Due;
use super::part::{HandedOver, Part};
use super::pool::Pool;
use super::{LATE, Load, Message, PART, Share};
use crate::client::{End, NotSent, Outcome, exchange, raw};
use crate::ledger::Ledger;
use crate::live::{Held, Live};
use crate::scenario::Conduct;

/// Requests of a worker that wait for a connection or their answer; some 5 kB each. Those beyond are dropped.
const MOST_WAITING: usize = 20_000;

/// What the requests of one worker share. One thread: no lock.
struct Worker {
    load: Load,
    /// When the last request is due.
    last_due: Instant,
    pool: Pool,
    live: Arc<Live>,
    books: RefCell<Books>,
}

struct Books {
    /// The first request after the warm-up, and what the thread had had of the processors then.
    measured_from: Option<(Instant, CpuTime)>,
    share: Share,
    /// The part of the time that is not over.
    part: Part,
}

/// Ends when the inbox is closed and all requests have ended.
pub(super) fn run(
    load: &Load,
    index: usize,
    start: Instant,
    due: Receiver<Due>,
    live: Arc<Live>,
    sender: &Sender<Message>,
) -> Result<Share> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let (connections, threads) = (load.connections, load.threads);
    let connections = connections / threads + usize::from(index < connections % threads);
    let worker = Rc::new(Worker {
        pool: Pool::new(load.address, connections),
        live,
        books: RefCell::new(Books {
            measured_from: None,
            share: Share {
                ledger: Ledger::new(&load.rows, &load.bounds),
                total: Part::new(),
                kinds: vec![Part::new(); load.scenario.kinds.len()],
            },
            part: Part::new(),
        }),
        last_due: start + load.warm_up + load.duration,
        load: load.clone(),
    });
    let work = Rc::clone(&worker).work(start, due, sender);
    LocalSet::new().block_on(&runtime, work)?;
    // The tasks, which had the others, have ended.
    let worker = Rc::into_inner(worker).context("a request has not ended")?;
    Ok(worker.books.into_inner().share)
}

impl Worker {
    async fn work(
        self: Rc<Self>,
        start: Instant,
        mut inbox: Receiver<Due>,
        sender: &Sender<Message>,
    ) -> Result<()> {
        let mut requests = JoinSet::new();
        let mut number = 0;
        let first = start + self.load.warm_up + PART;
        let mut tick = interval_at(first.into(), PART);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut open = true;
        while open || !requests.is_empty() {
            tokio::select! {
                due = inbox.recv(), if open => match due {
                    Some(due) if requests.len() >= MOST_WAITING => self.turn_away(due),
                    Some(due) => {
                        requests.spawn_local(Rc::clone(&self).request(due));
                    }
                    None => {
                        open = false;
                        self.note_busy();
                    }
                },
                Some(ended) = requests.join_next() => ended.context("a request panicked")??,
                _ = tick.tick() => {
                    self.end_part(number, requests.len(), sender);
                    number += 1;
                }
            }
        }
        self.end_part(number, 0, sender);
        self.pool.close().await;
        Ok(())
    }

    /// Until the last request was due: behind it the thread only waits.
    fn note_busy(&self) {
        let mut books = self.books.borrow_mut();
        let now = kernel::time_of_this_thread();
        if let Some(((from, before), now)) = books.measured_from.zip(now) {
            // One that waits for a processor is as busy as one that has it.
            let busy = (now.used + now.waited).saturating_sub(before.used + before.waited);
            let ratio = busy.as_secs_f64() / from.elapsed().as_secs_f64().max(1e-9);
            books.share.total.busy_ratio = ratio.min(1.0);
        }
    }

    fn end_part(&self, number: usize, in_flight: usize, sender: &Sender<Message>) {
        let mut part = std::mem::replace(&mut self.books.borrow_mut().part, Part::new());
        part.in_flight = in_flight as u64;
        // Whoever listens ends after us.
        let _ = sender.send(Message::Part(number, Box::new(part)));
    }

    /// Too many wait already.
    fn turn_away(&self, due: Due) {
        let row = self.load.rows.of_kind(due.kind);
        let handed = HandedOver {
            lag: due.at.elapsed(),
            waited: true,
            in_time: false,
        };
        self.write(&due, row, handed, &Outcome::not_sent(NotSent::NoConnection));
    }

    async fn request(self: Rc<Self>, due: Due) -> Result<()> {
        let lag = due.at.elapsed();
        if due.measured && self.books.borrow().measured_from.is_none() {
            let now = kernel::time_of_this_thread();
            self.books.borrow_mut().measured_from = now.map(|time| (Instant::now(), time));
        }
        let kind = &self.load.scenario.kinds[due.kind];
        let row = self.load.rows.of_kind(due.kind);
        if lag > LATE {
            self.live.late();
        }
        let limit = self.load.timeout;
        let place = self.pool.place(limit).await;
        if interrupt::is_set() || self.live.is_stopped() {
            // What was not sent by now never will be.
            return Ok(());
        }
        let waited = place.as_ref().is_none_or(|place| place.waited);
        self.live.begin(row);
        let is_raw = kind.conduct == Conduct::SendsRaw;
        let connection = match &place {
            Some(_) if is_raw => Ok(None),
            Some(_) => self.pool.connection(limit).await.map(Some),
            None => Err(NotSent::NoConnection),
        };
        let outcome = match connection {
            Err(why) => Outcome::not_sent(why),
            Ok(None) => {
                let prepared = kind.prepare(&mut Rng::with_seed(due.seed))?;
                raw(self.load.address, prepared.body.unwrap_or_default(), limit).await
            }
            Ok(Some(connection)) => {
                let mut rng = Rng::with_seed(due.seed);
                let host = &self.load.host;
                let on_head = |sent: Instant, status| {
                    if let Some(held) = kind.held_for(status) {
                        let until = sent + held.min(limit);
                        self.live.hold(Held { row, until });
                    }
                };
                let (outcome, connection) =
                    exchange(connection, kind, &mut rng, host, limit, on_head).await?;
                if let Some(connection) = connection {
                    self.pool.give_back(connection);
                }
                outcome
            }
        };
        drop(place);
        // What is no request the server never records.
        let settled = matches!(outcome.end, End::Answered(_)) && !is_raw;
        self.live.end(row, settled);
        let in_time = outcome.done <= self.last_due;
        let handed = HandedOver {
            lag,
            waited,
            in_time,
        };
        self.write(&due, row, handed, &outcome);
        Ok(())
    }

    fn write(&self, due: &Due, row: usize, handed: HandedOver, outcome: &Outcome) {
        let kind = &self.load.scenario.kinds[due.kind];
        let mut books = self.books.borrow_mut();
        let Books { share, part, .. } = &mut *books;
        share.ledger.record(row, kind, outcome);
        if !due.measured {
            return;
        }
        let since_due = outcome.done.saturating_duration_since(due.at);
        let kind_part = &mut share.kinds[due.kind];
        let errors = kind_part.counts.errors();
        for part in [&mut share.total, kind_part, part] {
            part.record(kind, handed, since_due, outcome);
        }
        if share.kinds[due.kind].counts.errors() > errors {
            self.live.error();
        }
    }
}
