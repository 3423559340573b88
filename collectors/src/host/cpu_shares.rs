//! Shares of processor time, each since an earlier reading.
//!
//! Whoever scrapes, and however often, a share is of at least the window: readings are kept for as
//! long as it lasts, and each share is since the youngest that is old enough, or since the oldest that
//! there is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Processor times are counted in ticks of 10 ms: over less, a share would be noise.
const MIN_WINDOW: Duration = Duration::from_millis(200);
/// How many readings a window is kept in.
const READINGS: u32 = 8;

/// How much time a processor has spent, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) busy: u64,
    pub(super) total: u64,
}

/// The times of each processor.
pub(super) type Processors = Vec<(String, Times)>;

#[derive(Debug)]
pub(super) struct CpuShares {
    pub(super) window: Duration,
    /// In the order of time.
    readings: VecDeque<(Instant, Processors)>,
}

impl CpuShares {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            readings: VecDeque::new(),
        }
    }

    /// The share of each processor's time that was busy before this reading. None for a processor
    /// that is new, or that has counted no time.
    pub(super) fn since_earlier(
        &mut self,
        now: Instant,
        processors: Processors,
    ) -> Vec<(String, f64)> {
        let age = |at: Instant| now.saturating_duration_since(at);
        // The second one goes where the first is not needed: that is old enough, and younger.
        while let Some((second, _)) = self.readings.get(1) {
            if age(*second) < self.window {
                break;
            }
            self.readings.pop_front();
        }
        let shares = match self.readings.front() {
            Some((at, earlier)) if age(*at) >= MIN_WINDOW => processors
                .iter()
                .filter_map(|(cpu, times)| {
                    let (_, before) = earlier.iter().find(|(other, _)| other == cpu)?;
                    Some((cpu.clone(), share(*before, *times)?))
                })
                .collect(),
            _ => Vec::new(),
        };
        let last = self.readings.back();
        if last.is_none_or(|(at, _)| age(*at) >= self.window / READINGS) {
            self.readings.push_back((now, processors));
        }
        shares
    }
}

fn share(before: Times, after: Times) -> Option<f64> {
    let total = after.total.checked_sub(before.total).filter(|t| *t > 0)?;
    // Linux lets some of the times fall a little.
    let busy = after.busy.saturating_sub(before.busy).min(total);
    Some(busy as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor that is busy from the 50th second on, read at a time in milliseconds.
    fn read(shares: &mut CpuShares, epoch: Instant, millis: u64) -> Option<f64> {
        let times = Times {
            busy: millis.saturating_sub(50_000),
            total: millis,
        };
        let now = epoch + Duration::from_millis(millis);
        let shares = shares.since_earlier(now, vec![("0".to_owned(), times)]);
        shares.first().map(|(_, share)| *share)
    }

    #[test]
    fn a_second_scraper_does_not_shorten_the_window() {
        for others_every in [1, 7, 100, 999, 3_000] {
            let mut shares = CpuShares::new(Duration::from_secs(10));
            let epoch = Instant::now();
            let mut at_its_end = None;
            for millis in 0..=60_000_u64 {
                if millis % 15_000 == 0 || millis % others_every == 0 {
                    at_its_end = read(&mut shares, epoch, millis);
                }
                let kept = shares.readings.len();
                assert!(kept <= READINGS as usize + 2, "{kept} readings are kept");
            }
            // Since the 50th second, or some time before: at most an eighth of the window, or
            // another scrape.
            let share = at_its_end.unwrap();
            assert!((0.75..=1.0).contains(&share), "{others_every}: {share}");
        }
    }

    #[test]
    fn the_window_is_as_long_as_it_says() {
        let mut shares = CpuShares::new(Duration::from_secs(10));
        let epoch = Instant::now();
        for millis in (0..=51_000).step_by(100) {
            read(&mut shares, epoch, millis);
        }
        // Since about 41 s: busy for 1 of 10 s, not for all of the time since the last reading.
        let share = read(&mut shares, epoch, 51_001).unwrap();
        assert!((0.08..=0.101).contains(&share), "{share}");
    }

    #[test]
    fn no_share_is_of_less_than_200_ms() {
        let mut shares = CpuShares::new(Duration::from_secs(10));
        let epoch = Instant::now();
        assert_eq!(read(&mut shares, epoch, 60_000), None);
        assert_eq!(read(&mut shares, epoch, 60_199), None);
        assert_eq!(read(&mut shares, epoch, 60_200), Some(1.0));
    }

    #[test]
    fn times_that_fall_give_no_nonsense() {
        let times = |busy, total| Times { busy, total };
        assert_eq!(share(times(5, 10), times(4, 20)), Some(0.0));
        assert_eq!(share(times(5, 10), times(5, 10)), None);
        assert_eq!(share(times(5, 10), times(1, 2)), None);
        assert_eq!(share(times(5, 10), times(50, 20)), Some(1.0));
    }
}
