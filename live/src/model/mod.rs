//! What the page knows: ten minutes of every series, within a fixed memory.
//!
//! Guarantees: at most [`BUDGET`] for series, logs and endpoints, whatever their number: the busiest series keep a value a second, others
//! one every ten or sixty, the rest their last value; series beyond that are counted, and nothing else. Beside them are at most
//! 600 columns, and names and help texts of 4,096 metrics.
//!
//! Does not: see what happens while nobody looks.

pub(crate) mod family;
mod resolution;
#[cfg(test)]
pub(crate) mod tests;
mod walk;

use std::collections::{HashMap, VecDeque};
use std::hash::RandomState;
use std::time::{Duration, Instant, SystemTime};

use tallied::{Buckets, ReadError, Registered, Value};

pub(crate) use self::family::{Family, Role};
pub(crate) use self::walk::add_to_heat;
use self::walk::{Walk, forget_totals};
use crate::endpoints::{Endpoints, Happened, WINDOW};
use crate::quantile::quantile;
use crate::scrapes::Scrapes;
use crate::series::{Last, Moment, Reading, Series};
use crate::text::cut;

/// The bytes of all series, their logs, and the endpoints. With all else that is kept, it stays below 32 MiB.
pub(crate) const BUDGET: usize = 24 << 20;

/// The bytes of the series and the endpoints alone: series beyond have no room.
const SERIES_BUDGET: usize = 12 << 20;

/// The most families.
const MAX_FAMILIES: usize = 4096;

/// The most columns.
pub(crate) const CAPACITY: usize = 600;

/// How long a column is shown.
pub(crate) const SHOWN: Duration = Duration::from_secs(CAPACITY as u64);

/// After so long without a reading nobody looked, or the machine slept.
const GAP: Duration = Duration::from_secs(5);

/// Bounds beyond these are not drawn.
const MAX_HEAT_BOUNDS: usize = 128;

/// How far the system's clock may be from the steady one before it has jumped.
const CLOCK_JUMP: Duration = Duration::from_secs(2);

/// A second.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) tick: u32,
    pub(crate) at: Instant,
    pub(crate) seconds: f64,
    pub(crate) happened: Happened,
    /// Of the last ten seconds.
    pub(crate) quantiles: [Option<f64>; 3],
    pub(crate) in_flight: Option<f64>,
    /// By bucket of [`Model::heat_bounds`]; `None` from before those were.
    pub(crate) heat: Option<Box<[u64]>>,
}

impl From<&Column> for Moment {
    fn from(column: &Column) -> Self {
        Self {
            tick: column.tick,
            seconds: column.seconds,
        }
    }
}

/// The percentiles that are shown.
pub(crate) const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// How many series are kept how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Thinned {
    pub(crate) series: usize,
    pub(crate) tens: usize,
    pub(crate) minutes: usize,
    pub(crate) last_only: usize,
    pub(crate) untracked: u64,
}

/// What the page knows.
#[derive(Debug)]
pub(crate) struct Model {
    /// Where the HTTP metrics' names begin; `None` until they are found.
    pub(crate) prefix: Option<Box<str>>,
    pub(crate) families: Vec<Family>,
    by_name: HashMap<Box<str>, usize>,
    pub(crate) families_gone: Vec<Box<str>>,
    pub(crate) families_left_out: usize,
    pub(crate) endpoints: Endpoints,
    pub(crate) columns: VecDeque<Column>,
    /// Those of most endpoints.
    pub(crate) heat_bounds: Option<Buckets>,
    pub(crate) scrapes: Scrapes,
    /// What could not be read last.
    pub(crate) failures: Vec<ReadError>,
    /// How long the last reading took.
    pub(crate) reading_took: Duration,
    /// When the clock jumped, and by how many seconds.
    pub(crate) clock_jump: Option<(Instant, i64)>,
    /// What was sent no longer fits: everybody gets a whole state.
    pub(crate) restate: bool,
    pub(crate) thinned: Thinned,
    /// The bytes of the series and the endpoints, and of the logs.
    fixed: usize,
    used: usize,
    hasher: RandomState,
    /// Where the window begins at the earliest: the first column since nobody looked.
    unbroken_from: u32,
    next_tick: u32,
    last_reading: Option<(Instant, SystemTime)>,
    pub(crate) first_reading: Option<Instant>,
    reading: u64,
}

