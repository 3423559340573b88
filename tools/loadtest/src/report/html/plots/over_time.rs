//! Latency and rate, second by second.

use super::super::stretches::{Stretch, Stretches};
use super::chart::{Axis, Chart};
use super::scale::{self, Scale};
use crate::report::data::Quantiles;
use crate::report::units;

/// A name, its look, and its value where there is one.
type Line = (&'static str, &'static str, fn(&Stretch) -> Option<f64>);

/// A name, its look, its sign, and how many there were a second.
type Mark = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Stretch) -> f64,
);

/// `None` where no second has latencies.
pub(in super::super) fn latency_over_time(stretches: &Stretches) -> Option<Chart> {
    fn of(quantiles: &Quantiles, value: f64) -> Option<f64> {
        (quantiles.count > 0 && value.is_finite()).then_some(value)
    }
    let lines: [Line; 5] = [
        ("max", "pink dot", |s| of(&s.intended, s.intended.max)),
        ("p99", "vermilion", |s| of(&s.intended, s.intended.p99)),
        ("p99 of service", "green dash", |s| {
            of(&s.service, s.service.p99)
        }),
        ("p95", "grey dash", |s| of(&s.intended, s.intended.p95)),
        ("p50", "blue", |s| of(&s.intended, s.intended.p50)),
    ];
    let all = || stretches.all.iter();
    let points = lines
        .iter()
        .flat_map(|(_, _, value)| all().filter_map(value));
    let points: Vec<f64> = points.collect();
    if points.is_empty() {
        return None;
    }
    let mut chart = Chart::new(
        "Latency over time: p50, p95, p99 and maximum",
        since_warm_up(stretches),
        scale::times(points.into_iter()).titled("latency"),
    );
    for (name, look, value) in lines {
        chart.line(Axis::Left, look, all().map(|one| (one.at, value(one))));
        chart.key(look, name);
    }
    for one in all() {
        let mut title = units::time(one.at);
        for (name, _, value) in lines {
            if let Some(value) = value(one) {
                title.push_str(&format!("\n{name}: {}", units::time(value)));
            }
        }
        chart.look(one.at, title);
    }
    Some(chart)
}

/// `None` where there was not one second.
pub(in super::super) fn rate_over_time(stretches: &Stretches) -> Option<Chart> {
    if stretches.all.is_empty() {
        return None;
    }
    let all = || stretches.all.iter();
    let small = all().flat_map(|one| [one.in_flight as f64, one.errors, one.late]);
    let mut chart = Chart::new(
        "Requests a second over time: the target, good ones, errors and late ones, and how many were in flight",
        since_warm_up(stretches),
        scale::amounts(
            all().flat_map(|one| [one.ended, one.target]),
            units::number,
        )
        .titled("requests a second"),
    )
    .with_right(
        scale::amounts(small, units::number).titled("in flight; errors and late, a second"),
    );
    let in_flight = all().map(|one| (one.at, Some(one.in_flight as f64)));
    chart.line(Axis::Right, "green dot thin", in_flight);
    // A report that is older than this figure has none.
    if all().any(|one| one.target > 0.0) {
        let target = all().map(|one| (one.at, Some(one.target)));
        chart.line(Axis::Left, "grey thick", target);
        chart.key("grey thick", "target");
    }
    chart.line(
        Axis::Left,
        "blue",
        all().map(|one| (one.at, Some(one.good))),
    );
    chart.key("blue", "good");
    chart.key("green dot", "in flight (right)");
    // What should not be is seldom and few: a mark for each stretch that has some, on the scale of small numbers.
    let few: [Mark; 2] = [
        ("late (right)", "pink", "▲", |one| one.late),
        ("errors (right)", "vermilion", "✖", |one| one.errors),
    ];
    for (name, look, sign, value) in few {
        let some: Vec<&Stretch> = all().filter(|one| value(one) > 0.0).collect();
        for one in &some {
            let title = format!("{name}: {}", units::rate(value(one)));
            chart.mark(Axis::Right, (one.at, value(one)), look, sign, &title);
        }
        if !some.is_empty() {
            chart.key(look, format!("{sign} {name}"));
        }
    }
    for one in all() {
        let mut title = format!(
            "{}\ngood: {}\nin flight: {}",
            units::time(one.at),
            units::rate(one.good),
            units::count(one.in_flight)
        );
        for (name, value) in [("errors", one.errors), ("late", one.late)] {
            if value > 0.0 {
                title.push_str(&format!("\n{name}: {}", units::rate(value)));
            }
        }
        chart.look(one.at, title);
    }
    Some(chart)
}

fn since_warm_up(stretches: &Stretches) -> Scale {
    let first = stretches.all.first().map_or(0.0, |stretch| stretch.at);
    let last = stretches.all.last().map_or(0.0, |stretch| stretch.at);
    scale::elapsed(first.min(0.0), last)
}
