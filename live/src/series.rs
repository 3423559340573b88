//! One series of the registry as the page knows it: its last value, and its log.

use tallied::{Buckets, Value};

use crate::log::{BucketIncrease, Entry, Increase, Level, Log};

/// For a series of no endpoint.
pub(crate) const NO_ENDPOINT: u32 = u32::MAX;

/// How long a series counts as busy after it changed: its business halves in so many readings.
const HALF_LIFE: f32 = 30.0;

/// A series.
#[derive(Debug)]
pub(crate) struct Series {
    /// The hash of its labels.
    pub(crate) key: u64,
    /// Its labels, cut.
    pub(crate) labels: Box<str>,
    pub(crate) endpoint: u32,
    /// Where requests are counted by status, which one this is; else 0.
    pub(crate) status: u16,
    /// How much happens to it; 0 for one that has not changed for long.
    pub(crate) busy: f32,
    /// What a gauge showed before the first entry of its log.
    floor: f32,
    /// The tick from which on it is known.
    since: u32,
    pub(crate) last: Last,
    history: Option<Box<History>>,
    /// It is logged every so many ticks; 0 is never.
    step: u8,
}

/// What a series was.
#[derive(Debug)]
struct History {
    log: Log,
    /// What has changed since the last time that it was logged.
    held: Change,
}

/// What a series held when it was read last.
#[derive(Debug)]
pub(crate) enum Last {
    Level(f64),
    Total(f64),
    Buckets(Box<Counts>),
}

/// A histogram.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) bounds: Buckets,
    pub(crate) buckets: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

/// What a reading is for a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The first one, or the first one since nobody looked: nothing has grown since a known moment.
    Baseline,
    /// The series is new in a family that was read a moment ago: all that it holds is of this moment.
    New,
    /// As before, a moment later.
    Next,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    None,
    Level,
    Increase(f64),
    Buckets(BucketIncrease),
}

impl Change {
    fn merge(&mut self, later: &Self) {
        match (&mut *self, later) {
            (_, Self::None) => {}
            (Self::Increase(increase), Self::Increase(more)) => *increase += more,
            (Self::Buckets(buckets), Self::Buckets(more)) => buckets.merge(more.clone()),
            (held, later) => *held = later.clone(),
        }
    }
}

impl Last {
    fn of(value: &Value) -> Self {
        match value {
            Value::Counter(total) => Self::Total(*total as f64),
            Value::FloatCounter(total) => Self::Total(*total),
            Value::IntegerGauge(level) => Self::Level(*level as f64),
            Value::UnsignedGauge(level) => Self::Level(*level as f64),
            Value::FloatGauge(level) => Self::Level(*level),
            Value::Histogram(histogram) => Self::Buckets(Box::new(Counts {
                bounds: histogram.bounds.clone(),
                buckets: histogram.buckets.clone(),
                sum: histogram.sum,
                count: histogram.count,
            })),
            _ => Self::Level(f64::NAN),
        }
    }

    /// Nothing yet, of the kind of this value.
    fn zero(value: &Value) -> Self {
        match Self::of(value) {
            Self::Level(_) => Self::Level(0.0),
            Self::Total(_) => Self::Total(0.0),
            Self::Buckets(mut counts) => {
                counts.buckets.fill(0);
                (counts.sum, counts.count) = (0.0, 0);
                Self::Buckets(counts)
            }
        }
    }

    /// Takes on a later value, and says what has changed. A total that has shrunk was reset, and then it has grown
    /// from zero.
    fn change(&mut self, value: &Value) -> Change {
        if let (Self::Buckets(last), Value::Histogram(now)) = (&mut *self, value) {
            let comparable = last.buckets.len() == now.buckets.len() && last.bounds == now.bounds;
            let pairs = || last.buckets.iter().zip(&now.buckets);
            let reset = !comparable || pairs().any(|(last, now)| now < last);
            let increases = now.buckets.iter().enumerate().filter_map(|(at, now)| {
                let before = if reset { 0 } else { last.buckets[at] };
                let increase = now - before;
                (increase > 0).then_some((at as u32, increase))
            });
            let increases: Vec<_> = increases.collect();
            if !comparable {
                last.bounds = now.bounds.clone();
            }
            last.buckets.clone_from(&now.buckets);
            (last.sum, last.count) = (now.sum, now.count);
            return match increases.is_empty() {
                true => Change::None,
                false => Change::Buckets(BucketIncrease(increases)),
            };
        }
        let now = Self::of(value);
        let change = match (&*self, &now) {
            (Self::Level(last), Self::Level(now)) if last.to_bits() == now.to_bits() => {
                Change::None
            }
            (_, Self::Level(_)) => Change::Level,
            (Self::Total(last), Self::Total(now)) => {
                let increase = if now < last { *now } else { now - last };
                if increase > 0.0 {
                    Change::Increase(increase)
                } else {
                    Change::None
                }
            }
            // Another kind under the same name: nothing is known of its growth.
            _ => Change::None,
        };
        *self = now;
        change
    }
}

