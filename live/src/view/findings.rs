//! What is worth a sentence.
//!
//! Each finding is a function of what is known, and says what to do where something can be done.

use std::time::Duration;

use super::wire::{Finding, Level};
use super::{Look, only_value};
use crate::endpoints::Endpoint;
use crate::model::Family;
use crate::series::{Last, Moment};
use crate::text::{amount, cut, percent, seconds, thousands};

/// The most findings.
const MAX: usize = 20;

/// The most sentences of one kind.
const MAX_ALIKE: usize = 3;

/// An endpoint with fewer requests in ten minutes is not judged by its buckets.
const JUDGED: u64 = 20;

/// A poll that takes longer blocks a worker of the runtime: all else that waits there waits, too.
const BLOCKING_SECONDS: f64 = 0.05;

/// Nobody has scraped for so long.
const UNSCRAPED: Duration = Duration::from_secs(90);

fn finding(level: Level, text: String, link: Option<String>) -> Finding {
    Finding { level, text, link }
}

impl Look<'_> {
    /// The worst first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.hoop(&mut findings);
        self.errors(&mut findings);
        self.buckets(&mut findings);
        self.limits(&mut findings);
        self.workers(&mut findings);
        self.blocking(&mut findings);
        self.process_limits(&mut findings);
        self.scraping(&mut findings);
        self.connections(&mut findings);
        self.not_numbers(&mut findings);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        findings.truncate(MAX);
        findings
    }

    fn hoop(&self, findings: &mut Vec<Finding>) {
        let without = self.find("http_metrics_without_hoop");
        if without.is_some_and(|family| !family.series.is_empty()) {
            let text = "No request has passed the hoop: no middleware feeds the HTTP metrics";
            findings.push(finding(Level::Bad, text.to_owned(), None));
            return;
        }
        let endpoints = &self.model.endpoints.all;
        let none = !endpoints.is_empty() && endpoints.iter().all(|e| e.requests() == 0.0);
        if none {
            let text = "No request has passed the hoop since the start".to_owned();
            findings.push(finding(Level::Info, text, None));
        }
    }

    fn errors(&self, findings: &mut Vec<Finding>) {
        let now = self.model.last_tick();
        let mut bad: Vec<(f64, Finding)> = Vec::new();
        for (id, endpoint) in self.model.endpoints.all.iter().enumerate() {
            let Some(since) = endpoint.bad_since else {
                continue;
            };
            let happened = endpoint.in_window();
            let share = percent(happened.errors / happened.requests);
            let since = seconds(f64::from(now - since.min(now) + 1));
            let text = format!("{}: {share} errors for {since}", endpoint.name());
            let level = match happened.errors {
                few if few < 5.0 => Level::Warn,
                _ => Level::Bad,
            };
            bad.push((happened.errors, finding(level, text, link(id))));
        }
        take_largest(bad, findings);
    }

    fn buckets(&self, findings: &mut Vec<Finding>) {
        let mut wide = Vec::new();
        let (mut all, mut first) = (0, 0);
        for (id, endpoint) in self.model.endpoints.all.iter().enumerate() {
            let judged: u64 = endpoint.ten_minutes.iter().sum();
            all += judged;
            first += endpoint.ten_minutes.first().unwrap_or(&0);
            let Some((bound, share)) = in_last_bucket(endpoint, judged) else {
                continue;
            };
            let text = format!(
                "{} of {} lies in the last bucket (> {}): give it other bounds",
                percent(share),
                endpoint.name(),
                seconds(bound)
            );
            wide.push((share, finding(Level::Info, text, link(id))));
        }
        take_largest(wide, findings);
        if let (Some(bound), true) = (self.model.bounds().first(), all >= JUDGED) {
            let share = first as f64 / all as f64;
            if share >= 0.99 {
                let text = format!(
                    "{} of the requests lie in the first bucket (≤ {}): finer bounds would tell them apart",
                    percent(share),
                    seconds(*bound)
                );
                findings.push(finding(Level::Info, text, None));
            }
        }
    }

    fn limits(&self, findings: &mut Vec<Finding>) {
        let mut full = Vec::new();
        for family in &self.model.families {
            let series = family.series.len() + family.untracked as usize;
            if let Some(limit) = family.limit {
                let name = family.written_name();
                full.extend(near_limit(
                    &format!("`{}`", cut(&name)),
                    series,
                    limit,
                    "series",
                ));
            }
        }
        if let Some((limit, endpoints)) = self.endpoint_places {
            full.extend(near_limit(
                "The label `endpoint`",
                endpoints,
                limit,
                "values",
            ));
        }
        take_largest(full, findings);
        let overflow = self.find("http_requests_endpoint_overflow");
        let overflow = overflow.map_or(0.0, Family::total);
        if overflow > 0.0 {
            let text = format!(
                "{} requests are counted under `overflow`, because there are too many endpoints: raise max_endpoints",
                thousands(overflow as u64)
            );
            findings.push(finding(Level::Warn, text, None));
        }
    }

    fn workers(&self, findings: &mut Vec<Finding>) {
        let workers = self.runtime().map(|runtime| runtime.workers);
        let busy = workers.into_iter().flatten().enumerate();
        let busy = busy
            .filter(|(_, share)| share.0 >= 0.95)
            .map(|(number, share)| {
                let text = format!("Worker {number} is {} busy", percent(share.0));
                (share.0, finding(Level::Warn, text, None))
            });
        take_largest(busy.collect(), findings);
    }

    /// Of the last ten seconds.
    fn blocking(&self, findings: &mut Vec<Finding>) {
        let Some(polls) = self.find("http_handler_poll_seconds") else {
            return;
        };
        let mut window: Vec<Moment> = self.model.window().map(Moment::from).collect();
        window.reverse();
        let mut blocking = Vec::new();
        for series in &polls.series {
            let Last::Buckets(counts) = &series.last else {
                continue;
            };
            let bounds = counts.bounds.bounds();
            let first = bounds.partition_point(|bound| *bound < BLOCKING_SECONDS) + 1;
            // Most never did, and their logs need not be read.
            if counts.buckets.iter().skip(first).all(|count| *count == 0) {
                continue;
            }
            let (mut times, mut longest) = (0, 0);
            series.add_buckets(&window, |_, increase| {
                for (bucket, count) in &increase.0 {
                    let bucket = *bucket as usize;
                    if bucket >= first {
                        times += count;
                        longest = longest.max(bucket);
                    }
                }
            });
            if times > 0 {
                let endpoint = only_value(&series.labels).unwrap_or_default();
                let text = format!(
                    "{endpoint} blocked a worker of the runtime {} for more than {}, {}: move blocking work to spawn_blocking",
                    how_often(times),
                    seconds(BLOCKING_SECONDS),
                    at_the_longest(bounds, longest)
                );
                let link = Some(format!("#{}", polls.name));
                blocking.push((times as f64, finding(Level::Warn, text, link)));
            }
        }
        take_largest(blocking, findings);
    }

    fn process_limits(&self, findings: &mut Vec<Finding>) {
        for row in self.process(false) {
            let Some(limit) = row.limit.filter(|limit| limit.0 > 0.0) else {
                continue;
            };
            let share = row.value.0 / limit.0;
            if share >= 0.9 {
                let level = if share >= 0.97 {
                    Level::Bad
                } else {
                    Level::Warn
                };
                let text = format!("{}: {} of the limit", row.name, percent(share));
                findings.push(finding(level, text, None));
            }
        }
    }

    fn scraping(&self, findings: &mut Vec<Finding>) {
        let scrapes = &self.model.scrapes;
        if !scrapes.are_measured {
            return;
        }
        if let Some(unseen) = scrapes
            .unseen_for(self.now)
            .filter(|for_| *for_ >= UNSCRAPED)
        {
            let text = format!("Nobody has scraped for {}", seconds(unseen.as_secs_f64()));
            // Where nobody ever did, nobody may be meant to.
            let level = match scrapes.last() {
                Some(_) => Level::Warn,
                None => Level::Info,
            };
            findings.push(finding(level, text, None));
        }
        let share = scrapes.seconds.zip(scrapes.interval_seconds());
        let share = share.map(|(seconds, interval)| seconds / interval);
        if let Some(share) = share.filter(|share| *share >= 0.2) {
            let text = format!("A scrape takes {} of its interval", percent(share));
            findings.push(finding(Level::Warn, text, None));
        }
    }

    fn connections(&self, findings: &mut Vec<Finding>) {
        let Some(refused) = self.find("tallied_connections_refused") else {
            return;
        };
        if let Some((rate, _)) = self.figure(refused).filter(|(rate, _)| *rate > 0.0) {
            let text = format!(
                "{} connections/s are refused: too many are open",
                amount(rate)
            );
            findings.push(finding(Level::Bad, text, None));
        }
    }

    fn not_numbers(&self, findings: &mut Vec<Finding>) {
        let odd = self.model.families.iter().filter(|family| {
            let mut series = family.series.iter();
            series.any(|series| matches!(series.last, Last::Level(level) if level.is_nan()))
        });
        for family in odd.take(MAX_ALIKE) {
            let text = format!("`{}` has a value that is not a number", cut(&family.name));
            let link = Some(format!("#{}", family.written_name()));
            findings.push(finding(Level::Info, text, link));
        }
    }
}

