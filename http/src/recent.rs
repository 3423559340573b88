//! The last requests that failed, and the slowest ones: for people who look.
//!
//! Guarantees: a bounded number of each; nothing of a request but its method, its endpoint, and how it ended: never
//! a body, a query or a header's value.
//!
//! Costs: a request that neither failed nor is slow reads two words that seldom change. One that failed, or that may be
//! among the slowest, takes a lock for some tens of nanoseconds.
//!
//! The slowest are kept in two halves of five minutes each: a new half begins empty, and so takes requests that the
//! last one would have found too fast.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The most of each.
const KEPT: usize = 20;

/// After this time the slowest requests begin anew.
const HALF: Duration = Duration::from_secs(5 * 60);

/// A request that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecentRequest {
    /// When it ended, by the system's clock.
    pub time: SystemTime,
    /// As in the label `method`.
    pub method: &'static str,
    /// As in the label `endpoint`.
    pub endpoint: &'static str,
    /// The status that was sent; `None` where the request ended before there was one.
    pub status: Option<http::StatusCode>,
    /// As in the label `reason` of `http_requests_aborted_total`; `None` for a request that got its whole answer.
    pub aborted: Option<&'static str>,
    /// From its head to the end of the response.
    pub duration: Duration,
    /// Size of the response's body, as far as it was sent.
    pub bytes: u64,
}

/// What [`HttpMetrics::recent`](crate::HttpMetrics::recent) gives.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Recent {
    /// Requests that were answered with 5xx or aborted, newest first.
    pub errors: Vec<RecentRequest>,
    /// The slowest requests of the last five to ten minutes, slowest first.
    pub slowest: Vec<RecentRequest>,
}

/// Takes them as they are recorded.
#[derive(Debug)]
pub(crate) struct RecentRequests {
    epoch: Instant,
    /// A request that took longer, in nanoseconds, may be among the slowest. Only a hint: the lock decides.
    threshold: AtomicU64,
    /// When the half ends, in nanoseconds since the epoch: then any request may be.
    half_ends: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// Oldest first.
    errors: VecDeque<RecentRequest>,
    /// Slowest first.
    slowest: Vec<RecentRequest>,
    /// Those of the half before.
    before: Vec<RecentRequest>,
    half_began: Instant,
}

impl Default for RecentRequests {
    fn default() -> Self {
        let epoch = Instant::now();
        Self {
            epoch,
            threshold: AtomicU64::new(0),
            half_ends: AtomicU64::new(nanoseconds(HALF)),
            kept: Mutex::new(Kept {
                errors: VecDeque::new(),
                slowest: Vec::new(),
                before: Vec::new(),
                half_began: epoch,
            }),
        }
    }
}

impl RecentRequests {
    /// Whether it is worth a lock.
    #[inline]
    pub(crate) fn may_be_slowest(&self, ended: Instant, time: Duration) -> bool {
        // Relaxed: the lock decides, so that a late look costs a lock or a request among the slowest.
        nanoseconds(time) > self.threshold.load(Ordering::Relaxed)
            || nanoseconds(ended.saturating_duration_since(self.epoch))
                > self.half_ends.load(Ordering::Relaxed)
    }

