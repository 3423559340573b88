//! The client's own books: for each method and endpoint, what the server must have recorded.
//!
//! An entry is written for each request that was sent, with all that its end tells and no more. The server's
//! metrics are held against the sums (`reconcile`).

use std::collections::BTreeMap;

use crate::client::{End, Outcome};
use crate::envelope::{Envelope, Tally};
use crate::rows::{Bounds, Rows};
use crate::scenario::{Conduct, Fails, Kind};

/// What the server records of a client that left.
const LEFT: u16 = 499;
const LEFT_REASON: &str = "client_disconnect";

/// All that is known of the requests with one method and endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Those that the server has seen; a `maybe` may not have reached it.
    pub(crate) total: Tally,
    pub(crate) statuses: BTreeMap<u16, Tally>,
    /// By reason.
    pub(crate) aborted: BTreeMap<&'static str, Tally>,
    /// Requests of which the status is not known, nor whether they were aborted.
    pub(crate) unknown: u64,
    /// Requests that were sent whole, and whose client did not wait for a head: hyper drops some of them, unless the server defers
    /// the end of its input.
    pub(crate) left_waiting: u64,
    pub(crate) duration_seconds: Envelope,
    pub(crate) start_seconds: Envelope,
    pub(crate) request_bytes: Envelope,
    pub(crate) response_bytes: Envelope,
}

#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// One for each row.
    entries: Vec<Entry>,
}

/// What one request tells.
struct Known {
    /// More than one where it cannot be told which; none where nothing is known.
    statuses: Vec<u16>,
    aborted: Option<&'static str>,
    /// The server may not have seen it.
    maybe: bool,
    start: Option<Start>,
    most_seconds: f64,
    least_seconds: f64,
    response_bytes: (f64, f64),
}

/// When the head was there, in seconds.
struct Start {
    least: f64,
    most: f64,
    /// It is not known whether there was one.
    maybe: bool,
}

impl Start {
    fn by(most: f64) -> Self {
        Self {
            least: 0.0,
            most,
            maybe: false,
        }
    }

    const UNSURE: Self = Self {
        least: 0.0,
        most: f64::INFINITY,
        maybe: true,
    };
}

impl Ledger {
    pub(crate) fn new(rows: &Rows, bounds: &Bounds) -> Self {
        let entry = |index| Entry {
            total: Tally::default(),
            statuses: BTreeMap::new(),
            aborted: BTreeMap::new(),
            unknown: 0,
            left_waiting: 0,
            duration_seconds: Envelope::new(&bounds.of(index).duration_seconds),
            start_seconds: Envelope::new(&bounds.of(index).start_seconds),
            request_bytes: Envelope::new(&bounds.of(index).request_bytes),
            response_bytes: Envelope::new(&bounds.of(index).response_bytes),
        };
        Self {
            entries: (0..rows.len()).map(entry).collect(),
        }
    }

    pub(crate) fn entry(&self, row: usize) -> &Entry {
        &self.entries[row]
    }

    pub(crate) fn record(&mut self, row: usize, kind: &Kind, outcome: &Outcome) {
        let Some(known) = known(kind, outcome) else {
            return;
        };
        let request = kind.request_bytes(outcome.request_bytes);
        let request = match known.statuses.is_empty() || known.maybe {
            true => (0.0, request.1 as f64),
            false => (request.0 as f64, request.1 as f64),
        };
        let left_waiting = matches!(
            (outcome.end, kind.conduct),
            (End::Left { status: None }, Conduct::LeavesWaiting(_))
        );
        self.entries[row].left_waiting += u64::from(left_waiting);
        self.write(row, &known, request);
    }

    /// A scrape, which was answered whole.
    pub(crate) fn record_scrape(&mut self, row: usize, seconds: f64, head: f64, bytes: u64) {
        let known = Known {
            statuses: vec![200],
            aborted: None,
            maybe: false,
            start: Some(Start::by(head)),
            most_seconds: seconds,
            least_seconds: 0.0,
            response_bytes: (bytes as f64, bytes as f64),
        };
        self.write(row, &known, (0.0, 0.0));
    }

    /// A scrape of which nothing is known: it may have been answered after all.
    pub(crate) fn record_lost_scrape(&mut self, row: usize) {
        let known = Known {
            statuses: Vec::new(),
            aborted: None,
            maybe: true,
            start: Some(Start::UNSURE),
            most_seconds: f64::INFINITY,
            least_seconds: 0.0,
            response_bytes: (0.0, f64::INFINITY),
        };
        self.write(row, &known, (0.0, 0.0));
    }

