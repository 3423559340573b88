//! The scrapes: whether somebody takes the metrics, how often, and what that costs.
//!
//! What is seen here are the metrics of the scrapes as they grow, so it is known from when somebody looks on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::family::Family;
use crate::series::Last;

/// As many scrapes tell the interval.
const KEPT: usize = 10;

/// What is known of the scrapes.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    /// Whether they are measured.
    pub(crate) are_measured: bool,
    pub(crate) results: Vec<(Box<str>, f64)>,
    /// When scrapes were seen, and how many there had been by then.
    seen: VecDeque<(Instant, f64)>,
    ok_before: Option<f64>,
    durations_before: Option<(u64, f64)>,
    sizes_before: Option<(u64, f64)>,
    /// Of the last one.
    pub(crate) seconds: Option<f64>,
    pub(crate) bytes: Option<f64>,
    pub(crate) samples: Option<f64>,
    /// From when on a scrape would have been seen.
    watched_since: Option<Instant>,
}

impl Scrapes {
    /// Nobody has looked for a while.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
        self.ok_before = None;
        self.durations_before = None;
        self.sizes_before = None;
        self.watched_since = None;
    }

    /// Looks at the metrics of the scrapes.
    pub(crate) fn read(&mut self, families: &[Family], now: Instant) {
        self.watched_since.get_or_insert(now);
        let find = |name: &str| families.iter().find(|family| family.is_named(name));
        let Some(scrapes) = find("tallied_scrapes") else {
            self.are_measured = false;
            return;
        };
        self.are_measured = true;
        self.results.clear();
        for series in &scrapes.series {
            let result = series.labels.strip_prefix("result=\"");
            let result = result.and_then(|result| result.strip_suffix('"'));
            if let (Some(result), Last::Total(total)) = (result, &series.last) {
                self.results.push((result.into(), *total));
            }
        }
        let ok = self.results.iter().find(|(result, _)| &**result == "ok");
        let ok = ok.map_or(0.0, |(_, total)| *total);
        if self.ok_before.is_some_and(|before| ok > before) {
            if self.seen.len() == KEPT {
                self.seen.pop_front();
            }
            self.seen.push_back((now, ok));
        }
        self.ok_before = Some(ok);
        let of = |name, before: &mut Option<(u64, f64)>| {
            let family: Option<&Family> = find(name);
            let counts = family?
                .series
                .first()
                .and_then(|series| match &series.last {
                    Last::Buckets(counts) => Some((counts.count, counts.sum)),
                    _ => None,
                })?;
            let (count, sum) = before.replace(counts)?;
            let more = counts.0.checked_sub(count).filter(|more| *more > 0)?;
            Some((counts.1 - sum) / more as f64)
        };
        let seconds = of(
            "tallied_scrape_duration_seconds",
            &mut self.durations_before,
        );
        self.seconds = seconds.or(self.seconds);
        self.bytes = of("tallied_scrape_size_bytes", &mut self.sizes_before).or(self.bytes);
        self.samples = find("tallied_scrape_samples")
            .and_then(|family| family.level())
            .filter(|samples| *samples > 0.0);
    }

    /// When the last one was seen.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.seen.back().map(|(at, _)| *at)
    }

    /// The time between two.
    pub(crate) fn interval_seconds(&self) -> Option<f64> {
        let (first, before) = self.seen.front()?;
        let (last, count) = self.seen.back()?;
        let passed = last.saturating_duration_since(*first).as_secs_f64();
        (passed > 0.0).then(|| passed / (count - before))
    }

    /// How long nobody has scraped, as far as is known.
    pub(crate) fn unseen_for(&self, now: Instant) -> Option<Duration> {
        let since = self.last().or(self.watched_since)?;
        Some(now.saturating_duration_since(since))
    }
}
