//! How many documents there are at once, and whose reader makes room for another one.
//!
//! A document has a slot from when its rendering is due until its last reader has taken it, or it is
//! cut off. Readers of one document share its slot. When no slot is free, the document goes whose
//! readers have stalled longest; when none stalls, there is no slot to be had.
//!
//! Nobody has to ask for a document to go in time: over HTTP/2 the body of a reader that opens no
//! window is not polled. So one task watches over what is on its way, while something is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Why a document was taken from readers that had not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// It took them too long.
    WriteTimeout,
    /// They stalled, and another scrape needed the room.
    Evicted,
}

impl CutOff {
    pub(super) const ALL: [Self; 2] = [Self::WriteTimeout, Self::Evicted];

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::WriteTimeout => "write_timeout",
            Self::Evicted => "evicted",
        }
    }
}

/// A document that has a slot.
pub(super) trait OnItsWay: std::fmt::Debug + Send + Sync {
    /// Since when its readers have stalled; `None` when they do not, or it was cut off.
    fn stalled_since(&self, now: Instant) -> Option<Instant>;

    /// Takes the document from its readers. Whether there was one.
    fn cut_off(&self, why: CutOff) -> bool;

    /// Does what is due, and says when there is more; `None` when there is nothing more.
    fn due(&self, now: Instant) -> Option<Instant>;
}

/// The slots of a handler and its clones.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    count: usize,
    write_timeout: Duration,
    on_their_way: Mutex<OnTheirWay>,
    /// A document is no longer on its way.
    ended: Notify,
}

#[derive(Debug, Default)]
struct OnTheirWay {
    deliveries: Vec<Weak<dyn OnItsWay>>,
    watched: bool,
}

/// Room for a document, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    pub(super) slots: Slots,
}

