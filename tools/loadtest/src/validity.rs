//! Whether a run says something about the server, or about the machine that it ran on.

use crate::load::{LATE, Part};

/// Of the requests that may be handed over late before a run is invalid.
const MOST_LATE: f64 = 0.01;

/// Of its time that a worker may be busy: beyond it, what waits, waits for the worker.
const MOST_BUSY: f64 = 0.95;

/// Why the figures say nothing of the server, if they do not.
pub(crate) fn invalid(part: &Part) -> Option<String> {
    none_were_due(part)
        .or_else(|| was_late(part))
        .or_else(|| was_busy(part))
}

fn none_were_due(part: &Part) -> Option<String> {
    (part.counts.due == 0)
        .then(|| "no request was due: ask for a higher rate, or a longer duration".to_owned())
}

fn was_busy(part: &Part) -> Option<String> {
    let busy = part.busy_ratio;
    (busy > MOST_BUSY).then(|| {
        format!(
            "the generator fell behind: a thread of it was busy for {:.0} % of the time; \
             ask for a lower rate, or give it more --threads and processors",
            busy * 100.0
        )
    })
}

fn was_late(part: &Part) -> Option<String> {
    let (late, due) = (part.counts.late, part.counts.due);
    let share = late as f64 / due.max(1) as f64;
    (share > MOST_LATE).then(|| {
        format!(
            "the generator fell behind: {late} of {due} requests ({:.1} %) were handed over more than {} ms late; \
             ask for a lower rate, or give it more processors",
            share * 100.0,
            LATE.as_millis()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_request_in_a_hundred_is_allowed_and_some_idleness_is_needed() {
        let mut part = Part::new();
        (part.counts.due, part.counts.late) = (1_000, 10);
        assert_eq!(invalid(&part), None);
        part.counts.late = 11;
        assert!(
            invalid(&part)
                .unwrap()
                .contains("11 of 1000 requests (1.1 %)")
        );
    }
}
