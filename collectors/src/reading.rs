//! What was read last, for scrapes that come soon after.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a figure is used again, unless said otherwise.
pub(crate) const DEFAULT_MAX_AGE: Duration = Duration::from_secs(10);

/// The last reading, and how long it is used again.
#[derive(Debug)]
pub(crate) struct Reading<T> {
    pub(crate) max_age: Duration,
    last: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self {
            max_age: DEFAULT_MAX_AGE,
            last: Mutex::default(),
        }
    }
}

impl<T> Reading<T> {
    /// The last reading if it is young enough, also for whoever asks for one of a `max_age`; otherwise a new one, which
    /// readers that come meanwhile wait for and share.
    pub(crate) fn get(&self, max_age: Option<Duration>, read: impl FnOnce() -> T) -> Arc<T> {
        self.get_at(Instant::now(), max_age, |_| true, read)
    }

    /// As [`get`](Self::get), except that a reading that is not complete is not used again.
    pub(crate) fn get_complete(
        &self,
        max_age: Option<Duration>,
        is_complete: impl Fn(&T) -> bool,
        read: impl FnOnce() -> T,
    ) -> Arc<T> {
        self.get_at(Instant::now(), max_age, is_complete, read)
    }

    fn get_at(
        &self,
        now: Instant,
        max_age: Option<Duration>,
        is_complete: impl Fn(&T) -> bool,
        read: impl FnOnce() -> T,
    ) -> Arc<T> {
        let max_age = max_age.map_or(self.max_age, |asked| asked.min(self.max_age));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let complete = last.as_ref().filter(|(_, value)| is_complete(value));
        if let Some((read_at, value)) = complete {
            // A reading that began after `now` is new enough: it was waited for.
            if now.saturating_duration_since(*read_at) < max_age || *read_at > now {
                return Arc::clone(value);
            }
        }
        // So that a reading that panics leaves nothing old behind.
        *last = None;
        let began = Instant::now().max(now);
        let value = Arc::new(read());
        *last = Some((began, Arc::clone(&value)));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_age(max_age: Duration) -> Reading<i32> {
        Reading {
            max_age,
            ..Reading::default()
        }
    }

    #[test]
    fn a_reading_is_used_again_until_it_is_old() {
        let reading = of_age(Duration::from_secs(5));
        let now = Instant::now() + Duration::from_secs(60);
        assert_eq!(*reading.get_at(now, None, |_| true, || 1), 1);
        assert_eq!(
            *reading.get_at(now + Duration::from_secs(4), None, |_| true, || 2),
            1
        );
        assert_eq!(
            *reading.get_at(now + Duration::from_secs(5), None, |_| true, || 3),
            3
        );
    }

    #[test]
    fn a_reader_may_ask_for_a_younger_one_and_for_no_older_one() {
        let reading = of_age(Duration::from_secs(5));
        let now = Instant::now() + Duration::from_secs(60);
        let get = |after, asked, value| {
            let after = now + Duration::from_secs(after);
            let asked = Some(Duration::from_secs(asked));
            *reading.get_at(after, asked, |_| true, || value)
        };
        assert_eq!(get(0, 1, 1), 1);
        assert_eq!(get(1, 2, 2), 1);
        assert_eq!(get(1, 1, 3), 3);
        assert_eq!(get(6, 100, 4), 4);
    }

    #[test]
    fn without_an_age_each_reading_is_new() {
        let reading = of_age(Duration::ZERO);
        let now = Instant::now() + Duration::from_secs(60);
        assert_eq!(*reading.get_at(now, None, |_| true, || 1), 1);
        assert_eq!(*reading.get_at(now, None, |_| true, || 2), 2);
    }

    #[test]
    fn a_reading_that_is_not_complete_is_made_again() {
        let reading = of_age(DEFAULT_MAX_AGE);
        let is_complete = |value: &i32| *value != 1;
        assert_eq!(*reading.get_complete(None, is_complete, || 1), 1);
        assert_eq!(*reading.get_complete(None, is_complete, || 2), 2);
        assert_eq!(*reading.get_complete(None, is_complete, || 3), 2);
    }
}
