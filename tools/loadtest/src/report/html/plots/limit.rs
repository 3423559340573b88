//! Latency by rate, of a search for the highest rate.

use super::chart::{Axis, Chart};
use super::scale;
use crate::report::data::{FindMax, Quantiles, Slo, Step};
use crate::report::units;

/// A name, its look, and its value.
type Line = (&'static str, &'static str, fn(&Quantiles) -> f64);

/// `None` where no step has latencies.
pub(in super::super) fn latency_by_rate(found: &FindMax, slos: &[Slo]) -> Option<Chart> {
    let lines: [Line; 4] = [
        ("p99.9", "pink dot", |q| q.p999),
        ("p99", "vermilion", |q| q.p99),
        ("p95", "green dash", |q| q.p95),
        ("p50", "blue", |q| q.p50),
    ];
    let measured = found.steps.iter().filter(|step| step.intended.count > 0);
    let mut steps: Vec<&Step> = measured.collect();
    steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let fastest = steps.last()?.rate;
    let limits: Vec<&Slo> = slos.iter().filter(|slo| is_of_all_latencies(slo)).collect();
    let points = lines
        .iter()
        .flat_map(|(_, _, value)| steps.iter().map(|step| value(&step.intended)));
    let points: Vec<f64> = points.chain(limits.iter().map(|slo| slo.limit)).collect();
    let mut chart = Chart::new(
        "Latency by rate; the table below has its figures",
        scale::amounts([fastest].into_iter(), units::number)
            .titled("requests a second that were asked for"),
        scale::times(points.into_iter()).titled("intended latency"),
    );
    for slo in limits {
        chart.level(slo.limit, &slo.slo);
    }
    if let Some(rate) = found.rate {
        chart.upright("grey thick", rate);
        chart.key(
            "grey thick",
            format!("highest that met: {}", units::rate(rate)),
        );
    }
    for (name, look, value) in lines {
        let points = steps.iter().map(|step| (step.rate, value(&step.intended)));
        chart.line(Axis::Left, look, points.map(|(x, y)| (x, Some(y))));
        chart.key(look, name);
    }
    for step in steps {
        let (sign, look) = match (step.invalid.is_empty(), step.missed.is_empty()) {
            (false, _) => ("◇", "grey"),
            (true, false) => ("✖", "vermilion"),
            (true, true) => ("●", "blue"),
        };
        let mut title = format!("at {}", units::rate(step.rate));
        for (name, _, value) in lines.iter() {
            title.push_str(&format!("\n{name}: {}", units::time(value(&step.intended))));
        }
        let why = step.invalid.iter().chain(&step.missed);
        why.for_each(|why| title.push_str(&format!("\n{why}")));
        let place = (step.rate, step.intended.p99);
        chart.mark(Axis::Left, place, look, sign, &title);
        chart.look(step.rate, title);
    }
    Some(chart)
}

/// Those of one kind or of errors have no place on an axis of all requests' latencies.
fn is_of_all_latencies(slo: &Slo) -> bool {
    slo.is_of_time() && !slo.slo.contains(':') && slo.limit > 0.0
}