fn link(endpoint: usize) -> Option<String> {
    Some(format!("#endpoint-{endpoint}"))
}

/// `once`, `3 times`.
fn how_often(times: u64) -> String {
    match times {
        1 => "once".to_owned(),
        times => format!("{} times", thousands(times)),
    }
}

/// What a bucket that is not the first says of the longest poll.
fn at_the_longest(bounds: &[f64], bucket: usize) -> String {
    let low = seconds(bounds[bucket - 1]);
    match bounds.get(bucket) {
        Some(high) => format!("at the longest between {low} and {}", seconds(*high)),
        None => format!("at the longest more than {low}"),
    }
}

/// The bound that many durations of an endpoint lie above, and their share.
fn in_last_bucket(endpoint: &Endpoint, judged: u64) -> Option<(f64, f64)> {
    let bounds = endpoint.bounds.as_ref()?.bounds();
    let above = *endpoint.ten_minutes.get(bounds.len())?;
    let share = above as f64 / judged as f64;
    (judged >= JUDGED && share >= 0.05).then_some((*bounds.last()?, share))
}

fn near_limit(what: &str, count: usize, limit: usize, of: &str) -> Option<(f64, Finding)> {
    let share = count as f64 / limit.max(1) as f64;
    if share < 0.8 {
        return None;
    }
    let count = thousands(count as u64);
    let limit = thousands(limit as u64);
    let text = format!("{what} has {count} of {limit} {of}");
    Some((share, finding(Level::Warn, text, None)))
}

/// Appends the few with the largest number.
fn take_largest(mut alike: Vec<(f64, Finding)>, findings: &mut Vec<Finding>) {
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let few = alike.into_iter().take(MAX_ALIKE);
    findings.extend(few.map(|(_, finding)| finding));
}
