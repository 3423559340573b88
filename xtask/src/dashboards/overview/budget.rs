//! How fast the two objectives' budgets are spent.

use super::super::model::{Panel, Section, color, unit};

pub(super) fn section() -> Section {
    Section::open(30, "Error budget").line(8, [(12, errors()), (12, latency())])
}

/// A line for each window of a recorded ratio, as a multiple of what may be.
fn burn(panel: Panel, ratio: &str, windows: &[&str], may: &str) -> Panel {
    let panel = windows.iter().fold(panel, |panel, window| {
        let expr = format!(r#"{ratio}:ratio_rate{window}{{job="$job"}} / {may}"#);
        panel.query(window, &expr)
    });
    panel.unit(unit::NONE).no_value("no requests")
}

fn errors() -> Panel {
    let panel = Panel::lines(
        31,
        "Failures, as a multiple of the 0.1 % that may",
        "Recorded over 5m, 30m, 1h, 6h, 1d and 3d, of the whole job. At 1 the month's budget lasts just a month. The \
         lines are the alerts', each for its long window, while the short one says that it goes on: TalliedErrorBurn1h \
         14.4, TalliedErrorBurn6h 6, TalliedErrorBurn1d 3, TalliedErrorBurn3d 1.",
    )
    .limits(&[
        (1.0, color::YELLOW),
        (3.0, color::YELLOW),
        (6.0, color::ORANGE),
        (14.4, color::RED),
    ]);
    burn(
        panel,
        "job:http_request_failures_per_requests",
        &["5m", "30m", "1h", "6h", "1d", "3d"],
        "0.001",
    )
}

fn latency() -> Panel {
    let panel = Panel::lines(
        32,
        "Requests over 0.5 s, as a multiple of the 1 % that may",
        "Recorded over 5m, 30m, 1h and 6h, of the whole job; endpoints without a bucket of 0.5 are left out. The lines \
         are the alerts', each for its long window: TalliedLatencyBurn1h 14.4, TalliedLatencyBurn6h 6.",
    )
    .limits(&[(6.0, color::ORANGE), (14.4, color::RED)]);
    burn(
        panel,
        "job:http_requests_slow_per_requests",
        &["5m", "30m", "1h", "6h"],
        "0.01",
    )
}
