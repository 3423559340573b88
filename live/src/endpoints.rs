//! The endpoints of the HTTP metrics, from the series of several families.

use std::collections::{HashMap, VecDeque};

use tallied::{Buckets, Labels};

use crate::log::BucketIncrease;
use crate::text::cut;

/// The most endpoints (method and route) that are shown.
pub(crate) const MAX_ENDPOINTS: usize = 2048;

/// The bytes of the buckets that all endpoints keep of the last ten seconds.
const WINDOW_BUDGET: usize = 4 << 20;

/// How many columns the figures of now are made from: ten seconds.
pub(crate) const WINDOW: usize = 10;

/// How many columns a sparkline has.
pub(crate) const SPARK: usize = 60;

/// A share of errors above which an endpoint is bad.
const BAD_SHARE: f64 = 0.01;

/// What happened in a column, or in several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Happened {
    pub(crate) requests: f64,
    pub(crate) errors: f64,
    pub(crate) aborted: f64,
    pub(crate) buckets: BucketIncrease,
}

/// A method and a route.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) method: Box<str>,
    pub(crate) route: Box<str>,
    /// Totals, by status and by reason.
    pub(crate) statuses: Vec<(u16, f64)>,
    pub(crate) aborted: Vec<(Box<str>, f64)>,
    pub(crate) bytes_in: f64,
    pub(crate) bytes_out: f64,
    /// Of its durations; `None` while there is no histogram.
    pub(crate) bounds: Option<Buckets>,
    pub(crate) durations: u64,
    /// Durations of the last ten minutes, by bucket.
    pub(crate) ten_minutes: Vec<u64>,
    /// What happened since the last column.
    pub(crate) now: Happened,
    /// The last columns in which something happened.
    window: VecDeque<(u32, Happened)>,
    /// Requests in each of the last columns in which there were any.
    spark: VecDeque<(u32, f32)>,
    /// Up to this tick there is no room for the buckets of the last ten seconds.
    blind_until: u32,
    /// The tick from which on it has had errors.
    pub(crate) bad_since: Option<u32>,
    /// The hash of the row that was sent last.
    pub(crate) row: u64,
}

impl Endpoint {
    fn new(method: &str, route: &str) -> Self {
        Self {
            method: cut(method).into(),
            route: cut(route).into(),
            statuses: Vec::new(),
            aborted: Vec::new(),
            bytes_in: 0.0,
            bytes_out: 0.0,
            bounds: None,
            durations: 0,
            ten_minutes: Vec::new(),
            now: Happened::default(),
            window: VecDeque::new(),
            spark: VecDeque::new(),
            blind_until: 0,
            bad_since: None,
            row: 0,
        }
    }

