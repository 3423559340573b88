//! What was measured in a part of the time, or of one kind of request.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::LATE;
use crate::client::{End, NotSent, Outcome};
use crate::latency::{self, Latencies};
use crate::scenario::Kind;

#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Of the requests that behave as a user's do: of the others, what they wait is their own doing.
    pub(crate) latencies: Latencies,
    /// How late the generator handed each request over.
    pub(crate) lag: Histogram<u64>,
    pub(crate) counts: Counts,
    /// Whole answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// … that was not expected.
    pub(crate) unexpected: BTreeMap<u16, u64>,
    /// In a part of the timeline: the seconds in which requests were due.
    pub(crate) due_seconds: f64,
    /// Likewise: requests a second that were asked for.
    pub(crate) target: f64,
    /// At the end of a part of the time.
    pub(crate) in_flight: u64,
    /// Of a whole load: the part of its time in which the busiest worker had something to do. 0 where the kernel does
    /// not tell.
    pub(crate) busy_ratio: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// That were due.
    pub(crate) due: u64,
    pub(crate) sent: u64,
    /// Answered, whole, by a status that was expected; or ended as the scenario wants it.
    pub(crate) good: u64,
    /// Of these, those that ended while requests were due.
    pub(crate) good_in_time: u64,
    /// Answered by another status.
    pub(crate) unexpected: u64,
    /// The connection ended.
    pub(crate) broken: u64,
    pub(crate) timed_out: u64,
    /// The server took no connection.
    pub(crate) refused: u64,
    /// Never sent: no connection was free in time.
    pub(crate) dropped: u64,
    /// Handed over late by the generator's own fault.
    pub(crate) late: u64,
    /// That found all connections taken.
    pub(crate) waited: u64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

impl Counts {
    /// All that went wrong.
    pub(crate) fn errors(&self) -> u64 {
        self.unexpected + self.broken + self.timed_out + self.refused + self.dropped
    }

    /// Requests that were due, and that the generator could not handle.
    pub(super) fn overrun(&mut self, count: u64) {
        self.due += count;
        self.dropped += count;
        self.late += count;
    }

    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.good += other.good;
        self.good_in_time += other.good_in_time;
        self.unexpected += other.unexpected;
        self.broken += other.broken;
        self.timed_out += other.timed_out;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.late += other.late;
        self.waited += other.waited;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

/// How a request came to its connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandedOver {
    /// After it was due.
    pub(super) lag: Duration,
    /// All connections were taken.
    pub(super) waited: bool,
    /// Requests were still due when it ended.
    pub(super) in_time: bool,
}

impl Part {
    pub(crate) fn new() -> Self {
        Self {
            latencies: Latencies::new(),
            lag: latency::histogram(),
            counts: Counts::default(),
            statuses: BTreeMap::new(),
            unexpected: BTreeMap::new(),
            due_seconds: 0.0,
            target: 0.0,
            in_flight: 0,
            busy_ratio: 0.0,
        }
    }

    pub(super) fn record(
        &mut self,
        kind: &Kind,
        handed: HandedOver,
        since_due: Duration,
        outcome: &Outcome,
    ) {
        latency::record(&mut self.lag, handed.lag);
        let counts = &mut self.counts;
        let good = counts.good;
        counts.due += 1;
        counts.sent += u64::from(outcome.sent.is_some());
        counts.late += u64::from(handed.lag > LATE);
        counts.waited += u64::from(handed.waited);
        counts.request_bytes += outcome.request_bytes;
        counts.response_bytes += outcome.response_bytes;
        if let End::Answered(status) = outcome.end {
            *self.statuses.entry(status).or_default() += 1;
        }
        match outcome.end {
            End::Answered(status) if kind.fails.is_some() || !kind.statuses.contains(&status) => {
                counts.unexpected += 1;
                *self.unexpected.entry(status).or_default() += 1;
            }
            // Of an answer that was not the one that was to be left.
            End::Left {
                status: Some(status),
            } if !kind.statuses.contains(&status) => {
                counts.unexpected += 1;
                *self.unexpected.entry(status).or_default() += 1;
            }
            End::Answered(_) | End::Left { .. } => counts.good += 1,
            End::Broken { .. } if kind.fails.is_some() => counts.good += 1,
            End::Broken { .. } => counts.broken += 1,
            End::TimedOut { .. } => counts.timed_out += 1,
            End::NotSent(NotSent::Refused) => counts.refused += 1,
            End::NotSent(NotSent::NoConnection) => counts.dropped += 1,
        }
        counts.good_in_time += u64::from(handed.in_time) * (counts.good - good);
        // One that was refused, or broke, has waited for nothing.
        let waited = !matches!(
            outcome.end,
            End::Broken { .. } | End::NotSent(NotSent::Refused)
        );
        if kind.is_timed() && waited {
            // One that was given up has waited at least so long.
            latency::record(&mut self.latencies.intended, since_due);
            if let Some(sent) = outcome.sent {
                latency::record(&mut self.latencies.service, outcome.done - sent);
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies);
        latency::add(&mut self.lag, &other.lag);
        self.counts.add(&other.counts);
        for (sums, others) in [
            (&mut self.statuses, &other.statuses),
            (&mut self.unexpected, &other.unexpected),
        ] {
            for (&status, count) in others {
                *sums.entry(status).or_default() += count;
            }
        }
        self.in_flight += other.in_flight;
        self.busy_ratio = self.busy_ratio.max(other.busy_ratio);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn answers_are_counted_by_status_and_errors_by_the_one_that_came() {
        let aborts = Scenario::find("aborts").unwrap();
        let mut part = Part::new();
        let mut record = |kind: &str, end: End| {
            let kind = aborts.kinds.iter().find(|known| known.name == kind);
            let handed = HandedOver {
                lag: Duration::ZERO,
                waited: false,
                in_time: true,
            };
            let now = Instant::now();
            let outcome = Outcome {
                sent: Some(now),
                done: now,
                end,
                ..Outcome::not_sent(NotSent::Refused)
            };
            part.record(kind.unwrap(), handed, Duration::ZERO, &outcome);
        };
        record("list", End::Answered(200));
        record("list", End::Answered(503));
        record("list", End::Answered(503));
        // It was to break.
        record("broken body", End::Answered(200));
        record("leaves in the answer", End::Left { status: Some(200) });
        record("leaves in the answer", End::Left { status: Some(429) });
        record("list", End::Broken { status: Some(200) });
        let mut twice = part.clone();
        twice.add(&part);
        assert_eq!(part.statuses, [(200, 2), (503, 2)].into());
        assert_eq!(part.unexpected, [(200, 1), (429, 1), (503, 2)].into());
        assert_eq!((part.counts.unexpected, part.counts.broken), (4, 1));
        assert_eq!((part.counts.good, part.counts.errors()), (2, 5));
        assert_eq!(twice.unexpected, [(200, 2), (429, 2), (503, 4)].into());
    }
}
