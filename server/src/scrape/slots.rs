//! How many scrapes there are at once.
//!
//! A scrape has a slot until its body is sent or dropped: a reader that does not read keeps its
//! document in memory, so it must not make room for another one.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::document::Document;

/// The slots of a handler and its clones.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    count: usize,
}

/// A scrape's, and that of the rendering which it began; free when both have let go of it.
#[derive(Debug, Clone)]
pub(super) struct Slot(Arc<OwnedSemaphorePermit>);

impl Slots {
    /// So many, and at least one.
    pub(super) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A slot, if one is free.
    pub(super) fn take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Slot(Arc::new(permit)))
    }
}

impl Slot {
    /// A body that keeps this slot until it is sent or dropped.
    pub(super) fn body(self, document: Arc<Document>) -> Bytes {
        Bytes::from_owner(Sent {
            document,
            _slot: self,
        })
    }

    pub(super) fn downgrade(&self) -> WeakSlot {
        WeakSlot(Arc::downgrade(&self.0))
    }
}

/// Finds a slot as long as its scrape has it.
#[derive(Debug)]
pub(super) struct WeakSlot(Weak<OwnedSemaphorePermit>);

impl WeakSlot {
    pub(super) fn upgrade(&self) -> Option<Slot> {
        self.0.upgrade().map(Slot)
    }
}

/// What a body consists of.
struct Sent {
    document: Arc<Document>,
    _slot: Slot,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.document.bytes
    }
}
