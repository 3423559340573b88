//! Which series keep a value a second, and which fewer: the busiest keep the finest resolution that there is room for.

use super::family::Role;
use super::{BUDGET, CAPACITY, Model};
use crate::series::Series;

/// How often resolutions are looked at, in ticks, while some series are thinned.
const RENEWAL: u32 = 60;

impl Model {
    pub(super) fn is_renewal(&self) -> bool {
        let thinned = self.thinned.tens + self.thinned.minutes + self.thinned.last_only;
        thinned > 0 && self.reading % u64::from(RENEWAL) == 0
    }

    /// Gives the busiest series the finest resolution that there is room for.
    pub(super) fn assign_steps(&mut self) {
        let mut fixed = self.endpoints.cost;
        let mut order: Vec<(f32, u32, u32, u32)> = Vec::new();
        for (at, family) in self.families.iter().enumerate() {
            for (nth, series) in family.series.iter().enumerate() {
                fixed += series.fixed_cost();
                let entry = series.entry_cost() as u32;
                order.push((series.busy, at as u32, nth as u32, entry));
            }
        }
        // The busiest first; one that a sentence or a panel of the page needs is not less than others.
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut share = 0.85;
        loop {
            let room = (BUDGET.saturating_sub(fixed)) as f64 * share;
            self.assign_in_order(&order, room);
            let logs: usize = self
                .families
                .iter()
                .flat_map(|family| &family.series)
                .map(Series::log_cost)
                .sum();
            if fixed + logs <= BUDGET || share < 0.01 {
                break;
            }
            share *= 0.6;
        }
    }

    fn assign_in_order(&mut self, order: &[(f32, u32, u32, u32)], room: f64) {
        let now = self.last_tick();
        let mut used = 0.0;
        for (busy, family, nth, entry) in order {
            let family = &mut self.families[*family as usize];
            let is_duration = family.role == Role::Duration;
            let series = &mut family.series[*nth as usize];
            let log = 96.0;
            let cost = |step: f64| log + 1.25 * f64::from(*entry) * CAPACITY as f64 / step;
            let step = if *busy == 0.0 {
                // It costs what its log holds, and that goes.
                used += series.log_cost() as f64;
                if used < room { series.step() } else { 0 }
            } else if used + cost(1.0) <= room / 2.0 {
                used += cost(1.0);
                1
            } else if used + cost(10.0) <= room * 0.75 {
                used += cost(10.0);
                10
            } else if used + cost(60.0) <= room {
                used += cost(60.0);
                60
            } else {
                0
            };
            if step != series.step() {
                let endpoint = series.endpoint;
                series.set_step(step, now, |gone| {
                    if let (true, Some(endpoint)) = (is_duration, self.endpoints.get(endpoint)) {
                        endpoint.take_from_ten_minutes(&gone);
                    }
                });
            }
        }
    }
}
