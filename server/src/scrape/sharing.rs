//! Scrapes that ask for the same at the same time share a document.
//!
//! A scrape joins a rendering that has not begun, never one that runs: what was recorded before a
//! scrape arrived is in its document. So of each [`Ask`] at most one rendering runs, and at most
//! one waits for it to end, however many scrapes wait for that one.
//!
//! An ask has a worker as long as it has an entry in the map; the entry is the rendering that has
//! not begun. The worker takes the scrapes out of it (from then on nobody can join them), renders,
//! and looks again. Both happen under the lock, which so orders each arrival before, or after, the
//! beginning of a rendering.
//!
//! A worker has a thread, and the slot of one of its scrapes, even when they are all gone: so
//! workers are as limited as scrapes are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::ask::Ask;
use super::document::Document;
use super::slots::{Slot, Slots, WeakSlot};

/// What of all scrapes of a handler and its clones has not begun.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing(Arc<Mutex<HashMap<Ask, Vec<Waiter>>>>);

/// A scrape that waits for its document. When it is gone, its channel is closed.
#[derive(Debug)]
struct Waiter {
    document: oneshot::Sender<Arc<Document>>,
    slot: WeakSlot,
}

/// Renders for one ask, on a thread of its own, until nobody waits.
#[derive(Debug)]
pub(super) struct Worker {
    sharing: Sharing,
    ask: Ask,
    ended: bool,
}

