//! A document on its way to its readers.
//!
//! Its memory does not depend on them: each takes copies of small pieces, and only those are in the
//! buffers of its connection. So a document is gone, and its slot free, as soon as it is cut off,
//! whether or not a reader is ever polled again.
//!
//! A reader that is cut off has its connection ended over HTTP/1. Over HTTP/2 others may share the
//! connection, a proxy's clients perhaps: its stream is reset when it asks for more, and its
//! connection is told to take no new requests; only if its client still takes nothing for as long
//! again, the connection is ended.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tallied::Counter;
use tokio::time::Instant;

use super::buffers::Buffer;
use super::document::{Document, Figures};
use super::slots::{CutOff, OnItsWay, Slot, Slots};
use crate::BoxError;

/// What a reader takes at a time. Over HTTP/1 hyper asks for sixteen before it has written one, so
/// a reader that stalls keeps 64 KiB.
const PIECE: usize = 4_096;

/// A reader stalls once it has taken nothing for this long.
pub(super) const STALL_AFTER: Duration = Duration::from_millis(50);

/// Head start against eviction for a document that a reader is known to read: new scrapes, however
/// many, evict each other first.
const KNOWN_TO_READ: Duration = Duration::from_millis(250);

/// A document that is being sent, to one reader or several.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) figures: Figures,
    length: usize,
    slots: Slots,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None when it was cut off.
    document: Option<(Buffer, Slot)>,
    ready: Instant,
    /// When one of its readers took something last.
    taken: Instant,
    /// When it is cut off, and then, when the connections that are left are.
    due: Instant,
    readers: HashMap<u64, Reader>,
    next_reader: u64,
}

/// The connection of a reader, as far as its framework lets it be ended from outside.
///
/// Both methods must return at once. Either may be called more than once, and when the connection is gone already.
pub trait Connection: std::fmt::Debug + Send + Sync + 'static {
    /// Ends it at once: over HTTP/1 when its reader is cut off, over HTTP/2 when that did not end the stream in time.
    fn abort(&self);

    /// Has it take no new requests, and end when those in progress have: over HTTP/2, when a reader is cut off.
    fn shut_down(&self);
}

/// Who reads it.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: Option<Arc<dyn Connection>>,
    /// No other request is in progress on its connection: HTTP/1.
    pub(super) alone: bool,
    /// In the order of [`CutOff`].
    pub(super) cut_off: Option<[Counter; CutOff::ALL.len()]>,
}

impl Delivery {
    pub(super) fn new(document: Document, slot: Slot) -> Self {
        let slots = slot.slots.clone();
        let now = Instant::now();
        Self {
            figures: document.figures,
            length: document.bytes.len(),
            state: Mutex::new(State {
                document: Some((document.bytes, slot)),
                ready: now,
                taken: now,
                due: now + slots.write_timeout(),
                readers: HashMap::new(),
                next_reader: 0,
            }),
            slots,
        }
    }

    /// Begins to send it to a reader. Needs a runtime.
    pub(super) fn send_to(self: Arc<Self>, reader: Reader) -> DocumentBody {
        let mut state = self.lock();
        let number = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(number, reader);
        drop(state);
        if number == 0 {
            let delivery: Weak<Self> = Arc::downgrade(&self);
            self.slots.watch(delivery);
        }
        DocumentBody {
            taken: 0,
            left: self.length,
            reading: Some(Reading {
                delivery: self,
                number,
            }),
        }
    }

    /// A piece of it; `None` when it was cut off.
    fn take(&self, from: usize) -> Option<Bytes> {
        let mut state = self.lock();
        state.taken = Instant::now();
        let (document, _) = state.document.as_ref()?;
        let rest = document.get(from..)?;
        Some(Bytes::copy_from_slice(&rest[..rest.len().min(PIECE)]))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnItsWay for Delivery {
    fn stalled_since(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        state.document.as_ref()?;
        if now < state.taken + STALL_AFTER {
            return None;
        }
        // What is taken at first fills buffers, and says nothing of the readers.
        let known = state.taken > state.ready + STALL_AFTER;
        Some(state.taken + if known { KNOWN_TO_READ } else { Duration::ZERO })
    }

    fn cut_off(&self, why: CutOff) -> bool {
        let mut state = self.lock();
        let Some(document) = state.document.take() else {
            return false;
        };
        state.due = Instant::now() + self.slots.write_timeout();
        let mut connections = Vec::new();
        for reader in state.readers.values() {
            if let Some(counters) = &reader.cut_off {
                counters[why as usize].inc();
            }
            connections.extend(reader.connection.clone().map(|c| (c, reader.alone)));
        }
        drop(state);
        drop(document);
        // Without the lock: one that drops its body at once comes back here.
        for (connection, alone) in connections {
            if alone {
                connection.abort();
            } else {
                connection.shut_down();
            }
        }
        true
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        if state.due > now {
            return Some(state.due);
        }
        if state.document.is_some() {
            drop(state);
            self.cut_off(CutOff::WriteTimeout);
            return Some(now + self.slots.write_timeout());
        }
        let readers = state.readers.values();
        let connections: Vec<_> = readers.filter_map(|r| r.connection.clone()).collect();
        drop(state);
        for connection in connections {
            connection.abort();
        }
        None
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.slots.ended();
    }
}

/// A reader that has not taken all.
#[derive(Debug)]
struct Reading {
    delivery: Arc<Delivery>,
    number: u64,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.delivery.lock().readers.remove(&self.number);
    }
}

/// The body of an answer, for one reader.
#[derive(Debug)]
pub(super) struct DocumentBody {
    reading: Option<Reading>,
    taken: usize,
    left: usize,
}

/// A document was cut off, because its reader did not take it in time.
#[derive(Debug)]
pub(crate) struct NotTaken;

impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client did not take the document in time")
    }
}

impl std::error::Error for NotTaken {}

impl Body for DocumentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(reading) = &self.reading else {
            return Poll::Ready(None);
        };
        let piece = reading.delivery.take(self.taken);
        if let Some(piece) = &piece {
            self.taken += piece.len();
            self.left -= piece.len();
        }
        // Before the last piece is on its way: who has read to the end finds the slot free.
        if piece.is_none() || self.left == 0 {
            self.reading = None;
        }
        Poll::Ready(Some(piece.map(Frame::data).ok_or_else(|| NotTaken.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