impl Series {
    pub(crate) fn new(key: u64, labels: &str, endpoint: u32, value: &Value, tick: u32) -> Self {
        let last = Last::zero(value);
        Self {
            key,
            labels: labels.into(),
            endpoint,
            status: 0,
            busy: 0.0,
            floor: f32::NAN,
            since: tick,
            last,
            history: None,
            step: 1,
        }
    }

    /// Takes on what was read, and logs what has changed, at its step.
    pub(crate) fn read(&mut self, value: &Value, tick: u32, reading: Reading) -> Change {
        let mut change = self.last.change(value);
        if let (Last::Level(level), true) = (&self.last, reading != Reading::Next) {
            if self.history.is_none() {
                self.floor = *level as f32;
                change = Change::None;
            }
        }
        if reading == Reading::Baseline && change != Change::Level {
            change = Change::None;
        }
        self.busy *= 1.0 - std::f32::consts::LN_2 / HALF_LIFE;
        let much = match &change {
            Change::None => 0.0,
            Change::Level => 1.0,
            Change::Increase(increase) => 1.0 + (1.0 + increase).ln() as f32,
            Change::Buckets(buckets) => {
                let all: u64 = buckets.0.iter().map(|(_, count)| *count).sum();
                1.0 + (1.0 + all as f64).ln() as f32
            }
        };
        self.busy += much;
        if self.busy < 0.1 {
            self.busy = 0.0;
        }
        self.log_change(&change, tick);
        change
    }

    /// Whether the series is to be logged at this tick.
    fn is_due(&self, tick: u32) -> bool {
        self.step <= 1 || tick % u32::from(self.step) == 0
    }

    fn log_change(&mut self, change: &Change, tick: u32) {
        if self.step == 0 {
            if let Last::Level(level) = &self.last {
                self.floor = *level as f32;
            }
            return;
        }
        if *change == Change::None && self.history.is_none() {
            return;
        }
        let is_due = self.is_due(tick);
        let step = self.step;
        let history = self.history.get_or_insert_with(|| {
            Box::new(History {
                log: Log::with_step(step),
                held: Change::None,
            })
        });
        if !is_due {
            history.held.merge(change);
            return;
        }
        let mut all = std::mem::replace(&mut history.held, Change::None);
        all.merge(change);
        match (&all, &self.last) {
            (Change::None, _) => {}
            (Change::Level, Last::Level(level)) => {
                history.log.push(tick, &Level(*level as f32));
            }
            (Change::Level, _) => {}
            (Change::Increase(increase), _) => {
                history.log.push(tick, &Increase(*increase as f32));
            }
            (Change::Buckets(buckets), _) => history.log.push(tick, buckets),
        }
    }

    /// Forgets what was before `tick`, and shows what a histogram had.
    pub(crate) fn expire(&mut self, tick: u32, gone: impl FnMut(BucketIncrease)) {
        let Some(history) = &mut self.history else {
            return;
        };
        match &self.last {
            Last::Level(_) => {
                let floor = &mut self.floor;
                history.log.expire(tick, |level: Level| *floor = level.0);
            }
            Last::Total(_) => history.log.expire(tick, |_: Increase| {}),
            Last::Buckets(_) => history.log.expire(tick, gone),
        }
    }

    pub(crate) fn step(&self) -> u8 {
        self.step
    }

    /// Is logged every so many ticks from now on; 0 is never. Shows what a histogram had, when its log goes.
    pub(crate) fn set_step(&mut self, step: u8, now: u32, mut gone: impl FnMut(BucketIncrease)) {
        if step == 0 {
            self.expire(u32::MAX, &mut gone);
            if let Last::Level(level) = &self.last {
                self.floor = *level as f32;
            }
            if let Some(Change::Buckets(held)) = self.history.take().map(|history| history.held) {
                gone(held);
            }
            self.step = 0;
            return;
        }
        let Some(history) = &mut self.history else {
            self.step = step;
            return;
        };
        match &self.last {
            Last::Level(_) => history.log.set_step::<Level>(step, now),
            Last::Total(_) => history.log.set_step::<Increase>(step, now),
            Last::Buckets(_) => history.log.set_step::<BucketIncrease>(step, now),
        }
        self.step = history.log.step();
    }

