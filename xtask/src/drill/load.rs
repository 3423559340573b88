//! Clients that go on until they are stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};

/// The longest sleep, so that an end is soon.
const PIECE: Duration = Duration::from_millis(100);

/// Threads that each do the same again and again. Dropped, they end after what they are doing.
pub(super) struct Load {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    /// `client` gives each thread what it does, which is done with a `pause` after each time. An error ends the thread.
    pub(super) fn start<Once>(threads: usize, pause: Duration, client: impl Fn() -> Once) -> Self
    where
        Once: FnMut() -> Result<()> + Send + 'static,
    {
        let ended = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let ended = Arc::clone(&ended);
            let mut once = client();
            thread::spawn(move || {
                loop {
                    once()?;
                    let mut left = pause;
                    while !left.is_zero() && !ended.load(Ordering::Relaxed) {
                        let piece = left.min(PIECE);
                        thread::sleep(piece);
                        left -= piece;
                    }
                    if ended.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                }
            })
        };
        Self {
            threads: (0..threads).map(start).collect(),
            ended,
        }
    }

    /// Ends them, with the first error of one of them.
    pub(super) fn end(mut self) -> Result<()> {
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        let mut outcome = Ok(());
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            let ended = ended.unwrap_or_else(|_| Err(anyhow!("a client of the drill panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Whoever wants the error calls `end`.
        let _ = self.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn goes_on_until_it_is_ended() {
        let count = Arc::new(AtomicU32::new(0));
        let load = Load::start(2, Duration::from_millis(1), || {
            let count = Arc::clone(&count);
            move || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        });
        while count.load(Ordering::Relaxed) < 10 {
            thread::sleep(Duration::from_millis(1));
        }
        load.end().unwrap();
        let ended = count.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(count.load(Ordering::Relaxed), ended);
    }

    #[test]
    fn tells_the_error_of_a_client() {
        let load = Load::start(1, Duration::ZERO, || || Err(anyhow!("no answer")));
        assert_eq!(load.end().unwrap_err().to_string(), "no answer");
    }
}