    fn write(&mut self, row: usize, known: &Known, request: (f64, f64)) {
        let maybe = known.maybe;
        let entry = &mut self.entries[row];
        entry.total.add(maybe);
        match known.statuses.as_slice() {
            [] => entry.unknown += 1,
            [status] => entry.statuses.entry(*status).or_default().add(maybe),
            several => {
                for status in several {
                    entry.statuses.entry(*status).or_default().add(true);
                }
            }
        }
        if let Some(reason) = known.aborted {
            // Where the server may have answered, it may not have been aborted.
            let maybe = maybe || known.statuses.len() > 1;
            entry.aborted.entry(reason).or_default().add(maybe);
        }
        if let Some(start) = &known.start {
            let Start { least, most, .. } = *start;
            entry
                .start_seconds
                .observe(least, most, maybe || start.maybe);
        }
        let (least, most) = (known.least_seconds, known.most_seconds);
        entry.duration_seconds.observe(least, most, maybe);
        entry.request_bytes.observe(request.0, request.1, maybe);
        let (least, most) = known.response_bytes;
        entry.response_bytes.observe(least, most, maybe);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (entry, other) in self.entries.iter_mut().zip(&other.entries) {
            entry.total.merge(&other.total);
            for (&status, tally) in &other.statuses {
                entry.statuses.entry(status).or_default().merge(tally);
            }
            for (&reason, tally) in &other.aborted {
                entry.aborted.entry(reason).or_default().merge(tally);
            }
            entry.unknown += other.unknown;
            entry.left_waiting += other.left_waiting;
            entry.duration_seconds.merge(&other.duration_seconds);
            entry.start_seconds.merge(&other.start_seconds);
            entry.request_bytes.merge(&other.request_bytes);
            entry.response_bytes.merge(&other.response_bytes);
        }
    }
}