    /// The bytes that it takes without its log, with what the allocator adds.
    pub(crate) fn fixed_cost(&self) -> usize {
        let last = match &self.last {
            Last::Buckets(counts) => size_of::<Counts>() + 32 + 8 * counts.buckets.capacity(),
            _ => 0,
        };
        let labels = if self.labels.is_empty() {
            0
        } else {
            self.labels.len() + 16
        };
        size_of::<Self>() + labels + last
    }

    /// The bytes that its log takes.
    pub(crate) fn log_cost(&self) -> usize {
        self.history.as_ref().map_or(0, |history| {
            let held = match &history.held {
                Change::Buckets(held) => 16 + held.0.capacity() * size_of::<(u32, u64)>(),
                _ => 0,
            };
            size_of::<History>() + 16 + history.log.cost() + held
        })
    }

    /// The bytes that an entry takes, about.
    pub(crate) fn entry_cost(&self) -> usize {
        match &self.last {
            Last::Buckets(counts) => 2 + 3 * counts.buckets.len().min(6),
            _ => 6,
        }
    }

    /// One number a column: of a gauge its level, of a counter by how much it grew in a second, of a histogram how many
    /// observations a second. `None` where it was not known.
    pub(crate) fn history(&self, columns: &[Moment]) -> Vec<Option<f64>> {
        match &self.last {
            Last::Level(_) => self.levels(columns),
            Last::Total(_) => self.rates(columns, |increase: Increase| f64::from(increase.0)),
            Last::Buckets(_) => self.rates(columns, |buckets: BucketIncrease| {
                buckets.0.iter().map(|(_, count)| *count as f64).sum()
            }),
        }
    }

    fn levels(&self, columns: &[Moment]) -> Vec<Option<f64>> {
        let mut entries = self
            .history
            .iter()
            .flat_map(|history| history.log.entries::<Level>());
        let mut next = entries.next();
        let mut level = self.floor;
        let levels = columns.iter().map(|column| {
            while let Some((tick, entry)) = next {
                if tick > column.tick {
                    break;
                }
                level = entry.0;
                next = entries.next();
            }
            (column.tick >= self.since).then_some(f64::from(level))
        });
        levels.collect()
    }

    fn rates<E: Entry>(&self, columns: &[Moment], amount: impl Fn(E) -> f64) -> Vec<Option<f64>> {
        let mut rates: Vec<_> = columns
            .iter()
            .map(|column| (self.step != 0 && column.tick >= self.since).then_some(0.0))
            .collect();
        self.each_entry(columns, |covered, entry: E| {
            let seconds: f64 = columns[covered.clone()].iter().map(|c| c.seconds).sum();
            let rate = amount(entry) / seconds;
            for column in covered {
                rates[column] = Some(rates[column].unwrap_or(0.0) + rate);
            }
        });
        rates
    }

    /// Adds the increases of a histogram's buckets to the columns that each stands for; an entry of several columns
    /// to the last of them.
    pub(crate) fn add_buckets(
        &self,
        columns: &[Moment],
        mut add: impl FnMut(usize, &BucketIncrease),
    ) {
        if let Last::Buckets(_) = self.last {
            self.each_entry(columns, |covered, entry: BucketIncrease| {
                add(covered.end - 1, &entry);
            });
        }
    }

    fn each_entry<E: Entry>(
        &self,
        columns: &[Moment],
        mut each: impl FnMut(std::ops::Range<usize>, E),
    ) {
        let Some(history) = &self.history else {
            return;
        };
        let log = &history.log;
        for (tick, entry) in log.entries::<E>() {
            let step = u32::from(log.step_at(tick));
            let begin = columns.partition_point(|column| column.tick + step <= tick);
            let end = columns.partition_point(|column| column.tick <= tick);
            if begin < end {
                each(begin..end, entry);
            }
        }
    }
}

/// A column of the page: its number, and how many seconds it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) tick: u32,
    pub(crate) seconds: f64,
}

#[cfg(test)]
mod tests {
    use tallied::{Buckets, HistogramSnapshot, Value};

    use super::{Change, Moment, NO_ENDPOINT, Reading, Series};
    use crate::log::BucketIncrease;

    fn columns(ticks: std::ops::RangeInclusive<u32>) -> Vec<Moment> {
        let seconds = 1.0;
        ticks.map(|tick| Moment { tick, seconds }).collect()
    }

    fn series(value: &Value) -> Series {
        Series::new(0, "", NO_ENDPOINT, value, 1)
    }

