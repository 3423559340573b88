//! What one series was, second by second: only its changes, in a few bytes each.
//!
//! Guarantees: its memory is known ([`Log::cost`]); what is older than the page shows goes.
//!
//! Costs: two to six bytes a change of a number, and for a histogram two bytes more a bucket that changed.

use std::collections::VecDeque;

/// What is written of a series at a moment.
pub(crate) trait Entry: Sized {
    fn write(&self, into: &mut VecDeque<u8>);
    fn read(from: &mut impl Iterator<Item = u8>) -> Option<Self>;
    /// Takes on what was written later, for one moment of both.
    fn merge(&mut self, later: Self);
}

/// What a gauge showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level(pub(crate) f32);

/// By how much a counter grew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Increase(pub(crate) f32);

/// By how much the buckets of a histogram grew: the index of each that did, in order, and by how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BucketIncrease(pub(crate) Vec<(u32, u64)>);

impl Entry for Level {
    fn write(&self, into: &mut VecDeque<u8>) {
        into.extend(self.0.to_le_bytes());
    }

    fn read(from: &mut impl Iterator<Item = u8>) -> Option<Self> {
        Some(Self(f32::from_le_bytes([
            from.next()?,
            from.next()?,
            from.next()?,
            from.next()?,
        ])))
    }

    fn merge(&mut self, later: Self) {
        *self = later;
    }
}

impl Entry for Increase {
    fn write(&self, into: &mut VecDeque<u8>) {
        Level(self.0).write(into);
    }

    fn read(from: &mut impl Iterator<Item = u8>) -> Option<Self> {
        Level::read(from).map(|level| Self(level.0))
    }

    fn merge(&mut self, later: Self) {
        self.0 += later.0;
    }
}

impl Entry for BucketIncrease {
    fn write(&self, into: &mut VecDeque<u8>) {
        write_number(into, self.0.len() as u64);
        for (bucket, count) in &self.0 {
            write_number(into, u64::from(*bucket));
            write_number(into, *count);
        }
    }

    fn read(from: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let changed = read_number(from)?;
        let mut buckets = Vec::with_capacity(changed.min(64) as usize);
        for _ in 0..changed {
            let bucket = u32::try_from(read_number(from)?).ok()?;
            buckets.push((bucket, read_number(from)?));
        }
        Some(Self(buckets))
    }

    fn merge(&mut self, later: Self) {
        for (bucket, count) in later.0 {
            match self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
                Err(at) => self.0.insert(at, (bucket, count)),
            }
        }
    }
}

/// Seven bits a byte, the lowest first (LEB128).
fn write_number(into: &mut VecDeque<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push_back(number as u8 | 0x80);
        number >>= 7;
    }
    into.push_back(number as u8);
}

fn read_number(from: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = from.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The changes of one series. A moment is the number of a column: a tick.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// For each entry by how many ticks it is later than the one before, and the entry.
    bytes: VecDeque<u8>,
    /// The tick that the first entry counts from.
    base: u32,
    /// The tick of the last entry.
    newest: u32,
    /// Entries up to this tick stand for so many ticks each; later ones for `step`.
    coarse_until: u32,
    coarse_step: u8,
    step: u8,
}

impl Log {
    /// One that gets an entry every so many ticks.
    pub(crate) fn with_step(step: u8) -> Self {
        Self {
            step,
            coarse_step: step,
            ..Self::default()
        }
    }

    pub(crate) fn step(&self) -> u8 {
        self.step
    }

    /// How many ticks an entry stands for.
    pub(crate) fn step_at(&self, tick: u32) -> u8 {
        if tick <= self.coarse_until {
            self.coarse_step
        } else {
            self.step
        }
    }

    /// The bytes that it takes, with what the allocator adds.
    pub(crate) fn cost(&self) -> usize {
        match self.bytes.capacity() {
            0 => 0,
            capacity => capacity + 16,
        }
    }

    /// Appends an entry. Ticks increase.
    pub(crate) fn push<E: Entry>(&mut self, tick: u32, entry: &E) {
        // An entry takes seldom more. Doubled, as by itself, half of it might be empty.
        if self.bytes.capacity() - self.bytes.len() < 16 {
            self.bytes.reserve_exact((self.bytes.len() / 4).max(48));
        }
        if self.bytes.is_empty() {
            self.base = tick;
            self.newest = tick;
        }
        write_number(&mut self.bytes, u64::from(tick.saturating_sub(self.newest)));
        entry.write(&mut self.bytes);
        self.newest = tick;
    }

    /// Removes the entries before `tick`, and shows each.
    pub(crate) fn expire<E: Entry>(&mut self, tick: u32, mut gone: impl FnMut(E)) {
        while !self.bytes.is_empty() {
            let mut bytes = self.bytes.iter().copied();
            let left = bytes.len();
            let Some(later) = read_number(&mut bytes) else {
                break;
            };
            let at = self.base.saturating_add(later as u32);
            if at >= tick {
                return;
            }
            let entry = E::read(&mut bytes);
            let used = left - bytes.len();
            self.bytes.drain(..used);
            self.base = at;
            if let Some(entry) = entry {
                gone(entry);
            }
        }
    }

