//! Waiting for something to become true, with a deadline and an ear for Ctrl-C.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt;

/// Short enough not to be felt, long enough to leave the two cores of a CI machine alone.
const PAUSE: Duration = Duration::from_millis(20);

/// What one try found.
#[derive(Debug)]
pub enum Try<T> {
    /// What was waited for.
    Done(T),
    /// Not yet, and what was seen instead: the error at the deadline says so.
    NotYet(String),
}

/// Tries until it is done, fails, or the time is over.
pub fn until<T>(
    what: &str,
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<Try<T>>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        interrupt::check()?;
        match attempt()? {
            Try::Done(value) => return Ok(value),
            Try::NotYet(seen) if Instant::now() >= deadline => {
                bail!("waited {timeout:?} for {what}; seen instead: {seen}")
            }
            Try::NotYet(_) => thread::sleep(PAUSE),
        }
    }
}

/// Sleeps in short pieces, so that Ctrl-C is heard.
pub fn sleep_until(end: Instant) -> Result<()> {
    loop {
        interrupt::check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found() {
        let mut tries = 0;
        let found = until("three tries", Duration::from_secs(5), || {
            tries += 1;
            Ok(if tries == 3 {
                Try::Done(tries)
            } else {
                Try::NotYet(tries.to_string())
            })
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn the_deadline_names_what_was_seen() {
        let outcome = until::<()>("the moon", Duration::ZERO, || {
            Ok(Try::NotYet("clouds".to_owned()))
        });
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "waited 0ns for the moon; seen instead: clouds"
        );
    }
}