    fn histogram(buckets: [u64; 3]) -> Value {
        let bounds = Buckets::new([1.0, 2.0]).unwrap();
        Value::Histogram(HistogramSnapshot::new(bounds, buckets.to_vec(), 0.0).unwrap())
    }

    #[test]
    fn a_counter_that_is_reset_grows_from_zero() {
        let mut counter = series(&Value::Counter(7));
        let changes = [
            (7, Reading::Baseline, Change::None),
            (9, Reading::Next, Change::Increase(2.0)),
            (9, Reading::Next, Change::None),
            (3, Reading::Next, Change::Increase(3.0)),
            (8, Reading::Baseline, Change::None),
        ];
        for (tick, (total, reading, change)) in (1..).zip(changes) {
            assert_eq!(counter.read(&Value::Counter(total), tick, reading), change);
        }
        let history = counter.history(&columns(1..=5));
        assert_eq!(history, [0.0, 2.0, 0.0, 3.0, 0.0].map(Some));
        let mut new = series(&Value::Counter(5));
        assert_eq!(
            new.read(&Value::Counter(5), 1, Reading::New),
            Change::Increase(5.0)
        );
    }

    #[test]
    fn a_histogram_that_is_reset_grows_from_zero() {
        let mut series = series(&histogram([1, 2, 3]));
        assert_eq!(
            series.read(&histogram([1, 2, 3]), 1, Reading::Baseline),
            Change::None
        );
        let grown = series.read(&histogram([1, 4, 4]), 2, Reading::Next);
        assert_eq!(grown, Change::Buckets(BucketIncrease(vec![(1, 2), (2, 1)])));
        // One bucket has shrunk: all of it is new.
        let reset = series.read(&histogram([5, 1, 0]), 3, Reading::Next);
        assert_eq!(reset, Change::Buckets(BucketIncrease(vec![(0, 5), (1, 1)])));
        assert_eq!(series.history(&columns(1..=3)), [0.0, 3.0, 6.0].map(Some));
    }

    #[test]
    fn a_gauge_keeps_its_level_between_changes() {
        let mut gauge = series(&Value::FloatGauge(4.0));
        for (tick, level, reading) in [
            (2, 4.0, Reading::Baseline),
            (2, 4.0, Reading::Next),
            (3, 4.0, Reading::Next),
            (4, f64::INFINITY, Reading::Next),
            (5, f64::INFINITY, Reading::Next),
            (6, 1.0, Reading::Next),
            // Nobody looked; then the next column is 7.
            (7, 2.0, Reading::Baseline),
            (7, 2.0, Reading::Next),
        ] {
            gauge.read(&Value::FloatGauge(level), tick, reading);
        }
        let infinite = f64::INFINITY;
        let levels = [4.0, 4.0, 4.0, infinite, infinite, 1.0, 2.0].map(Some);
        assert_eq!(gauge.history(&columns(1..=7)), levels);
        gauge.expire(6, |_| {});
        assert_eq!(gauge.history(&columns(5..=7))[0], Some(infinite));
        gauge.expire(9, |_| {});
        assert_eq!(gauge.history(&columns(8..=9)), [Some(2.0), Some(2.0)]);
        gauge.read(&Value::FloatGauge(f64::NAN), 9, Reading::Next);
        assert!(gauge.history(&columns(9..=9))[0].is_some_and(f64::is_nan));
        let nan = Value::FloatGauge(f64::NAN);
        assert_eq!(gauge.read(&nan, 10, Reading::Next), Change::None);
    }

    #[test]
    fn a_thinned_counter_has_the_same_total() {
        let mut counter = series(&Value::Counter(0));
        counter.read(&Value::Counter(0), 1, Reading::Baseline);
        for tick in 2..=20 {
            counter.read(&Value::Counter(u64::from(tick)), tick, Reading::Next);
        }
        let columns = columns(1..=40);
        let total = |series: &Series| series.history(&columns).into_iter().flatten().sum::<f64>();
        assert!((total(&counter) - 20.0).abs() < 1e-3);
        counter.set_step(10, 20, |_| {});
        assert!((total(&counter) - 20.0).abs() < 1e-3);
        for (tick, total) in [(25, 40), (30, 50), (31, 51)] {
            counter.read(&Value::Counter(total), tick, Reading::Next);
        }
        assert_eq!(counter.history(&columns)[25], Some(3.0));
        assert!((total(&counter) - 50.0).abs() < 1e-3, "51 is for 40");
        counter.set_step(0, 30, |_| {});
        assert_eq!(counter.history(&columns)[25], None);
        assert_eq!(counter.log_cost(), 0);
    }
}
