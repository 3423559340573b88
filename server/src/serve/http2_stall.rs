//! Since when answers over HTTP/2 wait for their client to take more of them.
//!
//! Over HTTP/1 an answer that nobody takes fills the socket, and the limit on stalled writes ends
//! it. Over HTTP/2 each stream has a window that its client opens as it likes: the socket may be
//! idle while an answer waits. Hyper asks a body for more only when the client has opened the window
//! for all that it was given before, so what counts is the time since a body gave something, until
//! it is asked again. A body that has nothing to give yet does not wait for its client.
//!
//! Costs a lock for each answer, and an atomic store for each piece of one. The list is as long
//! as there are streams on the connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// In the place of a time: the answer does not wait.
const NEVER: u64 = u64::MAX;

/// The answers of a connection that are on their way.
pub(super) struct Http2Stalls {
    opened: Instant,
    /// Since when each waits, in nanoseconds after `opened`. Times by themselves, which order nothing:
    /// Relaxed.
    answers: Mutex<Vec<Arc<AtomicU64>>>,
}

impl Http2Stalls {
    pub(super) fn new(opened: Instant) -> Arc<Self> {
        Arc::new(Self {
            opened,
            answers: Mutex::default(),
        })
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer begins, and waits.
    pub(super) fn begin(self: &Arc<Self>) -> Waiting {
        let waiting = Waiting {
            since: Arc::new(AtomicU64::new(NEVER)),
            windows: Arc::clone(self),
        };
        waiting.gave();
        self.answers().push(Arc::clone(&waiting.since));
        waiting
    }

    /// Since when the answer waits that has waited longest, if one does.
    pub(super) fn longest(&self) -> Option<Instant> {
        let answers = self.answers();
        let times = answers.iter().map(|since| since.load(Ordering::Relaxed));
        let since = times.min().filter(|since| *since != NEVER)?;
        Some(self.opened + Duration::from_nanos(since))
    }
}

/// An answer on its way, until it is dropped.
pub(super) struct Waiting {
    since: Arc<AtomicU64>,
    windows: Arc<Http2Stalls>,
}

impl Waiting {
    /// The answer gave something, which its client is to take.
    pub(super) fn gave(&self) {
        let since = self.windows.opened.elapsed().as_nanos();
        // One below, for NEVER is none.
        let since = u64::try_from(since).unwrap_or(NEVER).min(NEVER - 1);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The answer is asked for more.
    pub(super) fn asked(&self) {
        self.since.store(NEVER, Ordering::Relaxed);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut answers = self.windows.answers();
        let at = answers
            .iter()
            .position(|since| Arc::ptr_eq(since, &self.since));
        if let Some(at) = at {
            answers.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::Http2Stalls;

    #[test]
    fn the_longest_wait_is_that_of_an_answer_that_gave_and_was_not_asked() {
        let windows = Http2Stalls::new(Instant::now());
        assert!(windows.longest().is_none());
        let first = windows.begin();
        let began = windows.longest().unwrap();
        let second = windows.begin();
        assert_eq!(windows.longest(), Some(began));
        first.asked();
        let later = windows.longest().unwrap();
        assert!(later >= began);
        second.asked();
        assert!(windows.longest().is_none(), "both have nothing to give");
        first.gave();
        assert!(windows.longest().unwrap() >= later);
        drop(first);
        assert!(windows.longest().is_none());
        drop(second);
        assert!(windows.answers().is_empty());
    }
}
