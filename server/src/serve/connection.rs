//! What is known of an open connection: whether it waits for its client, and since when.
//!
//! A connection waits while no request of its own is in progress: before its first one, while a
//! head is being sent, and between two requests. Only then do the limits on heads and on idleness
//! hold, and only then may it be closed to make room. Beginning a request and closing for room
//! exclude each other, so that no request is lost that had begun.
//!
//! Salvo's connections have no name that a hoop could see, so a request finds its own by its two
//! addresses, the client's and the one it connected to: where a listener has many, a client may
//! come from the same port to each.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use salvo::conn::ConnCtrl;
use tokio::time::Instant;

use super::http2_stall::{Http2Stalls, Waiting};
use super::pipelining::BodyLength;

/// The bit of a connection's state that says that it is being closed to make room.
const CLOSING: u32 = 1 << 31;

/// … that bytes of an answer wait for the client to take them.
const STALLED: u32 = 1 << 30;

/// … that an answer is about to be written.
const UNWRITTEN: u32 = 1 << 29;

/// In the place of a body's length.
const CHUNKED: u64 = u64::MAX;

/// All of the marks.
const MARKS: u32 = CLOSING | STALLED | UNWRITTEN;

/// One connection, shared by its stream, its requests and who looks for room.
pub(super) struct Connection {
    /// The requests in progress, and marks. The word that begin and close exclude each other by;
    /// its Release and Acquire carry `waits_since`.
    state: AtomicU32,
    /// The requests that have begun, ever.
    begun: AtomicU64,
    /// When the last request ended, in nanoseconds after `opened`.
    waits_since: AtomicU64,
    /// The length of the body of the request that began last; [`CHUNKED`] where it is unknown. Relaxed, as `begun` is: a
    /// connection over HTTP/1 looks at it from the task that its requests run in.
    body: AtomicU64,
    /// What the client had sent when the connection was accepted, if anything, was looked at. This and the
    /// next two are flags by themselves, which order nothing: Relaxed.
    settled: AtomicBool,
    /// A request ended since somebody looked for room here.
    served: AtomicBool,
    http2: AtomicBool,
    opened: Instant,
    windows: Arc<Http2Stalls>,
    control: ConnCtrl,
}

impl Connection {
    /// `settled` says that its client has sent nothing yet.
    pub(super) fn new(control: ConnCtrl, settled: bool) -> Self {
        let opened = Instant::now();
        Self {
            state: AtomicU32::new(0),
            begun: AtomicU64::new(0),
            waits_since: AtomicU64::new(0),
            body: AtomicU64::new(0),
            settled: AtomicBool::new(settled),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            opened,
            windows: Http2Stalls::new(opened),
            control,
        }
    }

    pub(super) fn control(&self) -> &ConnCtrl {
        &self.control
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// A request begins; `None` where the connection is being closed.
    pub(super) fn begin(self: Arc<Self>, http2: bool, body: BodyLength) -> Option<InProgress> {
        let free = |state: u32| (state & CLOSING == 0).then_some(state + 1);
        self.state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, free)
            .ok()?;
        self.begun.fetch_add(1, Ordering::Relaxed);
        let body = match body {
            BodyLength::Known(length) => length,
            BodyLength::Chunked => CHUNKED,
        };
        self.body.store(body, Ordering::Relaxed);
        self.settle();
        if http2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        Some(InProgress(self))
    }

    /// What had been sent is part of a head, or a request has begun.
    pub(super) fn settle(&self) {
        if !self.settled.load(Ordering::Relaxed) {
            self.settled.store(true, Ordering::Relaxed);
        }
    }

    /// How many requests have begun, ever.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// The body of the request that began last.
    pub(super) fn body(&self) -> BodyLength {
        match self.body.load(Ordering::Relaxed) {
            CHUNKED => BodyLength::Chunked,
            length => BodyLength::Known(length),
        }
    }