impl Model {
    pub(crate) fn new(prefix: Option<Box<str>>) -> Self {
        Self {
            prefix,
            families: Vec::new(),
            by_name: HashMap::new(),
            families_gone: Vec::new(),
            families_left_out: 0,
            endpoints: Endpoints::default(),
            columns: VecDeque::new(),
            heat_bounds: None,
            scrapes: Scrapes::default(),
            failures: Vec::new(),
            reading_took: Duration::ZERO,
            clock_jump: None,
            restate: false,
            thinned: Thinned::default(),
            fixed: 0,
            used: 0,
            hasher: RandomState::new(),
            unbroken_from: 1,
            next_tick: 1,
            last_reading: None,
            first_reading: None,
            reading: 0,
        }
    }

    /// Takes on what was read from the registry `now`. Says whether there is a new column: not for the first reading
    /// since nobody looked, from which on changes are known.
    pub(crate) fn read(&mut self, metrics: &[Registered], now: Instant, clock: SystemTime) -> bool {
        self.reading += 1;
        self.first_reading.get_or_insert(now);
        let before = self.last_reading.replace((now, clock));
        let since = before.map(|(before, clock_before)| {
            let passed = now.saturating_duration_since(before);
            self.look_at_clock(now, passed, clock_before, clock);
            passed
        });
        let seconds = since.filter(|since| *since < GAP && !since.is_zero());
        if seconds.is_none() {
            self.unbroken_from = self.next_tick;
            self.endpoints.forget_now();
            self.scrapes.forget();
        }
        let while_looked = seconds.is_some();
        self.expire(now);
        (self.fixed, self.used) = (self.endpoints.cost, 0);
        self.families_left_out = 0;
        self.thinned = Thinned::default();
        self.failures.clear();
        let mut scratch = Value::Counter(0);
        for metric in metrics {
            self.read_family(metric, &mut scratch, while_looked);
        }
        self.drop_families_not_seen();
        self.choose_heat_bounds();
        self.scrapes.read(&self.families, now);
        if let Some(seconds) = seconds {
            self.end_column(now, seconds.as_secs_f64());
        }
        self.fixed -= self.endpoints.cost;
        self.endpoints.measure();
        self.fixed += self.endpoints.cost;
        if self.fixed + self.used > BUDGET || self.is_renewal() {
            self.assign_steps();
        }
        seconds.is_some()
    }

    fn look_at_clock(
        &mut self,
        now: Instant,
        passed: Duration,
        before: SystemTime,
        clock: SystemTime,
    ) {
        let jump = match clock.duration_since(before) {
            Ok(forward) if forward > passed => (forward - passed).as_millis() as i64,
            Ok(forward) => -((passed - forward).as_millis() as i64),
            Err(back) => -((back.duration() + passed).as_millis() as i64),
        };
        if jump.unsigned_abs() > CLOCK_JUMP.as_millis() as u64 {
            self.clock_jump = Some((now, jump / 1000));
            self.restate = true;
        }
    }

    /// Forgets what is older than ten minutes.
    fn expire(&mut self, now: Instant) {
        let mut last = None;
        while let Some(column) = self.columns.front() {
            let old = now.saturating_duration_since(column.at) > SHOWN;
            if !old && self.columns.len() < CAPACITY {
                break;
            }
            last = self.columns.pop_front();
        }
        let Some(last) = last else {
            return;
        };
        let first = last.tick + 1;
        for family in &mut self.families {
            let is_duration = family.role == Role::Duration;
            for series in &mut family.series {
                let endpoint = series.endpoint;
                series.expire(first, |gone| {
                    if let (true, Some(endpoint)) = (is_duration, self.endpoints.get(endpoint)) {
                        endpoint.take_from_ten_minutes(&gone);
                    }
                });
            }
        }
    }

