//! A reading of one family: finds the series that it knows already, and tells endpoints what happened.

use std::collections::HashMap;
use std::hash::BuildHasher;

use tallied::{Buckets, Labels, Value};

use super::family::{Family, Role};
use super::{Model, SERIES_BUDGET};
use crate::endpoints::{Endpoint, is_error};
use crate::log::{BucketIncrease, Entry};
use crate::series::{Change, Last, NO_ENDPOINT, Reading, Series};
use crate::text::cut;

/// A reading of one family: finds the series that it knows already.
///
/// Registries show series in an order that seldom changes, so each is looked for where the last one was found, and
/// then in a map that is made when it is needed.
pub(super) struct Walk<'a> {
    pub(super) reading: Reading,
    /// … and of a series that was not there.
    pub(super) of_new: Reading,
    pub(super) family: &'a mut Family,
    /// Where the next series should be.
    pub(super) cursor: usize,
    /// The bytes of this family's series and of those before, without logs.
    pub(super) fixed: usize,
    /// Those that were not shown yet, by key.
    pub(super) rest: Option<HashMap<u64, usize>>,
    pub(super) model: &'a mut Model,
}

impl Walk<'_> {
    pub(super) fn series(&mut self, labels: &Labels, value: &Value) {
        let text = labels.text();
        let key = self.model.hasher.hash_one(text);
        let tick = self.model.next_tick;
        let is_new = !self.find(key);
        if is_new {
            if self.fixed > SERIES_BUDGET {
                self.family.untracked += 1;
                return;
            }
            let endpoint = match self.family.role.has_endpoints() {
                true => self.model.endpoints.of(labels).unwrap_or(NO_ENDPOINT),
                false => NO_ENDPOINT,
            };
            let mut series = Series::new(key, &cut(text), endpoint, value, tick);
            if self.family.role == Role::Requests {
                series.status = third(labels).parse().unwrap_or(0);
            }
            self.insert(series);
        }
        let series = &mut self.family.series[self.cursor];
        self.cursor += 1;
        let reading = match (self.reading, is_new) {
            (Reading::Next, true) => self.of_new,
            (reading, _) => reading,
        };
        let change = series.read(value, tick, reading);
        self.tell_endpoint(labels, &change);
    }

    /// Moves the series with this key to the cursor; says whether there is one.
    fn find(&mut self, key: u64) -> bool {
        let cursor = self.cursor;
        let series = &mut self.family.series;
        if series.get(cursor).is_some_and(|series| series.key == key) {
            return true;
        }
        if cursor >= series.len() {
            return false;
        }
        let rest = self.rest.get_or_insert_with(|| {
            let rest = series.iter().enumerate().skip(cursor);
            rest.map(|(at, series)| (series.key, at)).collect()
        });
        let Some(found) = rest.get(&key).copied().filter(|at| *at >= cursor) else {
            return false;
        };
        rest.insert(series[cursor].key, found);
        series.swap(cursor, found);
        true
    }

    fn insert(&mut self, new: Series) {
        self.fixed += new.fixed_cost();
        if self.family.role == Role::Duration {
            // The endpoint has as many buckets.
            self.fixed += new.fixed_cost();
        }
        let series = &mut self.family.series;
        if series.len() == series.capacity() {
            // Doubled, half of it might be empty.
            series.reserve_exact((series.len() / 8).max(4));
        }
        series.push(new);
        let last = series.len() - 1;
        if last != self.cursor {
            if let Some(rest) = &mut self.rest {
                rest.insert(series[self.cursor].key, last);
            }
            series.swap(self.cursor, last);
        }
    }

    fn tell_endpoint(&mut self, labels: &Labels, change: &Change) {
        let role = self.family.role;
        let series = &self.family.series[self.cursor - 1];
        let Some(endpoint) = self.model.endpoints.get(series.endpoint) else {
            return;
        };
        let grown = match change {
            Change::Increase(increase) => *increase,
            _ => 0.0,
        };
        match (role, &series.last) {
            (Role::Requests, Last::Total(total)) => {
                let status = series.status;
                endpoint.add_status(status, *total);
                endpoint.now.requests += grown;
                if is_error(status) {
                    endpoint.now.errors += grown;
                }
            }
            (Role::Aborted, Last::Total(total)) => {
                endpoint.add_aborted(&third(labels), *total);
                endpoint.now.aborted += grown;
            }
            (Role::RequestSize, Last::Buckets(counts)) => endpoint.bytes_in += counts.sum,
            (Role::ResponseSize, Last::Buckets(counts)) => endpoint.bytes_out += counts.sum,
            (Role::Duration, Last::Buckets(counts)) => {
                endpoint.durations += counts.count;
                if endpoint.bounds.as_ref() != Some(&counts.bounds) {
                    endpoint.bounds = Some(counts.bounds.clone());
                    endpoint.ten_minutes = vec![0; counts.buckets.len()];
                }
                if let Change::Buckets(increase) = change {
                    if series.step() > 0 {
                        endpoint.add_to_ten_minutes(increase);
                    }
                    if endpoint.statuses.is_empty() {
                        let all: u64 = increase.0.iter().map(|(_, count)| *count).sum();
                        endpoint.now.requests += all as f64;
                    }
                    endpoint.now.buckets.merge(increase.clone());
                }
            }
            _ => {}
        }
    }
}

/// An endpoint has the sums of its series, one or more, which are about to be read: they begin at zero.
pub(super) fn forget_totals(role: Role, endpoints: &mut [Endpoint]) {
    for endpoint in endpoints {
        match role {
            Role::Requests => endpoint.statuses.iter_mut().for_each(|(_, n)| *n = 0.0),
            Role::Aborted => endpoint.aborted.iter_mut().for_each(|(_, n)| *n = 0.0),
            Role::RequestSize => endpoint.bytes_in = 0.0,
            Role::ResponseSize => endpoint.bytes_out = 0.0,
            Role::Duration => endpoint.durations = 0,
            Role::InFlight | Role::Other => return,
        }
    }
}

/// The value of the third label.
fn third(labels: &Labels) -> String {
    labels.values().nth(2).unwrap_or_default().into_owned()
}

/// Adds increases to the buckets of the heat map. Where a bucket's bound is none of the heat map's, its observations
/// go to the next higher one.
pub(crate) fn add_to_heat(
    bounds: &[f64],
    heat: &mut [u64],
    own: &Buckets,
    increase: &BucketIncrease,
) {
    for (bucket, count) in &increase.0 {
        let at = match own.bounds().get(*bucket as usize) {
            Some(high) => bounds.partition_point(|bound| bound < high),
            None => bounds.len(),
        };
        if let Some(cell) = heat.get_mut(at) {
            *cell += count;
        }
    }
}
