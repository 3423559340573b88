//! Scrapes that ask for the same at the same time share a document.
//!
//! A scrape joins a rendering that has not begun, never one that runs: what was recorded before a
//! scrape arrived is in its document. So of each [`ScrapeRequest`] at most one rendering runs, and at most
//! one waits for it to end, however many scrapes wait for that one.
//!
//! A request has a worker as long as it has an entry in the map; the entry is the rendering that has
//! not begun, if one is due. The worker takes it out (from then on nobody can join it), renders,
//! and looks again. Both happen under the lock, which so orders each arrival before, or after, the
//! beginning of a rendering.
//!
//! A rendering has a slot from when it is due, however many scrapes wait for it, and its document
//! keeps it. One that runs keeps it even when they are all gone, because it has a thread; one that has
//! not begun gives it up for another.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::delivery::Delivery;
use super::document::Document;
use super::scrape_request::ScrapeRequest;
use super::slots::{Slot, Slots};

/// What of all scrapes of a handler and its clones has not begun.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing(Arc<Mutex<HashMap<ScrapeRequest, Option<Due>>>>);

/// A rendering that has not begun.
#[derive(Debug)]
struct Due {
    slot: Slot,
    waiters: Vec<Waiter>,
}

/// A scrape that waits for its document. When it is gone, its channel is closed.
#[derive(Debug)]
struct Waiter {
    document: oneshot::Sender<Arc<Delivery>>,
    /// When it waits no longer; `None` if that is too far away to tell.
    until: Option<Instant>,
}

/// Renders for one request, on a thread of its own, until nobody waits.
#[derive(Debug)]
pub(super) struct Worker {
    sharing: Sharing,
    request: ScrapeRequest,
    ended: bool,
}