impl Slots {
    /// So many, and at least one; each document has this time to be taken.
    pub(super) fn new(count: usize, write_timeout: Duration) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            free: Arc::new(Semaphore::new(count)),
            count,
            write_timeout,
            on_their_way: Mutex::default(),
            ended: Notify::new(),
        }))
    }

    pub(super) fn count(&self) -> usize {
        self.0.count
    }

    pub(super) fn write_timeout(&self) -> Duration {
        self.0.write_timeout
    }

    /// A slot, if one is free.
    pub(super) fn take_free(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.0.free).try_acquire_owned().ok()?;
        Some(Slot {
            _permit: permit,
            slots: self.clone(),
        })
    }

    /// A slot, if one is free, or can be had from a document on its way.
    pub(super) fn take(&self) -> Option<Slot> {
        loop {
            if let Some(slot) = self.take_free() {
                return Some(slot);
            }
            if !self.make_room() {
                // One may have ended meanwhile.
                return self.take_free();
            }
        }
    }

    /// Cuts off the document whose readers have stalled longest, if there is one.
    fn make_room(&self) -> bool {
        let now = Instant::now();
        let mut on_their_way = self.lock();
        let mut stalled: Option<(Instant, Arc<dyn OnItsWay>)> = None;
        on_their_way.deliveries.retain(|delivery| {
            let Some(delivery) = delivery.upgrade() else {
                return false;
            };
            let longest = stalled.as_ref().map(|(since, _)| *since);
            match delivery.stalled_since(now) {
                Some(since) if longest.is_none_or(|longest| since < longest) => {
                    stalled = Some((since, delivery));
                }
                _ => {}
            }
            true
        });
        stalled.is_some_and(|(_, delivery)| delivery.cut_off(CutOff::Evicted))
    }

    /// Has a document cut off when its time is over. Needs a runtime.
    pub(super) fn watch(&self, delivery: Weak<dyn OnItsWay>) {
        let mut on_their_way = self.lock();
        on_their_way.deliveries.push(delivery);
        if !on_their_way.watched {
            on_their_way.watched = true;
            drop(on_their_way);
            let watch = Watch {
                slots: self.clone(),
                ended: false,
            };
            tokio::spawn(watch.run());
        }
    }

    /// A document is no longer on its way.
    pub(super) fn ended(&self) {
        self.0.ended.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, OnTheirWay> {
        // Nobody panics while holding it.
        let locked = self.0.on_their_way.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts off what is overdue, as long as something is on its way.
struct Watch {
    slots: Slots,
    ended: bool,
}

impl Watch {
    async fn run(mut self) {
        while let Some(next) = self.look(Instant::now()) {
            // What begins meanwhile is due later: all have the same time.
            let _ = timeout_at(next, self.slots.0.ended.notified()).await;
        }
    }

    /// When to look again; `None` when nothing is on its way.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        let mut on_their_way = self.slots.lock();
        let mut next: Option<Instant> = None;
        on_their_way.deliveries.retain(|delivery| {
            let due = delivery.upgrade().and_then(|delivery| delivery.due(now));
            next = next.into_iter().chain(due).min();
            due.is_some()
        });
        if next.is_none() {
            on_their_way.watched = false;
            self.ended = true;
        }
        next
    }
}

impl Drop for Watch {
    /// When its runtime ends, the next document begins another one.
    fn drop(&mut self) {
        if !self.ended {
            self.slots.lock().watched = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use http_body::Body;
    use tokio::time::{Instant, sleep};

    use super::Slots;
    use crate::scrape::buffers::Buffer;
    use crate::scrape::delivery::{
        Connection, Delivery, DocumentBody, NotTaken, Reader, STALL_AFTER,
    };
    use crate::scrape::document::{Document, Figures};

    const LENGTH: usize = 10_000;

    /// What became of a connection.
    #[derive(Debug, Default)]
    struct Ends {
        aborted: AtomicBool,
        shut_down: AtomicBool,
    }

    impl Connection for Ends {
        fn abort(&self) {
            self.aborted.store(true, Relaxed);
        }

        fn shut_down(&self) {
            self.shut_down.store(true, Relaxed);
        }
    }

    fn send(slots: &Slots, connection: &Arc<Ends>, alone: bool) -> DocumentBody {
        let figures = Figures {
            size_bytes: LENGTH,
            samples: 0,
        };
        let document = Document {
            bytes: Buffer::new(vec![b'x'; LENGTH], None),
            figures,
        };
        let slot = slots.take().expect("a slot");
        Arc::new(Delivery::new(document, slot)).send_to(Reader {
            connection: Some(Arc::clone(connection) as _),
            alone,
            cut_off: None,
        })
    }

    /// Takes a piece: how long it was.
    async fn take(body: &mut DocumentBody) -> Result<usize, crate::BoxError> {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx));
        let data = frame.await.expect("a piece")?.into_data();
        Ok(data.expect("data").len())
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < Duration::from_secs(30), "it never is");
            sleep(STALL_AFTER / 10).await;
        }
    }

    #[tokio::test]
    async fn who_stalled_longest_makes_room_and_who_reads_does_not() {
        let mut attempts = 0..20;
        while !make_room_in_order().await {
            assert!(attempts.next().is_some(), "this machine is too slow");
        }
    }

    /// `false` where the machine stopped for so long in between that all have stalled.
    async fn make_room_in_order() -> bool {
        let slots = Slots::new(3, Duration::from_secs(60));
        let connection = Arc::<Ends>::default();
        let mut reads = send(&slots, &connection, false);
        sleep(2 * STALL_AFTER).await;
        let began = Instant::now();
        take(&mut reads).await.unwrap();
        let mut stalls = send(&slots, &connection, false);
        let mut stalls_later = send(&slots, &connection, false);
        let taken = slots.take();
        if began.elapsed() >= STALL_AFTER {
            return false;
        }
        assert!(taken.is_none(), "none has stalled for a moment");
        sleep(STALL_AFTER).await;
        let first = slots.take().unwrap();
        assert!(take(&mut stalls).await.unwrap_err().is::<NotTaken>());
        // The other one is known to read, although it took something before this one began.
        let second = slots.take().unwrap();
        assert!(take(&mut stalls_later).await.is_err());
        assert_eq!(take(&mut reads).await.unwrap(), 4_096);
        assert_eq!(take(&mut reads).await.unwrap(), LENGTH - 2 * 4_096);
        assert!(reads.is_end_stream());
        // It has all, so its slot is free, and the body is still there.
        drop((first, second));
        assert!(slots.take_free().is_some());
        assert!(!connection.aborted.load(Relaxed));
        true
    }

    #[tokio::test]
    async fn a_document_is_gone_in_time_and_then_the_connection_although_nobody_asks() {
        let slots = Slots::new(2, 2 * STALL_AFTER);
        let (shared, own) = (Arc::<Ends>::default(), Arc::<Ends>::default());
        let bodies = [send(&slots, &shared, false), send(&slots, &own, true)];
        assert!(slots.take_free().is_none());
        wait_until(|| own.aborted.load(Relaxed)).await;
        assert!(shared.shut_down.load(Relaxed));
        assert!(slots.take_free().is_some());
        wait_until(|| shared.aborted.load(Relaxed)).await;
        drop(bodies);
        wait_until(|| !slots.lock().watched).await;
        assert!(slots.lock().deliveries.is_empty());
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_leaves_nothing() {
        let slots = Slots::new(1, Duration::from_secs(60));
        for _ in 0..100 {
            drop(send(&slots, &Arc::<Ends>::default(), true));
        }
        wait_until(|| !slots.lock().watched).await;
        assert!(slots.lock().deliveries.is_empty());
        assert!(slots.take_free().is_some());
    }
}