    fn read_family(&mut self, metric: &Registered, scratch: &mut Value, while_looked: bool) {
        let descriptor = metric.descriptor();
        let known = self.by_name.get(descriptor.name()).copied();
        let known = known.filter(|at| self.families[*at].kind == descriptor.kind());
        if known.is_none() && self.families.len() == MAX_FAMILIES {
            self.families_left_out += 1;
            return;
        }
        let is_new = known.is_none();
        let at = known.unwrap_or_else(|| self.add_family(metric));
        let mut family = std::mem::replace(&mut self.families[at], Family::placeholder());
        family.seen = self.reading;
        // One that there was no room for has not grown out of nothing.
        let of_new = match family.untracked {
            0 => Reading::New,
            _ => Reading::Baseline,
        };
        family.untracked = 0;
        forget_totals(family.role, &mut self.endpoints.all);
        let fixed = family.series.iter().map(Series::fixed_cost).sum::<usize>();
        let mut walk = Walk {
            fixed: self.fixed + fixed,
            reading: match while_looked && !is_new {
                true => Reading::Next,
                false => Reading::Baseline,
            },
            of_new,
            family: &mut family,
            cursor: 0,
            rest: None,
            model: self,
        };
        // Unwind safe: a series that was half taken on holds a number that is wrong for a second.
        let visited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            metric.visit(scratch, &mut |series| {
                walk.series(series.labels, series.value);
            })
        }));
        let cursor = walk.cursor;
        match visited {
            Ok(Ok(())) => self.drop_series(&mut family, cursor),
            Ok(Err(failure)) => self.failures.push(failure),
            Err(_) => self.failures.push(ReadError::Panicked {
                name: family.name.clone(),
                message: "a histogram could not be read".into(),
            }),
        }
        if family.series.capacity() > 2 * family.series.len() + 16 {
            family.series.shrink_to_fit();
        }
        for series in &family.series {
            self.fixed += series.fixed_cost();
            self.used += series.log_cost();
            self.thinned.series += 1;
            match series.step() {
                0 => self.thinned.last_only += 1,
                10 => self.thinned.tens += 1,
                60 => self.thinned.minutes += 1,
                _ => {}
            }
        }
        self.thinned.untracked += family.untracked;
        self.families[at] = family;
    }

    /// Forgets the series from here on, which are gone.
    fn drop_series(&mut self, family: &mut Family, from: usize) {
        let is_duration = family.role == Role::Duration;
        for mut series in family.series.drain(from..).filter(|_| is_duration) {
            let endpoint = series.endpoint;
            series.set_step(0, self.next_tick, |gone| {
                if let Some(endpoint) = self.endpoints.get(endpoint) {
                    endpoint.take_from_ten_minutes(&gone);
                }
            });
        }
    }

    fn add_family(&mut self, metric: &Registered) -> usize {
        let descriptor = metric.descriptor();
        let name = descriptor.name();
        let labels: Vec<&str> = descriptor.label_names().collect();
        let roles = Role::ALL.iter();
        let role = roles
            .filter(|(_, _, names)| labels.starts_with(names))
            .find_map(|(role, suffix, _)| {
                let prefix = name.strip_suffix(suffix)?;
                let whole = prefix.is_empty() || prefix.ends_with('_');
                let known = self.prefix.as_deref().is_none_or(|known| known == prefix);
                (whole && known).then_some((*role, prefix))
            });
        if let Some((_, prefix)) = role {
            self.prefix = Some(prefix.into());
        }
        let family = Family {
            name: name.into(),
            kind: descriptor.kind(),
            help: cut(descriptor.help()).into(),
            unit: descriptor.unit().map(|unit| cut(unit.as_str()).into()),
            role: role.map_or(Role::Other, |(role, _)| role),
            series: Vec::new(),
            untracked: 0,
            limit: metric.series_limit(),
            shown: Vec::new(),
            row: 0,
            seen: self.reading,
        };
        // Another kind under the same name takes its place.
        if let Some(at) = self.by_name.get(name) {
            self.families[*at] = family;
            return *at;
        }
        self.families.push(family);
        let at = self.families.len() - 1;
        self.by_name.insert(name.into(), at);
        at
    }

    fn drop_families_not_seen(&mut self) {
        let reading = self.reading;
        if self.families.iter().all(|family| family.seen == reading) {
            return;
        }
        let gone = self.families.extract(|family| family.seen != reading);
        self.families_gone
            .extend(gone.into_iter().map(|family| family.name));
        let names = self.families.iter().enumerate();
        self.by_name = names.map(|(at, f)| (f.name.clone(), at)).collect();
    }

    /// The bounds that most endpoints have.
    fn choose_heat_bounds(&mut self) {
        let mut counts: Vec<(&Buckets, usize)> = Vec::new();
        for bounds in self.endpoints.all.iter().filter_map(|e| e.bounds.as_ref()) {
            match counts.iter().position(|(known, _)| *known == bounds) {
                Some(at) => counts[at].1 += 1,
                None if counts.len() < 64 => counts.push((bounds, 1)),
                None => {}
            }
        }
        let most = counts.iter().max_by_key(|(bounds, count)| {
            // Of two with as many, the one that is there.
            (*count, self.heat_bounds.as_ref() == Some(*bounds))
        });
        let Some((most, _)) = most else {
            return;
        };
        let most = (*most).clone();
        if self.heat_bounds.as_ref() != Some(&most) {
            self.restate = self.heat_bounds.is_some();
            self.heat_bounds = Some(most);
            for column in &mut self.columns {
                column.heat = None;
            }
        }
    }

    /// The finite bounds of the heat map.
    pub(crate) fn bounds(&self) -> &[f64] {
        let bounds = self.heat_bounds.as_ref().map_or(&[][..], Buckets::bounds);
        &bounds[..bounds.len().min(MAX_HEAT_BOUNDS)]
    }

    fn end_column(&mut self, now: Instant, seconds: f64) {
        let tick = self.next_tick;
        self.next_tick += 1;
        let heat = self.heat_bounds.is_some().then(|| {
            let bounds = self.bounds();
            let mut heat = vec![0; bounds.len() + 1];
            for endpoint in &self.endpoints.all {
                if let Some(own) = &endpoint.bounds {
                    add_to_heat(bounds, &mut heat, own, &endpoint.now.buckets);
                }
            }
            heat.into_boxed_slice()
        });
        let window_from = (tick + 1)
            .saturating_sub(WINDOW as u32)
            .max(self.unbroken_from);
        let happened = self.endpoints.end_column(tick, window_from);
        let in_flight = self.in_flight();
        self.columns.push_back(Column {
            tick,
            at: now,
            seconds,
            happened,
            quantiles: [None; 3],
            in_flight,
            heat,
        });
        let counts = self.window_heat();
        let quantiles = QUANTILES.map(|q| quantile(q, self.bounds(), &counts).map(|q| q.value));
        if let Some(column) = self.columns.back_mut() {
            column.quantiles = quantiles;
        }
    }

    /// The columns of the last ten seconds that follow on each other.
    pub(crate) fn window(&self) -> impl Iterator<Item = &Column> {
        let from = self.next_tick.saturating_sub(WINDOW as u32);
        let from = from.max(self.unbroken_from);
        let columns = self.columns.iter().rev();
        columns.take_while(move |column| column.tick >= from)
    }

    /// Durations in the last ten seconds, by bucket of the heat map.
    pub(crate) fn window_heat(&self) -> Vec<u64> {
        let mut counts = vec![0; self.bounds().len() + 1];
        for heat in self.window().filter_map(|column| column.heat.as_ref()) {
            for (count, more) in counts.iter_mut().zip(heat) {
                *count += more;
            }
        }
        counts
    }

    pub(crate) fn in_flight(&self) -> Option<f64> {
        let family = self.families.iter().find(|f| f.role == Role::InFlight)?;
        let levels = family.series.iter().map(|series| match series.last {
            Last::Level(level) => level,
            _ => 0.0,
        });
        Some(levels.sum())
    }

    /// The columns as series need them.
    pub(crate) fn moments(&self) -> Vec<Moment> {
        self.columns.iter().map(Moment::from).collect()
    }

    pub(crate) fn last_tick(&self) -> u32 {
        self.next_tick - 1
    }

    /// Whether a reading is so recent that the next one makes a column.
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        let last = self.last_reading.as_ref();
        last.is_some_and(|(last, _)| now.saturating_duration_since(*last) < GAP)
    }

    /// Whether the last reading made a column.
    pub(crate) fn has_window(&self) -> bool {
        self.columns
            .back()
            .is_some_and(|column| column.tick >= self.unbroken_from)
    }

    /// The bytes of all series, their logs, and the endpoints.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        let series = self.families.iter().flat_map(|family| &family.series);
        let series: usize = series.map(|s| s.fixed_cost() + s.log_cost()).sum();
        series + self.endpoints.cost
    }
}

/// `Vec::extract_if`, which is younger than our Rust.
trait Extract<T> {
    fn extract(&mut self, goes: impl Fn(&T) -> bool) -> Vec<T>;
}

impl<T> Extract<T> for Vec<T> {
    fn extract(&mut self, goes: impl Fn(&T) -> bool) -> Vec<T> {
        let (gone, kept) = std::mem::take(self).into_iter().partition(goes);
        *self = kept;
        gone
    }
}