    /// As sentences name it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    pub(crate) fn add_status(&mut self, status: u16, total: f64) {
        match self.statuses.binary_search_by_key(&status, |(s, _)| *s) {
            Ok(at) => self.statuses[at].1 += total,
            Err(at) => self.statuses.insert(at, (status, total)),
        }
    }

    pub(crate) fn add_aborted(&mut self, reason: &str, total: f64) {
        match self.aborted.iter_mut().find(|(r, _)| **r == *reason) {
            Some((_, known)) => *known += total,
            None => self.aborted.push((cut(reason).into(), total)),
        }
    }

    /// All requests: by status where those are counted, else by their durations.
    pub(crate) fn requests(&self) -> f64 {
        if self.statuses.is_empty() {
            return self.durations as f64;
        }
        self.statuses.iter().map(|(_, total)| total).sum()
    }

    /// Those that were answered with 5xx.
    pub(crate) fn errors(&self) -> f64 {
        let failed = self.statuses.iter().filter(|(status, _)| is_error(*status));
        failed.map(|(_, total)| total).sum()
    }

    pub(crate) fn add_to_ten_minutes(&mut self, increase: &BucketIncrease) {
        for (bucket, count) in &increase.0 {
            let bucket = *bucket as usize;
            if bucket >= self.ten_minutes.len() {
                self.ten_minutes.resize(bucket + 1, 0);
            }
            self.ten_minutes[bucket] += count;
        }
    }

    pub(crate) fn take_from_ten_minutes(&mut self, gone: &BucketIncrease) {
        for (bucket, count) in &gone.0 {
            if let Some(total) = self.ten_minutes.get_mut(*bucket as usize) {
                *total = total.saturating_sub(*count);
            }
        }
    }

    /// The bytes that it takes without the buckets of the last ten seconds, with what the allocator adds.
    fn cost(&self) -> usize {
        // Also in the map of all.
        let names = 2 * (self.method.len() + self.route.len() + 64);
        let lists = self.statuses.capacity() * size_of::<(u16, f64)>()
            + self.aborted.capacity() * (size_of::<(Box<str>, f64)>() + 32)
            + self.ten_minutes.capacity() * size_of::<u64>()
            + self.window.capacity() * size_of::<(u32, Happened)>()
            + self.spark.capacity() * size_of::<(u32, f32)>();
        size_of::<Self>() + names + lists + 5 * 16
    }

    fn window_cost(&self) -> usize {
        let buckets = self.window.iter().map(|(_, happened)| &happened.buckets.0);
        buckets
            .map(|buckets| buckets.capacity() * size_of::<(u32, u64)>() + 16)
            .sum()
    }

    /// Whether there was no room for some of the buckets of the last ten seconds, so that nothing can be said of them.
    pub(crate) fn is_blind(&self, tick: u32) -> bool {
        tick <= self.blind_until
    }

    /// A column ends. `has_room` for its buckets.
    fn end_column(&mut self, tick: u32, window_from: u32, has_room: bool) {
        if !has_room && !self.now.buckets.0.is_empty() {
            self.now.buckets = BucketIncrease::default();
            self.blind_until = tick + WINDOW as u32;
        }
        if self.now != Happened::default() {
            let happened = std::mem::take(&mut self.now);
            if happened.requests > 0.0 {
                self.spark.push_back((tick, happened.requests as f32));
            }
            self.window.push_back((tick, happened));
        }
        while self.window.front().is_some_and(|(t, _)| *t < window_from) {
            self.window.pop_front();
        }
        let spark_from = (tick + 1).saturating_sub(SPARK as u32);
        while self.spark.front().is_some_and(|(t, _)| *t < spark_from) {
            self.spark.pop_front();
        }
        let happened = self.in_window();
        let is_bad = happened.requests >= 1.0
            && happened.errors / happened.requests >= BAD_SHARE
            && happened.errors >= 1.0;
        self.bad_since = match (is_bad, self.bad_since) {
            (false, _) => None,
            (true, None) => Some(
                self.window
                    .iter()
                    .find(|(_, h)| h.errors > 0.0)
                    .map_or(tick, |(tick, _)| *tick),
            ),
            (true, since) => since,
        };
    }

    /// What happened in the last ten seconds.
    pub(crate) fn in_window(&self) -> Happened {
        use crate::log::Entry;
        let mut all = Happened::default();
        for (_, happened) in &self.window {
            all.requests += happened.requests;
            all.errors += happened.errors;
            all.aborted += happened.aborted;
            all.buckets.merge(happened.buckets.clone());
        }
        all
    }

    /// Requests in the column of this tick.
    pub(crate) fn spark_at(&self, tick: u32) -> f32 {
        let found = self.spark.binary_search_by_key(&tick, |(tick, _)| *tick);
        found.map_or(0.0, |at| self.spark[at].1)
    }
}

pub(crate) fn is_error(status: u16) -> bool {
    (500..600).contains(&status)
}

/// All of them, in the order of their appearance.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) all: Vec<Endpoint>,
    ids: HashMap<(Box<str>, Box<str>), u32>,
    /// How many there was no room for.
    pub(crate) left_out: u64,
    /// How many have no percentiles.
    pub(crate) blind: usize,
    /// The bytes of all.
    pub(crate) cost: usize,
}

impl Endpoints {
    /// The one of a series whose first labels are method and endpoint.
    pub(crate) fn of(&mut self, labels: &Labels) -> Option<u32> {
        let mut values = labels.values();
        let (method, route) = (values.next()?, values.next()?);
        let key: (Box<str>, Box<str>) = (method.into(), route.into());
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        if self.all.len() == MAX_ENDPOINTS {
            self.left_out += 1;
            return None;
        }
        let id = self.all.len() as u32;
        self.all.push(Endpoint::new(&key.0, &key.1));
        self.ids.insert(key, id);
        Some(id)
    }

    pub(crate) fn get(&mut self, id: u32) -> Option<&mut Endpoint> {
        self.all.get_mut(id as usize)
    }

    /// What happened in all of them since the last column, which ends now.
    pub(crate) fn end_column(&mut self, tick: u32, window_from: u32) -> Happened {
        let mut all = Happened::default();
        let mut window = 0;
        self.blind = 0;
        for endpoint in &mut self.all {
            all.requests += endpoint.now.requests;
            all.errors += endpoint.now.errors;
            all.aborted += endpoint.now.aborted;
            endpoint.end_column(tick, window_from, window < WINDOW_BUDGET);
            window += endpoint.window_cost();
            self.blind += usize::from(endpoint.is_blind(tick));
        }
        all
    }

    /// Finds out how many bytes all of them take.
    pub(crate) fn measure(&mut self) {
        let endpoints = self.all.iter();
        self.cost = endpoints
            .map(|endpoint| endpoint.cost() + endpoint.window_cost())
            .sum();
    }

    /// Nothing is known of what happened since the last column.
    pub(crate) fn forget_now(&mut self) {
        for endpoint in &mut self.all {
            endpoint.now = Happened::default();
        }
    }
}
