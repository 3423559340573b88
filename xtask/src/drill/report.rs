//! The table at the end.

use std::time::{Duration, Instant};

use super::faults::{ALL, ALWAYS, CANNOT};
use super::record::{Seen, Span, Step};
use super::watch::Watch;
use crate::alerts::routes::SEVERITIES;
use crate::report::seconds;

/// What Prometheus does is seen up to this much later than what Alertmanager sends.
const LAG: Duration = Duration::from_secs(1);

/// Prints the table, and returns what is not as it should be. `waits` says whether an alert has a `for`, and `severity` which
/// it has.
pub(super) fn print(
    watch: &Watch,
    waits: impl Fn(&str) -> bool,
    severity: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut wrong = Vec::new();
    println!();
    let head = ["pending", "firing", "delivered", "to", "resolved", "told"];
    println!("{}", line("alert", "fault", &head.map(str::to_owned)));
    for fault in ALL {
        for raised in fault.raises {
            let alert = raised.alert;
            let Some((span, seen)) = watch.outcome(fault, raised) else {
                wrong.push(format!("{alert}: {} was not played", fault.name));
                continue;
            };
            let seen = seen.unwrap_or_default();
            println!("{}", line(alert, fault.name, &cells(&seen, span)));
            let problems = problems(&seen, span, waits(alert), &severity(alert));
            wrong.extend(problems.iter().map(|problem| format!("{alert}: {problem}")));
        }
    }
    println!();
    println!(
        "Seconds after the fault began, and after it was over. A second here is a minute of the files' time."
    );
    println!();
    println!("{ALWAYS} always fires, and is no fault's: its lines are above.");
    println!("Not raised here:");
    for (alert, why) in CANNOT {
        println!("  {alert}: {why}");
    }
    wrong
}

fn line(alert: &str, fault: &str, cells: &[String; 6]) -> String {
    let [pending, firing, delivered, to, resolved, told] = cells;
    let text = format!(
        "{alert:<26} {fault:<18} {pending:>8} {firing:>8} {delivered:>9} {to:<9} {resolved:>8} {told:>8}"
    );
    text.trim_end().to_owned()
}

/// When each step was, if it was.
struct Times {
    pending: Option<Instant>,
    firing: Option<Instant>,
    delivered: Option<Instant>,
    resolved: Option<Instant>,
    told: Option<Instant>,
}

impl Times {
    fn of(seen: &Seen, span: Span) -> Self {
        let since_begin = |step| seen.since(step, span.begin);
        let delivered = since_begin(Step::Delivered);
        let since_delivered = |step| seen.since(step, delivered?);
        Self {
            pending: since_begin(Step::Pending),
            firing: since_begin(Step::Firing),
            delivered,
            resolved: since_delivered(Step::Resolved),
            told: since_delivered(Step::ResolutionDelivered),
        }
    }
}

fn cells(seen: &Seen, span: Span) -> [String; 6] {
    let times = Times::of(seen, span);
    let show = |at: Option<Instant>, from: Option<Instant>| {
        let time = at
            .zip(from)
            .map(|(at, from)| at.saturating_duration_since(from));
        time.map_or("-".to_owned(), seconds)
    };
    let receivers: Vec<&str> = seen.receivers.iter().map(String::as_str).collect();
    [
        show(times.pending, Some(span.begin)),
        show(times.firing, Some(span.begin)),
        show(times.delivered, Some(span.begin)),
        receivers.join(","),
        show(times.resolved, span.end),
        show(times.told, span.end),
    ]
}

/// Steps that were not seen, or not in their order, and a receiver that is not the severity's.
fn problems(seen: &Seen, span: Span, waits: bool, severity: &str) -> Vec<String> {
    let times = Times::of(seen, span);
    let steps = [
        ("pending", times.pending, waits),
        ("firing", times.firing, true),
        ("delivered", times.delivered, true),
        ("resolved", times.resolved, true),
        ("delivered as resolved", times.told, true),
    ];
    let unseen = steps
        .iter()
        .filter(|(_, at, needed)| *needed && at.is_none());
    let mut problems: Vec<String> = unseen
        .map(|(step, _, _)| format!("it was not seen to be {step}"))
        .collect();
    let there: Vec<_> = steps
        .iter()
        .filter_map(|(step, at, _)| Some((step, (*at)?)))
        .collect();
    for pair in there.windows(2) {
        let [(before, earlier), (after, later)] = [pair[0], pair[1]];
        if later + LAG < earlier {
            problems.push(format!("it was {after} before it was {before}"));
        }
    }
    if let Some((resolved, end)) = times.resolved.zip(span.end)
        && resolved + LAG < end
    {
        problems.push("it was resolved while the fault was there".to_owned());
    }
    let receiver = SEVERITIES.iter().find(|(known, _)| *known == severity);
    let receivers: Vec<&str> = seen.receivers.iter().map(String::as_str).collect();
    if receiver.is_none_or(|(_, receiver)| receivers != [*receiver]) {
        problems.push(format!(
            "severity {severity}, and it was delivered to {receivers:?}"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault is there for the first ten seconds.
    fn judged(steps: &[(Step, u64)], waits: bool, severity: &str) -> Vec<String> {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let seen = Seen {
            steps: steps
                .iter()
                .map(|&(step, seconds)| (step, at(seconds)))
                .collect(),
            receivers: ["page".to_owned()].into(),
        };
        let span = Span {
            begin,
            end: Some(at(10)),
        };
        problems(&seen, span, waits, severity)
    }

    const GOOD: [(Step, u64); 5] = [
        (Step::Pending, 3),
        (Step::Firing, 5),
        (Step::Delivered, 6),
        (Step::Resolved, 12),
        (Step::ResolutionDelivered, 14),
    ];

    #[test]
    fn what_went_its_way_is_well() {
        assert_eq!(judged(&GOOD, true, "page"), [""; 0]);
        // Without a `for` it is never pending.
        assert_eq!(judged(&GOOD[1..], false, "page"), [""; 0]);
    }

    #[test]
    fn a_step_that_was_not_seen_is_named() {
        let names = [
            "pending",
            "firing",
            "delivered",
            "resolved",
            "delivered as resolved",
        ];
        for (index, name) in names.iter().enumerate() {
            let mut steps = GOOD.to_vec();
            steps.remove(index);
            let problems = judged(&steps, true, "page");
            assert!(
                problems.contains(&format!("it was not seen to be {name}")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn an_order_that_is_not_theirs_is_named() {
        let steps = |change: usize, second: u64| {
            let mut steps = GOOD;
            steps[change].1 = second;
            judged(&steps, true, "page")
        };
        assert_eq!(steps(0, 9), ["it was firing before it was pending"]);
        assert_eq!(steps(1, 9), ["it was delivered before it was firing"]);
        assert_eq!(
            steps(3, 17),
            ["it was delivered as resolved before it was resolved"]
        );
        assert_eq!(steps(3, 8), ["it was resolved while the fault was there"]);
    }

    #[test]
    fn a_receiver_that_is_not_the_severitys_is_named() {
        assert_eq!(
            judged(&GOOD, true, "ticket"),
            ["severity ticket, and it was delivered to [\"page\"]"]
        );
    }
}