    /// The entries, oldest first.
    pub(crate) fn entries<E: Entry>(&self) -> impl Iterator<Item = (u32, E)> {
        let mut bytes = self.bytes.iter().copied();
        let mut tick = self.base;
        std::iter::from_fn(move || {
            let later = read_number(&mut bytes)?;
            tick = tick.saturating_add(later as u32);
            Some((tick, E::read(&mut bytes)?))
        })
    }

    /// Gets an entry every `step` ticks from now on, at multiples of it. Finer entries are merged into such ones; to
    /// become finer is possible only where no entries of yet another step are left.
    pub(crate) fn set_step<E: Entry>(&mut self, step: u8, now: u32) {
        if step > self.step {
            let mut merged: Vec<(u32, E)> = Vec::new();
            let step_ticks = u32::from(step);
            let last = now / step_ticks * step_ticks;
            for (tick, entry) in self.entries::<E>() {
                // Those since the last multiple are put there: few, and not lost.
                let tick = (tick.div_ceil(step_ticks) * step_ticks).min(last);
                match merged.last_mut() {
                    Some((before, merging)) if *before == tick => merging.merge(entry),
                    _ => merged.push((tick, entry)),
                }
            }
            *self = Self::with_step(step);
            for (tick, entry) in &merged {
                self.push(*tick, entry);
            }
            self.bytes.shrink_to_fit();
        } else if step < self.step && self.has_one_step() {
            self.coarse_step = self.step;
            self.coarse_until = now;
            self.step = step;
        }
    }

    /// Whether all entries stand for as many ticks.
    fn has_one_step(&self) -> bool {
        self.coarse_step == self.step || self.bytes.is_empty() || self.base > self.coarse_until
    }
}

#[cfg(test)]
mod tests {
    use super::{BucketIncrease, Entry, Increase, Level, Log};

    fn all<E: Entry>(log: &Log) -> Vec<(u32, E)> {
        log.entries().collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let mut log = Log::with_step(1);
        let entries = [(5, 1.5), (6, f32::INFINITY), (400, -3.0)];
        for (tick, value) in entries {
            log.push(tick, &Level(value));
        }
        let expected = entries.map(|(tick, value)| (tick, Level(value)));
        assert_eq!(all::<Level>(&log), expected);
        let mut log = Log::with_step(1);
        let large = BucketIncrease(vec![(0, 1), (11, u64::MAX), (1000, 300)]);
        log.push(7, &large);
        log.push(8, &BucketIncrease::default());
        assert_eq!(all(&log), [(7, large), (8, BucketIncrease::default())]);
    }

    #[test]
    fn old_entries_go_and_are_shown() {
        let mut log = Log::with_step(1);
        for tick in 1..=1000 {
            log.push(tick, &Increase(tick as f32));
            let mut gone = Vec::new();
            log.expire(tick.saturating_sub(9), |entry: Increase| gone.push(entry.0));
            assert_eq!(gone, (tick > 10).then(|| (tick - 10) as f32).as_slice());
        }
        let ticks: Vec<u32> = log.entries::<Increase>().map(|(tick, _)| tick).collect();
        assert_eq!(ticks, (991..=1000).collect::<Vec<_>>());
        assert!(log.cost() < 200, "{}", log.cost());
        log.expire(5000, |_: Increase| {});
        assert_eq!(all::<Increase>(&log), []);
    }

    #[test]
    fn coarser_entries_hold_the_same() {
        let mut log = Log::with_step(1);
        for tick in 1..=25 {
            log.push(tick, &Increase(1.0));
        }
        let before = log.cost();
        log.set_step::<Increase>(10, 25);
        assert_eq!(all(&log), [(10, Increase(10.0)), (20, Increase(15.0))]);
        assert!(log.cost() < before);
        let mut buckets = BucketIncrease(vec![(1, 2), (5, 1)]);
        buckets.merge(BucketIncrease(vec![(0, 1), (5, 3)]));
        assert_eq!(buckets.0, [(0, 1), (1, 2), (5, 4)]);
    }

    #[test]
    fn entries_tell_what_they_stand_for_also_once_they_are_finer_again() {
        let mut log = Log::with_step(10);
        log.push(10, &Level(1.0));
        log.set_step::<Level>(1, 15);
        log.push(16, &Level(2.0));
        assert_eq!((log.step_at(10), log.step_at(16)), (10, 1));
        log.set_step::<Level>(10, 17);
        assert_eq!(all(&log), [(10, Level(2.0))]);
        log.set_step::<Level>(60, 17);
        assert_eq!(log.step(), 60);
        log.push(60, &Level(1.0));
        log.set_step::<Level>(10, 61);
        log.set_step::<Level>(1, 61);
        assert_eq!(log.step(), 10, "entries of 60 ticks are there still");
        log.expire(500, |_: Level| {});
        log.set_step::<Level>(1, 500);
        assert_eq!(log.step(), 1);
    }
}