    /// Since when the connection waits for a request, if it does.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        if self.state.load(Ordering::Acquire) & !MARKS != 0 {
            return None;
        }
        let since = self.waits_since.load(Ordering::Relaxed);
        Some(self.opened + Duration::from_nanos(since))
    }

    /// Since when an answer over HTTP/2 waits for the client to take more of it, if one does.
    pub(super) fn answer_waits_since(&self) -> Option<Instant> {
        self.windows.longest()
    }

    /// Whether a request came over HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    pub(super) fn set_stalled(&self, stalled: bool) {
        self.mark(STALLED, stalled);
    }

    /// What was to be written is being written. To be said before, or a client that has its answer
    /// might find that its connection cannot make room yet.
    pub(super) fn writes(&self) {
        self.mark(UNWRITTEN, false);
    }

    fn mark(&self, mark: u32, on: bool) {
        // Read first: it is as it was nearly always.
        let before = self.state.load(Ordering::Relaxed) & mark != 0;
        match (before, on) {
            (false, true) => self.state.fetch_or(mark, Ordering::Relaxed),
            (true, false) => self.state.fetch_and(!mark, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Whether a request ended since this was asked last.
    pub(super) fn take_served(&self) -> bool {
        self.served.swap(false, Ordering::Relaxed)
    }

    /// Closes the connection, if it waits.
    pub(super) fn close_if_waiting(&self) -> bool {
        // One that was handed over to another protocol is silent rightly.
        if self.control.is_relaxed() {
            return false;
        }
        let closed = self
            .state
            .compare_exchange(0, CLOSING, Ordering::Relaxed, Ordering::Relaxed);
        if closed.is_ok() {
            self.control.abort();
        }
        closed.is_ok()
    }
}

/// A request in progress, until it is dropped.
pub(super) struct InProgress(Arc<Connection>);

impl InProgress {
    /// Its answer is whole, and is written next, which ends what this begins.
    pub(super) fn will_be_written(&self) {
        self.0.mark(UNWRITTEN, true);
    }

    /// Its answer goes out as its client takes it.
    pub(super) fn waits(&self) -> Waiting {
        self.0.windows.begin()
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let connection = &*self.0;
        let since = connection.opened.elapsed().as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        connection.waits_since.store(since, Ordering::Relaxed);
        connection.served.store(true, Ordering::Relaxed);
        connection.state.fetch_sub(1, Ordering::Release);
    }
}

/// Maps that share out the lock; a power of two.
const SHARDS: usize = 16;

/// The two ends of a connection, which no two that are open share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    /// What the client connected to.
    pub(super) local: SocketAddr,
}

type Shard = HashMap<Ends, Arc<Connection>>;

/// The open connections of a listener, by their ends.
#[derive(Default)]
pub(super) struct Table([Mutex<Shard>; SHARDS]);

impl Table {
    fn shard(&self, ends: &Ends) -> MutexGuard<'_, Shard> {
        let shard = &self.0[usize::from(ends.client.port()) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, ends: Ends, connection: Arc<Connection>) {
        self.shard(&ends).insert(ends, connection);
    }

    pub(super) fn find(&self, ends: &Ends) -> Option<Arc<Connection>> {
        self.shard(ends).get(ends).cloned()
    }

    /// Whether all that was sent before the connections were accepted has been read.
    pub(super) fn is_settled(&self) -> bool {
        self.0.iter().all(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connections = shard.values();
            connections.all(|connection| connection.settled.load(Ordering::Relaxed))
        })
    }

    /// Whether a request is in progress.
    pub(super) fn has_requests(&self) -> bool {
        self.0.iter().any(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connections = shard.values();
            connections.any(|connection| connection.waits_since().is_none())
        })
    }

    pub(super) fn remove(&self, ends: &Ends, connection: &Arc<Connection>) {
        let mut shard = self.shard(ends);
        // Another one may have the addresses by now.
        if shard
            .get(ends)
            .is_some_and(|found| Arc::ptr_eq(found, connection))
        {
            shard.remove(ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use salvo::conn::ConnCtrl;

    use super::{BodyLength, Connection, Ends, Table};

    const NONE: BodyLength = BodyLength::Known(0);

    fn connection() -> Arc<Connection> {
        Arc::new(Connection::new(ConnCtrl::new(), false))
    }

    #[test]
    fn a_request_and_the_end_for_room_exclude_each_other() {
        let busy = connection();
        let (one, two) = (
            busy.clone().begin(false, NONE),
            busy.clone().begin(true, NONE),
        );
        assert!(one.is_some() && two.is_some() && busy.is_http2());
        assert!(busy.waits_since().is_none());
        drop(one);
        assert!(!busy.close_if_waiting(), "the other one goes on");
        drop(two);
        assert!(
            busy.waits_since()
                .is_some_and(|since| since >= busy.opened())
        );
        assert!(busy.take_served() && !busy.take_served());
        assert!(busy.close_if_waiting() && busy.control().is_aborted());
        assert!(busy.clone().begin(false, NONE).is_none(), "too late");
        assert!(!busy.close_if_waiting(), "once");
    }

    #[test]
    fn an_answer_on_its_way_and_another_protocol_are_left_alone() {
        let stalled = connection();
        stalled.set_stalled(true);
        assert!(!stalled.close_if_waiting());
        stalled.set_stalled(false);
        assert!(stalled.close_if_waiting());
        let answered = connection();
        let request = answered.clone().begin(false, NONE).unwrap();
        request.will_be_written();
        drop(request);
        assert!(answered.waits_since().is_some() && !answered.close_if_waiting());
        answered.writes();
        assert!(answered.close_if_waiting());
        let upgraded = connection();
        upgraded.control().relax_timeouts();
        assert!(!upgraded.close_if_waiting());
    }

    #[test]
    fn addresses_that_come_again_are_the_new_connection() {
        let ends = |local: &str| Ends {
            client: "127.0.0.1:4000".parse().unwrap(),
            local: local.parse().unwrap(),
        };
        let (table, one) = (Table::default(), ends("127.0.0.1:80"));
        let (old, new, other) = (connection(), connection(), connection());
        assert!(table.is_settled());
        table.insert(one, old.clone());
        old.settle();
        assert!(table.is_settled());
        table.insert(one, new.clone());
        assert!(!table.is_settled());
        let two = ends("127.0.0.2:80");
        assert!(table.find(&two).is_none());
        table.insert(two, other.clone());
        table.remove(&one, &old);
        assert!(Arc::ptr_eq(&table.find(&one).unwrap(), &new));
        assert!(Arc::ptr_eq(&table.find(&two).unwrap(), &other));
        table.remove(&one, &new);
        assert!(table.find(&one).is_none() && table.find(&two).is_some());
    }
}
