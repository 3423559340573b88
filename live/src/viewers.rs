//! Who looks: a bounded number of streams of server-sent events, each with a bounded queue.
//!
//! Guarantees: a viewer that reads slowly holds up neither the sampler nor other viewers. Its queue holds no more than what
//! came in ten seconds, shared with the queues of the others; then it is let go: told so, in case it reads again, and if it
//! does not within ten seconds more, its connection is ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tallied_http::Connection;

/// The most viewers.
pub(crate) const MAX_VIEWERS: usize = 16;

/// A viewer that has taken nothing for so long is let go; and for so long again, its connection is ended.
const STALLED: Duration = Duration::from_secs(10);

/// Also where nothing is old: what waits at most.
const MAX_QUEUED: usize = 32;

/// Somebody who looks.
#[derive(Debug)]
pub(crate) struct Viewer {
    queue: Mutex<Queue>,
    connection: Option<Arc<dyn Connection>>,
    /// No other request is in progress on its connection: HTTP/1.
    alone: bool,
}

#[derive(Debug)]
struct Queue {
    /// What it has not taken, and since when that waits.
    frames: VecDeque<(Instant, Bytes)>,
    /// Nothing more comes.
    ended: bool,
    /// It needs everything before it can take changes.
    needs_state: bool,
    /// It was let go, and its connection is to be ended then.
    due: Option<Instant>,
    waker: Option<Waker>,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bye {
    Drain,
    Stalled,
}

/// An event as it is sent. A JSON has no line breaks, which would be the end of one.
pub(crate) fn event(name: &str, json: &str) -> Bytes {
    format!("event: {name}\ndata: {json}\n\n").into()
}

impl Bye {
    fn event(self) -> Bytes {
        let reason = match self {
            Self::Drain => "drain",
            Self::Stalled => "stalled",
        };
        event("bye", &format!("{{\"reason\":\"{reason}\"}}"))
    }
}

impl Viewer {
    pub(crate) fn new(connection: Option<Arc<dyn Connection>>, alone: bool) -> Self {
        let now = Instant::now();
        // How long a browser waits before it comes back. Also: something to send, so that the head is sent at once.
        let first = Bytes::from_static(b"retry: 2000\n\n");
        Self {
            queue: Mutex::new(Queue {
                frames: VecDeque::from([(now, first)]),
                ended: false,
                needs_state: true,
                due: None,
                waker: None,
            }),
            connection,
            alone,
        }
    }

    /// Whether it needs a whole state.
    pub(crate) fn needs_state(&self) -> bool {
        self.lock().needs_state
    }

    /// Sends a whole state.
    pub(crate) fn send_state(&self, state: Bytes, now: Instant) {
        let mut queue = self.lock();
        queue.needs_state = false;
        queue.push(state, now);
    }

    /// Sends an event if it has the state that this changes.
    pub(crate) fn send(&self, event: Bytes, now: Instant) {
        let mut queue = self.lock();
        if !queue.needs_state {
            queue.push(event, now);
        }
    }

    /// The next event; `None` behind the last one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = self.lock();
        if let Some((_, frame)) = queue.frames.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn has_stalled(&self, now: Instant) -> bool {
        let queue = self.lock();
        let oldest = queue.frames.front();
        queue.frames.len() >= MAX_QUEUED
            || oldest.is_some_and(|(since, _)| now.saturating_duration_since(*since) >= STALLED)
    }

    /// The last event.
    pub(crate) fn end(&self, why: Bye, now: Instant) {
        let mut queue = self.lock();
        if why == Bye::Stalled {
            queue.frames.clear();
            queue.due = Some(now + STALLED);
        }
        queue.push(why.event(), now);
        queue.ended = true;
    }

    /// Ends the connection of one that was let go, when it is due. Says whether it is.
    pub(crate) fn is_cut_off(&self, now: Instant) -> bool {
        if self.lock().due.is_some_and(|due| now < due) {
            return false;
        }
        if let Some(connection) = &self.connection {
            if self.alone {
                connection.abort();
            } else {
                connection.shut_down();
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, frame: Bytes, now: Instant) {
        if self.ended {
            return;
        }
        self.frames.push_back((now, frame));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use tallied_http::Connection;

    use super::{Bye, MAX_QUEUED, Viewer};

    #[derive(Debug, Default)]
    struct Ended {
        aborted: AtomicUsize,
        shut_down: AtomicUsize,
    }

    impl Connection for Ended {
        fn abort(&self) {
            self.aborted.fetch_add(1, Ordering::Relaxed);
        }

        fn shut_down(&self) {
            self.shut_down.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_reads_nothing_is_let_go_and_then_cut_off() {
        for alone in [true, false] {
            let connection = Arc::new(Ended::default());
            let viewer = Viewer::new(Some(Arc::clone(&connection) as _), alone);
            let now = Instant::now();
            viewer.send_state(Bytes::from_static(b"state"), now);
            assert!(!viewer.has_stalled(now + seconds(9)));
            assert!(viewer.has_stalled(now + seconds(11)));
            viewer.end(Bye::Stalled, now + seconds(11));
            // What waited is gone, and nothing more comes.
            viewer.send(Bytes::from_static(b"tick"), now + seconds(12));
            assert_eq!(viewer.lock().frames.len(), 1);
            assert!(!viewer.is_cut_off(now + seconds(20)));
            assert!(viewer.is_cut_off(now + seconds(22)));
            let ended = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            // Over HTTP/2 others may share it.
            let expected = if alone { (1, 0) } else { (0, 1) };
            let found = (ended(&connection.aborted), ended(&connection.shut_down));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_queue_has_an_end_also_within_a_moment() {
        let viewer = Viewer::new(None, true);
        let now = Instant::now();
        viewer.send(Bytes::from_static(b"tick"), now);
        assert_eq!(viewer.lock().frames.len(), 1, "it has no state to change");
        viewer.send_state(Bytes::from_static(b"state"), now);
        while !viewer.has_stalled(now) {
            viewer.send(Bytes::from_static(b"tick"), now);
        }
        assert_eq!(viewer.lock().frames.len(), MAX_QUEUED);
    }
}