impl Sharing {
    /// Joins the rendering that begins next; `None` where no slot is free. `start` is to run the
    /// worker, where there is none.
    ///
    /// The channel ends without a document if the rendering breaks off.
    pub(super) fn join(
        &self,
        ask: Ask,
        slots: &Slots,
        start: impl FnOnce(Worker),
    ) -> Option<(Slot, oneshot::Receiver<Arc<Document>>)> {
        let (document, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        // Under the lock, so that a scrape which finds no slot finds all others waiting.
        let slot = slots.take()?;
        let waiter = Waiter {
            document,
            slot: slot.downgrade(),
        };
        let worker = match waiting.entry(ask) {
            Entry::Occupied(mut entry) => {
                let waiters = entry.get_mut();
                // While a rendering hangs, scrapes come and leave.
                waiters.retain(Waiter::is_there);
                waiters.push(waiter);
                None
            }
            Entry::Vacant(entry) => {
                let worker = Worker {
                    sharing: self.clone(),
                    ask: entry.key().clone(),
                    ended: false,
                };
                entry.insert(vec![waiter]);
                Some(worker)
            }
        };
        drop(waiting);
        worker.map(start);
        Some((slot, receiver))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ask, Vec<Waiter>>> {
        // Nobody panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn is_there(&self) -> bool {
        !self.document.is_closed()
    }
}

impl Worker {
    /// Renders as long as somebody waits. `render` is told how to ask whether that is so, and may
    /// end without a document when it is not.
    pub(super) fn run(mut self, render: impl Fn(&Ask, &dyn Fn() -> bool) -> Option<Document>) {
        while let Some(waiters) = self.next() {
            let slot = waiters.iter().find_map(|waiter| waiter.slot.upgrade());
            let document = render(&self.ask, &|| waiters.iter().any(Waiter::is_there));
            // Before anybody has the document: who has read it to its end finds the slot free.
            drop(slot);
            if let Some(document) = document.map(Arc::new) {
                for waiter in waiters {
                    // One that is gone needs none.
                    let _ = waiter.document.send(Arc::clone(&document));
                }
            }
        }
    }

    /// Begins the next rendering: those who wait for it. Where there are none, the worker ends.
    fn next(&mut self) -> Option<Vec<Waiter>> {
        let mut waiting = self.sharing.lock();
        let mut waiters = std::mem::take(waiting.get_mut(&self.ask)?);
        waiters.retain(Waiter::is_there);
        if waiters.is_empty() {
            waiting.remove(&self.ask);
            self.ended = true;
            return None;
        }
        Some(waiters)
    }
}

impl Drop for Worker {
    /// A worker that panicked, or was never run, leaves no entry that nobody serves.
    fn drop(&mut self) {
        if !self.ended {
            let waiters = self.sharing.lock().remove(&self.ask);
            drop(waiters);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;

    use tokio::sync::oneshot::Receiver;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::{Ask, Document, Sharing, Slot, Slots, Worker};
    use crate::scrape::coding::Coding;
    use crate::scrape::negotiation::Format;
    use crate::scrape::selection::Selection;

    fn ask(format: Format) -> Ask {
        Ask {
            format,
            coding: Coding::Identity,
            selection: Selection::of(None).unwrap(),
        }
    }

    fn numbered(number: u64) -> Option<Document> {
        Some(Document {
            bytes: Vec::new(),
            text_bytes: 0,
            samples: number,
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
                slots: Slots::new(slots),
                workers: RefCell::default(),
            }
        }

        fn join(&self, format: Format) -> Option<(Slot, Receiver<Arc<Document>>)> {
            let start = |worker| self.workers.borrow_mut().push(worker);
            self.sharing.join(ask(format), &self.slots, start)
        }
    }

    #[test]
    fn who_arrives_while_one_renders_gets_the_next_and_all_get_the_same() {
        let scrapes = Scrapes::new(10);
        let (_slot, mut first) = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        // Another format does not wait for it.
        let (_slot, mut other) = scrapes.join(Format::OpenMetrics).unwrap();
        let other_worker = scrapes.workers.borrow_mut().pop().unwrap();
        let late = RefCell::new(Vec::new());
        let renderings = RefCell::new(0);
        worker.run(|_, wanted| {
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
        assert_eq!(first.try_recv().unwrap().samples, 1);
        for (_, receiver) in late.borrow_mut().iter_mut() {
            assert_eq!(receiver.try_recv().unwrap().samples, 2);
        }
        assert_eq!(other.try_recv().unwrap_err(), TryRecvError::Empty);
        other_worker.run(|_, _| numbered(7));
        assert_eq!(other.try_recv().unwrap().samples, 7);
        assert!(scrapes.sharing.lock().is_empty());
    }

    #[test]
    fn a_rendering_keeps_a_slot_while_its_scrapes_are_gone_and_nobody_is_served() {
        let scrapes = Scrapes::new(1);
        let joined = RefCell::new(scrapes.join(Format::Text));
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        worker.run(|_, wanted| {
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
        let (_slot, _receiver) = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        let renderings = RefCell::new(0);
        worker.run(|_, _| {
            *renderings.borrow_mut() += 1;
            // While a rendering hangs, scrapes come and leave: they take up neither room nor slots.
            for _ in 0..100 {
                drop(scrapes.join(Format::Text).unwrap());
                assert_eq!(scrapes.sharing.lock()[&ask(Format::Text)].len(), 1);
            }
            None
        });
        assert_eq!(renderings.take(), 1);
    }

    #[test]
    fn a_worker_that_breaks_off_ends_the_wait_of_all() {
        let scrapes = Scrapes::new(3);
        let (_slot, mut first) = scrapes.join(Format::Text).unwrap();
        let worker = scrapes.workers.borrow_mut().pop().unwrap();
        let second = RefCell::new(None);
        let run = std::panic::AssertUnwindSafe(|| {
            worker.run(|_, _| {
                second.replace(scrapes.join(Format::Text));
                panic!("on purpose");
            });
        });
        assert!(std::panic::catch_unwind(run).is_err());
        assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Closed);
        let (_slot, mut second) = second.take().unwrap();
        assert_eq!(second.try_recv().unwrap_err(), TryRecvError::Closed);
        // As a runtime that shuts down does it: the worker never runs.
        let (_slot, mut third) = scrapes.join(Format::Text).unwrap();
        drop(scrapes.workers.borrow_mut().pop().unwrap());
        assert_eq!(third.try_recv().unwrap_err(), TryRecvError::Closed);
    }
}
