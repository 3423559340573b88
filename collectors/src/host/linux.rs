//! The processors' times, from `/proc/stat`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cpu_shares::{CpuShares, Processors as Reading, Times};
use crate::held_file::HeldFile;

#[derive(Debug)]
pub(super) struct Processors {
    stat: HeldFile,
    shares: Mutex<CpuShares>,
}

impl Processors {
    pub(super) fn new(window: Duration) -> Self {
        let processors = Self {
            stat: HeldFile::new("/proc/stat"),
            shares: Mutex::new(CpuShares::new(window)),
        };
        processors.shares();
        processors
    }

    pub(super) fn set_window(&mut self, window: Duration) {
        let shares = self.shares.get_mut();
        shares.unwrap_or_else(PoisonError::into_inner).window = window;
    }

    pub(super) fn shares(&self) -> Vec<(String, f64)> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        match self.stat.read(parse) {
            Some(times) => shares.since_earlier(Instant::now(), times),
            None => Vec::new(),
        }
    }
}

/// `None` where there is no processor.
fn parse(content: &[u8]) -> Option<Reading> {
    let text = std::str::from_utf8(content).ok()?;
    let processors: Reading = text
        .lines()
        .map_while(|line| parse_line(line.strip_prefix("cpu")?))
        .collect();
    (!processors.is_empty()).then_some(processors)
}

/// What comes behind `cpu`: a number, or nothing for all; then user, nice, system, idle, iowait, irq,
/// softirq and steal, in ticks. The time of guests, behind them, is in user and nice already.
fn parse_line(line: &str) -> Option<(String, Times)> {
    let (number, times) = line.split_once(' ')?;
    let times: Vec<u64> = times
        .split_ascii_whitespace()
        .take(8)
        .map_while(|time| time.parse().ok())
        .collect();
    let idle = times.get(3)? + times.get(4).unwrap_or(&0);
    let total = times.iter().sum::<u64>();
    let cpu = match number {
        "" => "total",
        number => number,
    };
    let times = Times {
        busy: total - idle,
        total,
    };
    Some((cpu.to_owned(), times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_with_their_numbers() {
        let content = b"cpu  30 1 20 100 10 2 3 4 5 6\n\
            cpu0 10 1 10 50 5 1 1 1 0 0\n\
            cpu3 20 0 10 50 5 1 2 3 5 6\n\
            intr 12 cpu\nbtime 5\n";
        let times = |busy, total| Times { busy, total };
        let expected = [
            ("total".to_owned(), times(60, 170)),
            ("0".to_owned(), times(24, 79)),
            ("3".to_owned(), times(36, 91)),
        ];
        assert_eq!(parse(content).unwrap(), expected);
        assert_eq!(parse(b"intr 1\n"), None);
        assert_eq!(parse(b""), None);
    }
}