/// `None` where nothing was sent, or nothing that is a request.
fn known(kind: &Kind, outcome: &Outcome) -> Option<Known> {
    if kind.conduct == Conduct::SendsRaw {
        return None;
    }
    let received = outcome.response_bytes as f64;
    let most_bytes = kind
        .most_response_bytes
        .map_or(f64::INFINITY, |bytes| bytes as f64);
    let head = outcome.head_seconds();
    let mut known = Known {
        statuses: Vec::new(),
        aborted: None,
        maybe: false,
        start: head.map(Start::by),
        most_seconds: f64::INFINITY,
        least_seconds: 0.0,
        response_bytes: (received, most_bytes.max(received)),
    };
    match outcome.end {
        End::NotSent(_) => return None,
        End::Answered(status) => {
            known.statuses = vec![status];
            known.most_seconds = outcome.service_seconds().unwrap_or(f64::INFINITY);
            // An answer that is not the one that was asked for may have come at once.
            if kind.statuses.contains(&status) {
                known.least_seconds = kind.least_seconds.min(known.most_seconds);
                if let Some(start) = &mut known.start {
                    start.least = kind.least_start_seconds.min(start.most);
                }
            }
            known.response_bytes = (received, received);
        }
        End::Left { status } => match kind.conduct {
            Conduct::LeavesInUpload(_) => {
                known.statuses = vec![LEFT];
                known.aborted = Some(LEFT_REASON);
                known.start = Some(Start::UNSURE);
            }
            Conduct::LeavesInAnswer {
                rest_is_held_back, ..
            } => {
                known.statuses = vec![LEFT];
                // What the scenario says of the rest, it says of the answer that it expects.
                let expected = status.is_none_or(|status| kind.statuses.contains(&status));
                if !(rest_is_held_back && expected) {
                    known.statuses.extend(status);
                }
                known.aborted = Some(LEFT_REASON);
            }
            _ => {
                known.statuses = vec![LEFT];
                // It may have begun its answer, unless that takes longer.
                let waited = outcome.service_seconds();
                if waited.is_none_or(|waited| waited >= kind.least_start_seconds) {
                    known.statuses.extend(&kind.statuses);
                }
                known.aborted = Some(LEFT_REASON);
                known.start = Some(Start::UNSURE);
            }
        },
        End::Broken { status } => match (kind.fails, status) {
            (Some(Fails::Panic), None) => {
                known.statuses = vec![500];
                known.aborted = Some(Fails::Panic.reason());
                known.response_bytes = (0.0, 0.0);
                known.most_seconds = outcome.service_seconds().unwrap_or(f64::INFINITY);
            }
            (Some(fails @ (Fails::BodyError | Fails::BodyPanic)), status) => {
                // The head that it had begun with may never have been sent.
                known.statuses =
                    status.map_or_else(|| kind.statuses.clone(), |status| vec![status]);
                known.aborted = Some(fails.reason());
                known.most_seconds = outcome.service_seconds().unwrap_or(f64::INFINITY);
                known.start.get_or_insert(Start::by(known.most_seconds));
            }
            // Not asked for: anything may have happened, and without a head, nothing.
            (_, status) => known.maybe = status.is_none(),
        },
        End::TimedOut {
            status: Some(status),
        } => {
            // The client left in the middle of it, or when all of it was on its way.
            known.statuses = vec![status, LEFT];
            known.aborted = Some(LEFT_REASON);
        }
        End::TimedOut { status: None } => known.maybe = true,
    }
    if known.statuses.is_empty() && known.start.is_none() {
        known.start = Some(Start::UNSURE);
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::client::NotSent;
    use crate::envelope::Range;
    use crate::scenario::Scenario;

    /// The entry that one request of a kind of the scenario `aborts` makes.
    fn entry(kind: &str, end: End, response_bytes: u64) -> Entry {
        entry_of("aborts", kind, end, response_bytes)
    }

    fn entry_of(scenario: &str, kind: &str, end: End, response_bytes: u64) -> Entry {
        let scenario = Scenario::find(scenario).unwrap();
        let rows = Rows::new(&scenario, None);
        let mut ledger = Ledger::new(&rows, &Bounds::none(&rows));
        let index = scenario
            .kinds
            .iter()
            .position(|known| known.name == kind)
            .unwrap();
        let sent = Instant::now();
        let outcome = Outcome {
            sent: Some(sent),
            head: Some(sent + Duration::from_millis(1)),
            done: sent + Duration::from_millis(2),
            end,
            request_bytes: 10,
            response_bytes,
        };
        ledger.record(rows.of_kind(index), &scenario.kinds[index], &outcome);
        ledger.entry(rows.of_kind(index)).clone()
    }

    fn sure(count: u64) -> Tally {
        Tally {
            least: count,
            most: count,
        }
    }

    const MAYBE: Tally = Tally { least: 0, most: 1 };

    #[test]
    fn an_answer_is_known_but_for_the_servers_own_time() {
        let entry = entry("list", End::Answered(200), 77);
        assert_eq!((entry.total, entry.unknown), (sure(1), 0));
        assert_eq!(entry.statuses[&200], sure(1));
        assert!(entry.aborted.is_empty());
        assert_eq!(
            entry.response_bytes.sum(),
            Range {
                least: 77.0,
                most: 77.0
            }
        );
        assert_eq!(
            entry.duration_seconds.sum(),
            Range {
                least: 0.0,
                most: 0.002
            }
        );
        assert_eq!(
            entry.start_seconds.sum(),
            Range {
                least: 0.0,
                most: 0.001
            }
        );
    }

    #[test]
    fn a_status_that_was_not_expected_is_counted_as_it_came() {
        let entry = entry("list", End::Answered(503), 0);
        assert_eq!(entry.statuses.keys().collect::<Vec<_>>(), [&503]);
    }

    #[test]
    fn who_leaves_where_the_rest_cannot_be_there_is_a_499() {
        for (kind, end) in [
            ("leaves in the upload", End::Left { status: None }),
            ("leaves in the answer", End::Left { status: Some(200) }),
        ] {
            let entry = entry(kind, end, 1_000);
            assert_eq!(entry.statuses[&499], sure(1), "{kind}");
            assert_eq!(entry.statuses.len(), 1, "{kind}");
            assert_eq!(entry.aborted["client_disconnect"], sure(1), "{kind}");
            assert_eq!(entry.total, sure(1), "{kind}");
        }
        // What came instead may have been whole.
        let other = entry("leaves in the answer", End::Left { status: Some(503) }, 10);
        assert_eq!((other.statuses[&503], other.statuses[&499]), (MAYBE, MAYBE));
        let upload = entry("leaves in the upload", End::Left { status: None }, 0);
        assert_eq!(
            upload.request_bytes.sum(),
            Range {
                least: 0.0,
                most: 10_000.0
            }
        );
        let answer = entry(
            "leaves in the answer",
            End::Left { status: Some(200) },
            1_000,
        );
        assert_eq!(
            answer.response_bytes.sum(),
            Range {
                least: 1_000.0,
                most: 60_000.0
            }
        );
    }

    #[test]
    fn who_leaves_a_quick_answer_is_a_499_or_has_it() {
        let entry = entry(
            "leaves a quick answer",
            End::Left { status: Some(200) },
            50_000,
        );
        assert_eq!((entry.statuses[&200], entry.statuses[&499]), (MAYBE, MAYBE));
        assert_eq!(
            (entry.total, entry.aborted["client_disconnect"]),
            (sure(1), MAYBE)
        );
    }

    #[test]
    fn who_leaves_while_it_waits_is_counted() {
        let left = End::Left { status: None };
        for kind in ["leaves while it waits", "leaves at once"] {
            let entry = entry(kind, left, 0);
            assert_eq!((entry.total, entry.statuses[&499]), (sure(1), sure(1)));
            assert_eq!(entry.aborted["client_disconnect"], sure(1));
            assert_eq!(entry.duration_seconds.count(), sure(1));
            assert_eq!(entry.left_waiting, 1);
        }
        // Where nothing holds the answer back, it may have been ready.
        let quick = entry("leaves at once what is ready", left, 0);
        assert_eq!(quick.total, sure(1));
        assert_eq!((quick.statuses[&200], quick.statuses[&499]), (MAYBE, MAYBE));
        assert_eq!(quick.aborted["client_disconnect"], MAYBE);
    }

    #[test]
    fn what_breaks_on_purpose_has_its_reason() {
        let panic = entry("panic", End::Broken { status: None }, 0);
        assert_eq!(
            (panic.statuses[&500], panic.aborted["panic"]),
            (sure(1), sure(1))
        );
        let broken = entry("broken body", End::Broken { status: Some(200) }, 5_120);
        assert_eq!(
            (broken.statuses[&200], broken.aborted["body_error"]),
            (sure(1), sure(1))
        );
        assert_eq!(
            broken.response_bytes.sum(),
            Range {
                least: 5_120.0,
                most: 10_240.0
            }
        );
        let panic = entry("panic in a body", End::Broken { status: Some(200) }, 0);
        assert_eq!(panic.aborted["panic"], sure(1));
    }

    #[test]
    fn what_breaks_otherwise_may_be_anything() {
        let without_head = entry("list", End::Broken { status: None }, 0);
        assert_eq!((without_head.total, without_head.unknown), (MAYBE, 1));
        let timed_out = entry("list", End::TimedOut { status: Some(200) }, 5);
        assert_eq!((timed_out.total, timed_out.unknown), (sure(1), 0));
        assert_eq!(
            (timed_out.statuses[&200], timed_out.statuses[&499]),
            (MAYBE, MAYBE)
        );
    }

    #[test]
    fn what_was_not_sent_is_nowhere_and_so_is_what_is_no_request() {
        for entry in [
            entry("list", End::NotSent(NotSent::Refused), 0),
            entry_of("attack", "no HTTP", End::Answered(400), 0),
        ] {
            assert_eq!((entry.total, entry.unknown), (sure(0), 0));
        }
    }

    /// What is known of a request of the scenario `aborts` that ended so, 50 ms after it was sent.
    fn known_of(name: &str, end: End) -> Known {
        let scenario = Scenario::find("aborts").unwrap();
        let kind = scenario.kinds.iter().find(|kind| kind.name == name);
        let sent = Instant::now();
        let outcome = Outcome {
            sent: Some(sent),
            head: None,
            done: sent + Duration::from_millis(50),
            end,
            request_bytes: 0,
            response_bytes: 0,
        };
        known(kind.unwrap(), &outcome).unwrap()
    }

    #[test]
    fn a_body_that_breaks_is_known_without_its_head() {
        for (name, reason) in [("broken body", "body_error"), ("panic in a body", "panic")] {
            let known = known_of(name, End::Broken { status: None });
            assert_eq!(
                (known.statuses, known.maybe, known.aborted),
                (vec![200], false, Some(reason))
            );
            let start = known.start.unwrap();
            assert_eq!((start.least, start.most, start.maybe), (0.0, 0.05, false));
        }
        // One that was not to break tells nothing.
        let known = known_of("list", End::Broken { status: None });
        assert!(known.statuses.is_empty() && known.maybe);
    }
}