impl Sharing {
    /// Joins the rendering that begins next; `None` where it needs a slot and there is none. The
    /// scrape waits `until` then.
    /// `start` is to run the worker, where there is none.
    ///
    /// The channel ends without a document if the rendering breaks off.
    pub(super) fn join(
        &self,
        request: ScrapeRequest,
        until: Option<Instant>,
        slots: &Slots,
        start: impl FnOnce(Worker),
    ) -> Option<oneshot::Receiver<Arc<Delivery>>> {
        let (document, receiver) = oneshot::channel();
        let waiter = Waiter { document, until };
        let mut all = self.lock();
        if let Some(Some(due)) = all.get_mut(&request) {
            due.join(waiter);
            return Some(receiver);
        }
        let slot = slots.take_free().or_else(|| {
            for due in all.values_mut() {
                due.take_if(|due| !is_waited_for(&due.waiters));
            }
            slots.take()
        })?;
        let due = Some(Due {
            slot,
            waiters: vec![waiter],
        });
        let worker = match all.entry(request) {
            Entry::Occupied(mut entry) => {
                entry.insert(due);
                None
            }
            Entry::Vacant(entry) => {
                let worker = Worker {
                    sharing: self.clone(),
                    request: entry.key().clone(),
                    ended: false,
                };
                entry.insert(due);
                Some(worker)
            }
        };
        drop(all);
        worker.map(start);
        Some(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ScrapeRequest, Option<Due>>> {
        // Nobody panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Due {
    fn join(&mut self, waiter: Waiter) {
        // While a rendering hangs, scrapes come and leave. Not each time: they may be thousands.
        if self.waiters.len() == self.waiters.capacity() {
            self.waiters.retain(Waiter::is_there);
        }
        self.waiters.push(waiter);
    }
}

impl Waiter {
    fn is_there(&self) -> bool {
        !self.document.is_closed()
    }

    /// One that is gone needs none.
    fn give(self, delivery: Arc<Delivery>) {
        drop(self.document.send(delivery));
    }
}

fn is_waited_for(waiters: &[Waiter]) -> bool {
    waiters.iter().any(Waiter::is_there)
}

/// When the last of them waits no longer: one that waits for a short time only costs no other its
/// document.
fn last_until(waiters: &[Waiter]) -> Option<Instant> {
    let all = waiters.iter().map(|waiter| waiter.until);
    all.reduce(|a, b| Some(a?.max(b?))).flatten()
}

impl Worker {
    /// Renders as long as somebody waits. `render` is told until when, and how to ask whether that is
    /// still so; it may end without a document when it is not.
    pub(super) fn run(
        mut self,
        render: impl Fn(&ScrapeRequest, Option<Instant>, &dyn Fn() -> bool) -> Option<Document>,
    ) {
        while let Some(Due { slot, mut waiters }) = self.next() {
            let until = last_until(&waiters);
            let wanted = || is_waited_for(&waiters);
            let Some(document) = render(&self.request, until, &wanted) else {
                continue;
            };
            let delivery = Arc::new(Delivery::new(document, slot));
            let last = waiters.pop();
            for waiter in waiters {
                waiter.give(Arc::clone(&delivery));
            }
            // None is left here: who has read it to its end finds the slot free.
            if let Some(last) = last {
                last.give(delivery);
            }
        }
    }

    /// Begins the next rendering. Where nobody waits for one, the worker ends.
    fn next(&mut self) -> Option<Due> {
        let mut all = self.sharing.lock();
        let due = all.get_mut(&self.request)?.take();
        let due = due.filter(|due| is_waited_for(&due.waiters));
        if due.is_none() {
            all.remove(&self.request);
            self.ended = true;
        }
        due
    }
}

impl Drop for Worker {
    /// A worker that panicked, or was never run, leaves no entry that nobody serves.
    fn drop(&mut self) {
        if !self.ended {
            let due = self.sharing.lock().remove(&self.request);
            drop(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::time::Duration;

    use tallied::exposition::Format;
    use tokio::sync::oneshot::Receiver;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::{Delivery, Document, ScrapeRequest, Sharing, Slots, Worker};
    use crate::scrape::buffers::Buffer;
    use crate::scrape::coding::Coding;
    use crate::scrape::document::Figures;
    use crate::scrape::selection::Selection;

    fn request(format: Format) -> ScrapeRequest {
        ScrapeRequest {
            format,
            content_type: format.content_type(),
            created: false,
            coding: Coding::Identity,
            selection: Selection::of(None).unwrap(),
        }
    }

    fn numbered(number: u64) -> Option<Document> {
        Some(Document {
            bytes: Buffer::new(Vec::new(), None),
            figures: Figures {
                size_bytes: 0,
                samples: number,
            },
        })
    }

    /// Scrapes and the workers that they would have started.
    struct Scrapes {
        sharing: Sharing,
        slots: Slots,
        workers: RefCell<Vec<Worker>>,
    }

    impl Scrapes {
        fn new(slots: usize) -> Self {
            Self {
                sharing: Sharing::default(),
                slots: Slots::new(slots, Duration::from_secs(60)),
                workers: RefCell::default(),
            }
        }

        fn join(&self, format: Format) -> Option<Receiver<Arc<Delivery>>> {
            let start = |worker| self.workers.borrow_mut().push(worker);
            self.sharing.join(request(format), None, &self.slots, start)
        }
    }

    #[test]
    fn who_arrives_while_one_renders_gets_the_next_and_all_get_the_same() {
        let scrapes = Scrapes::new(10);
        let mut first = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        // Another format does not wait for it.
        let mut other = scrapes.join(Format::OpenMetrics).unwrap();
        let other_worker = scrapes.workers.borrow_mut().pop().unwrap();
        let late = RefCell::new(Vec::new());
        let renderings = RefCell::new(0);
        worker.run(|_, _, wanted| {
            assert!(wanted());
            *renderings.borrow_mut() += 1;
            if *renderings.borrow() == 1 {
                late.replace(
                    (0..3)
                        .map(|_| scrapes.join(Format::Text).unwrap())
                        .collect(),
                );
            }
            numbered(*renderings.borrow())
        });
        assert_eq!(renderings.take(), 2);
        assert!(scrapes.workers.borrow().is_empty());
        assert_eq!(first.try_recv().unwrap().figures.samples, 1);
        for receiver in late.borrow_mut().iter_mut() {
            assert_eq!(receiver.try_recv().unwrap().figures.samples, 2);
        }
        assert_eq!(other.try_recv().unwrap_err(), TryRecvError::Empty);
        other_worker.run(|_, _, _| numbered(7));
        assert_eq!(other.try_recv().unwrap().figures.samples, 7);
        assert!(scrapes.sharing.lock().is_empty());
    }

    #[test]
    fn a_rendering_keeps_a_slot_while_its_scrapes_are_gone_and_nobody_is_served() {
        let scrapes = Scrapes::new(1);
        let joined = RefCell::new(scrapes.join(Format::Text));
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        worker.run(|_, _, wanted| {
            assert!(wanted());
            joined.take();
            assert!(!wanted());
            assert!(scrapes.join(Format::Text).is_none());
            None
        });
        assert!(scrapes.sharing.lock().is_empty());
        assert!(scrapes.join(Format::Text).is_some());
    }

    #[test]
    fn a_rendering_that_waits_and_that_nobody_waits_for_is_left_out() {
        let scrapes = Scrapes::new(2);
        let _receiver = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        let renderings = RefCell::new(0);
        worker.run(|_, _, _| {
            *renderings.borrow_mut() += 1;
            // While a rendering hangs, scrapes come and leave: they take up neither room nor slots.
            for _ in 0..100 {
                drop(scrapes.join(Format::Text).unwrap());
                let all = scrapes.sharing.lock();
                let due = all[&request(Format::Text)].as_ref().unwrap();
                assert!(due.waiters.len() <= 4);
            }
            drop(scrapes.join(Format::OpenMetrics).unwrap());
            scrapes.workers.borrow_mut().clear();
            None
        });
        assert_eq!(renderings.take(), 1);
    }

    #[test]
    fn a_worker_that_breaks_off_ends_the_wait_of_all() {
        let scrapes = Scrapes::new(3);
        let mut first = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        let second = RefCell::new(None);
        let run = std::panic::AssertUnwindSafe(|| {
            worker.run(|_, _, _| {
                second.replace(scrapes.join(Format::Text));
                panic!("on purpose");
            });
        });
        assert!(std::panic::catch_unwind(run).is_err());
        assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Closed);
        let mut second = second.take().unwrap();
        assert_eq!(second.try_recv().unwrap_err(), TryRecvError::Closed);
        // As a runtime that shuts down does it: the worker never runs.
        let mut third = scrapes.join(Format::Text).unwrap();
        drop(scrapes.workers.borrow_mut().pop().unwrap());
        assert_eq!(third.try_recv().unwrap_err(), TryRecvError::Closed);
    }
}
