//! The table at the end.

use std::time::Duration;

use super::faults::{ALL, ALWAYS, CANNOT, Fault};
use super::hurried;
use super::watch::{Alert, Step, Time, Watch};
use crate::alerts::routes::SEVERITIES;

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Row {
    alert: &'static str,
    fault: &'static str,
    /// After the fault's begin.
    pending: Option<Duration>,
    firing: Option<Duration>,
    delivered: Option<Duration>,
    receiver: String,
    /// After the fault's end; before it, zero.
    resolved: Option<Duration>,
    resolution: Option<Duration>,
}

/// Prints the table, and returns what is missing in it. `waits` says whether an alert has a `for`, and `severity` which it
/// has.
pub(super) fn print(
    watch: &Watch,
    waits: impl Fn(&str) -> bool,
    severity: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut missing = Vec::new();
    println!();
    println!(
        "{:<26} {:<18} {:>8} {:>8} {:>9} {:<9} {:>8} {:>9}",
        "alert", "fault", "pending", "firing", "delivered", "to", "resolved", "delivered"
    );
    for fault in ALL {
        for &alert in fault.raises {
            let Some((time, seen)) = watch.outcome(fault, alert) else {
                missing.push(format!("{alert}: {} was not played", fault.name));
                continue;
            };
            let row = row(fault, alert, time, &seen);
            println!("{}", line(&row));
            missing.extend(gaps(&row, waits(alert), &severity(alert)));
        }
    }
    println!();
    println!(
        "Seconds after the fault began, and after it was over. A second is a minute of the files' time: {} here is {} there.",
        show(Some(Duration::from_secs(10))),
        show(Some(hurried::slowed(Duration::from_secs(10))))
    );
    println!();
    println!(
        "{ALWAYS} always fires; it is delivered again and again, until Prometheus is stopped."
    );
    println!("Not raised here:");
    for (alert, why) in CANNOT {
        println!("  {alert}: {why}");
    }
    missing
}

/// Of all that have the alert's name, the one that was delivered first.
fn row(fault: &'static Fault, alert: &'static str, time: Time, seen: &[Alert]) -> Row {
    let delivered_at = |alert: &&Alert| alert.since(Step::Delivered, time.begin);
    let delivered = seen.iter().filter(|alert| delivered_at(alert).is_some());
    let one = delivered.min_by_key(delivered_at).or(seen.first());
    let end = time.end.unwrap_or(time.begin);
    let after_begin = |step| Some(one?.since(step, time.begin)? - time.begin);
    let after_end = |step| {
        let one = one?;
        let at = one.since(step, delivered_at(&one)?)?;
        Some(at.saturating_duration_since(end))
    };
    let receivers = one.map(|one| one.receivers.iter().cloned().collect::<Vec<_>>());
    Row {
        alert,
        fault: fault.name,
        pending: after_begin(Step::Pending),
        firing: after_begin(Step::Firing),
        delivered: after_begin(Step::Delivered),
        receiver: receivers.unwrap_or_default().join(","),
        resolved: after_end(Step::Resolved),
        resolution: after_end(Step::ResolutionDelivered),
    }
}

fn line(row: &Row) -> String {
    let text = format!(
        "{:<26} {:<18} {:>8} {:>8} {:>9} {:<9} {:>8} {:>9}",
        row.alert,
        row.fault,
        show(row.pending),
        show(row.firing),
        show(row.delivered),
        row.receiver,
        show(row.resolved),
        show(row.resolution)
    );
    text.trim_end().to_owned()
}

fn show(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |time| {
        format!("{:.1} s", time.as_secs_f64())
    })
}

/// The steps that were not seen, and a receiver that is not the severity's.
fn gaps(row: &Row, waits: bool, severity: &str) -> Vec<String> {
    let steps = [
        ("pending", row.pending.is_some() || !waits),
        ("firing", row.firing.is_some()),
        ("delivered", row.delivered.is_some()),
        ("resolved", row.resolved.is_some()),
        ("delivered as resolved", row.resolution.is_some()),
    ];
    let unseen = steps.into_iter().filter(|(_, seen)| !seen);
    let mut gaps: Vec<String> = unseen
        .map(|(step, _)| format!("{}: it was not seen to be {step}", row.alert))
        .collect();
    let receiver = SEVERITIES.iter().find(|(known, _)| *known == severity);
    if receiver.is_none_or(|(_, receiver)| *receiver != row.receiver) {
        gaps.push(format!(
            "{}: severity {severity}, and it was delivered to \"{}\"",
            row.alert, row.receiver
        ));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::faults::DOWN;
    use super::*;

    fn seen(begin: Instant, steps: &[(Step, u64)]) -> Alert {
        let at = |&(step, seconds)| (step, begin + Duration::from_secs(seconds));
        Alert {
            steps: steps.iter().map(at).collect(),
            receivers: ["page".to_owned()].into(),
        }
    }

    #[test]
    fn a_row_is_of_the_one_that_was_delivered_first() {
        let begin = Instant::now();
        let time = Time {
            begin,
            end: Some(begin + Duration::from_secs(10)),
        };
        let other = seen(begin, &[(Step::Pending, 1), (Step::Resolved, 2)]);
        let one = seen(
            begin,
            &[
                (Step::Pending, 3),
                (Step::Firing, 5),
                (Step::Delivered, 6),
                (Step::Resolved, 12),
                (Step::ResolutionDelivered, 14),
            ],
        );
        let row = row(&DOWN, "TalliedTargetDown", time, &[other, one]);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(row.pending, seconds(3));
        assert_eq!(row.delivered, seconds(6));
        assert_eq!(row.resolved, seconds(2));
        assert_eq!(row.resolution, seconds(4));
        assert_eq!(gaps(&row, true, "page"), [""; 0]);
        assert_eq!(
            gaps(&row, true, "ticket"),
            ["TalliedTargetDown: severity ticket, and it was delivered to \"page\""]
        );
    }

    #[test]
    fn a_step_that_was_not_seen_is_named() {
        let begin = Instant::now();
        let time = Time { begin, end: None };
        let one = seen(begin, &[(Step::Firing, 5), (Step::Delivered, 6)]);
        let row = row(&DOWN, "TalliedTargetDown", time, &[one]);
        let unseen = |step| format!("TalliedTargetDown: it was not seen to be {step}");
        let expected = ["pending", "resolved", "delivered as resolved"].map(unseen);
        assert_eq!(gaps(&row, true, "page"), expected);
        // Without a `for` it is never pending.
        assert_eq!(gaps(&row, false, "page"), expected[1..]);
    }
}