    /// Keeps a request that failed, or that is among the slowest.
    #[cold]
    pub(crate) fn take(
        &self,
        ended: Instant,
        time: Duration,
        failed: bool,
        request: impl FnOnce(SystemTime) -> RecentRequest,
    ) {
        let request = request(SystemTime::now());
        let mut kept = self.lock();
        if failed {
            if kept.errors.len() == KEPT {
                kept.errors.pop_front();
            }
            kept.errors.push_back(request.clone());
        }
        self.begin_half_if_due(&mut kept, ended);
        let at = kept
            .slowest
            .partition_point(|slower| slower.duration >= time);
        if at < KEPT {
            kept.slowest.truncate(KEPT - 1);
            kept.slowest.insert(at, request);
        }
        if let Some(last) = kept.slowest.get(KEPT - 1) {
            let threshold = nanoseconds(last.duration);
            self.threshold.store(threshold, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Recent {
        self.read_at(Instant::now())
    }

    fn read_at(&self, now: Instant) -> Recent {
        let mut kept = self.lock();
        self.begin_half_if_due(&mut kept, now);
        let mut slowest = kept.slowest.clone();
        slowest.extend_from_slice(&kept.before);
        let errors = kept.errors.iter().rev().cloned().collect();
        drop(kept);
        slowest.sort_by_key(|request| std::cmp::Reverse(request.duration));
        slowest.truncate(KEPT);
        Recent { errors, slowest }
    }

    fn begin_half_if_due(&self, kept: &mut Kept, now: Instant) {
        let age = now.saturating_duration_since(kept.half_began);
        if age < HALF {
            return;
        }
        let ended = std::mem::take(&mut kept.slowest);
        // What ended before the half that nobody recorded in is too old.
        kept.before = if age < 2 * HALF { ended } else { Vec::new() };
        kept.half_began = now;
        let ends = now.saturating_duration_since(self.epoch) + HALF;
        self.threshold.store(0, Ordering::Relaxed);
        self.half_ends.store(nanoseconds(ends), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some 584 years at most.
fn nanoseconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(time.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use super::{HALF, KEPT, RecentRequest, RecentRequests};

    fn record(recent: &RecentRequests, ended: Instant, millis: u64, failed: bool) -> bool {
        let time = Duration::from_millis(millis);
        let taken = failed || recent.may_be_slowest(ended, time);
        if taken {
            recent.take(ended, time, failed, |time_of_day| RecentRequest {
                time: time_of_day,
                method: "GET",
                endpoint: "/",
                status: None,
                aborted: None,
                duration: time,
                bytes: 0,
            });
        }
        taken
    }

    fn slowest(recent: &RecentRequests, now: Instant) -> Vec<u64> {
        let slowest = recent.read_at(now).slowest;
        let millis = slowest
            .iter()
            .map(|request| request.duration.as_millis() as u64);
        millis.collect()
    }

    #[test]
    fn the_slowest_are_kept_and_the_others_take_no_lock() {
        let recent = RecentRequests::default();
        let now = recent.epoch;
        for millis in (1..=100).rev().chain(1..=100) {
            record(&recent, now, millis, false);
        }
        let expected: Vec<u64> = (91..=100).rev().flat_map(|millis| [millis; 2]).collect();
        assert_eq!(slowest(&recent, now), expected);
        assert!(
            !record(&recent, now, 91, false),
            "as fast as the fastest kept"
        );
        assert!(record(&recent, now, 92, false));
        assert_eq!(slowest(&recent, now).len(), KEPT);
    }

    #[test]
    fn slow_requests_of_long_ago_make_room() {
        let recent = RecentRequests::default();
        let mut now = recent.epoch;
        for _ in 0..KEPT {
            record(&recent, now, 5_000, false);
        }
        assert!(!record(&recent, now + HALF / 2, 10, false));
        now += HALF + Duration::from_secs(1);
        assert!(record(&recent, now, 10, false), "a new half has begun");
        assert_eq!(slowest(&recent, now)[0], 5_000, "the half before is shown");
        now += HALF + Duration::from_secs(1);
        record(&recent, now, 20, false);
        assert_eq!(slowest(&recent, now), [20, 10]);
        assert_eq!(slowest(&recent, now + 3 * HALF), [0_u64; 0]);
    }

    #[test]
    fn the_last_errors_are_kept() {
        let recent = RecentRequests::default();
        let before = SystemTime::now();
        for millis in 1..=30 {
            assert!(record(&recent, recent.epoch, millis, true));
        }
        let errors = recent.read_at(recent.epoch).errors;
        assert_eq!(errors.len(), KEPT);
        assert_eq!(errors[0].duration.as_millis(), 30);
        assert_eq!(errors[KEPT - 1].duration.as_millis(), 11);
        assert!(errors[0].time >= before);
    }
}
