//! Cells are used again whoever drops the last handle: instruments are made by some threads,
//! recorded in by others, and dropped by whichever comes last. Each starts at zero and ends with
//! what was recorded in it; no count gets into the next one.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tallied::{Counter, Histogram, UpDownCounter};

const INSTRUMENTS: u64 = 6_000;
/// Different for each stage, so that a wrong total says whose recording it is.
const BY_MAKER: u64 = 1;
const BY_RECORDER: u64 = 1_000;
const BY_DROPPER: u64 = 1_000_000;

#[derive(Clone)]
struct Instruments {
    counter: Counter,
    up_down: UpDownCounter,
    histogram: Histogram,
}

impl Instruments {
    fn new() -> Self {
        let made = Self {
            counter: Counter::default(),
            up_down: UpDownCounter::default(),
            histogram: Histogram::new([1.0, 1_000.0]).unwrap(),
        };
        made.assert_holds([0, 0, 0]);
        made
    }

    /// One of the three amounts above.
    fn record(&self, amount: u64) {
        self.counter.inc_by(amount);
        self.up_down.dec_by(amount);
        self.histogram.observe(amount as f64);
    }

    /// Fails where anything else was recorded than each amount so often.
    #[track_caller]
    fn assert_holds(&self, times: [u64; 3]) {
        let total = times[0] * BY_MAKER + times[1] * BY_RECORDER + times[2] * BY_DROPPER;
        assert_eq!(self.counter.get(), total);
        assert_eq!(self.up_down.get(), -(total as i64));
        let seen = self.histogram.get();
        assert_eq!(seen.buckets, times);
        assert_eq!(seen.count, times.iter().sum::<u64>());
        assert_eq!(seen.sum, total as f64);
    }
}

/// Clones that a thread drops a while later: sometimes the last of their instruments.
struct Kept(VecDeque<Instruments>);

impl Kept {
    fn keep(&mut self, n: u64, instruments: &Instruments) {
        // Every second one, for 0 to 15 further ones.
        if n % 2 == 0 {
            self.0.push_back(instruments.clone());
        }
        while self.0.len() as u64 > n % 16 {
            self.0.pop_front();
        }
    }
}

fn make(to: &Sender<Instruments>) {
    let mut kept = Kept(VecDeque::new());
    for n in 0..INSTRUMENTS {
        let made = Instruments::new();
        made.record(BY_MAKER);
        kept.keep(n, &made);
        to.send(made).unwrap();
    }
}

fn record(from: &Receiver<Instruments>, to: &Sender<Instruments>) {
    let mut kept = Kept(VecDeque::new());
    for (n, instruments) in (0..).zip(from) {
        instruments.record(BY_RECORDER);
        instruments.record(BY_RECORDER);
        kept.keep(n, &instruments);
        to.send(instruments).unwrap();
    }
}

fn check_and_drop(from: &Receiver<Instruments>) -> u64 {
    let mut dropped = 0;
    for instruments in from {
        instruments.assert_holds([1, 2, 0]);
        instruments.record(BY_DROPPER);
        instruments.assert_holds([1, 2, 1]);
        dropped += 1;
    }
    dropped
}

#[test]
fn the_last_handle_may_be_dropped_by_anybody() {
    const LINES: u64 = 2;
    let dropped: u64 = thread::scope(|scope| {
        let lines: Vec<_> = (0..LINES)
            .map(|_| {
                let (to_recorder, to_record) = channel();
                let (to_dropper, to_drop) = channel();
                scope.spawn(move || make(&to_recorder));
                scope.spawn(move || record(&to_record, &to_dropper));
                scope.spawn(move || check_and_drop(&to_drop))
            })
            .collect();
        lines.into_iter().map(|line| line.join().unwrap()).sum()
    });
    assert_eq!(dropped, LINES * INSTRUMENTS);
}
