//! Latency by percentile, and how many requests had which.

use super::chart::{Axis, Chart};
use super::scale;
use crate::report::data::{Percentile, Report, Slo};
use crate::report::units;

/// `None` where nothing was measured.
pub(in super::super) fn latency_by_percentile(report: &Report) -> Option<Chart> {
    let null = report.generator.calibration.as_ref();
    let curves = [
        (
            "null responder",
            "grey dot",
            null.map_or(&[][..], |null| &null.percentiles),
        ),
        ("service", "green dash", report.service.as_slice()),
        ("intended", "blue", report.intended.as_slice()),
    ];
    if curves[1..].iter().all(|(_, _, curve)| curve.is_empty()) {
        return None;
    }
    let goals: Vec<(&Slo, f64)> = report.verdict.slos.iter().filter_map(goal).collect();
    let place = |point: &Percentile| Some((scale::nines(point.quantile)?, point.seconds));
    let all = curves.iter().flat_map(|(_, _, curve)| curve.iter());
    let all = all.filter_map(place);
    // Room above for the mark.
    let of_goals = goals.iter().map(|(slo, x)| (*x, slo.limit * 1.3));
    let all: Vec<(f64, f64)> = all.chain(of_goals).collect();
    let mut chart = Chart::new(
        "Latency by percentile, on logarithmic axes",
        scale::quantiles(all.iter().map(|(x, _)| *x)),
        scale::times(all.iter().map(|(_, y)| *y)),
    );
    for (name, look, curve) in curves.iter().filter(|(_, _, curve)| !curve.is_empty()) {
        let points = curve.iter().filter_map(place);
        chart.line(Axis::Left, look, points.map(|(x, y)| (x, Some(y))));
        chart.key(look, *name);
    }
    for point in longest(&curves).iter() {
        if let Some(x) = scale::nines(point.quantile) {
            let mut title = format!("{} took at most", units::quantile(point.quantile));
            for (name, _, curve) in curves.iter().rev() {
                let same = curve.iter().find(|other| other.quantile >= point.quantile);
                if let Some(same) = same {
                    title.push_str(&format!("\n{name}: {}", units::time(same.seconds)));
                }
            }
            chart.look(x, title);
        }
    }
    for (slo, x) in goals {
        let (look, result) = match slo.met {
            true => ("grey", "met"),
            false => ("vermilion", "missed"),
        };
        let title = format!("{}: {result}, with {}", slo.slo, units::time(slo.value));
        let sign = format!("▼ {} {result}", slo.slo);
        chart.mark(Axis::Left, (x, slo.limit), look, &sign, &title);
    }
    Some(chart)
}

fn longest<'a>(curves: &[(&str, &str, &'a [Percentile])]) -> &'a [Percentile] {
    let curves = curves.iter().map(|(_, _, curve)| *curve);
    curves.max_by_key(|curve| curve.len()).unwrap_or_default()
}

/// Where an objective of a quantile of all requests lies: the intended latency is to pass below it.
fn goal(slo: &Slo) -> Option<(&Slo, f64)> {
    let (figure, _) = slo.slo.split_once('<')?;
    let percent: f64 = figure.trim().strip_prefix('p')?.parse().ok()?;
    let x = scale::nines(percent / 100.0)?;
    (slo.is_of_time() && slo.limit > 0.0).then_some((slo, x))
}

/// `None` where nothing was measured.
pub(in super::super) fn latency_histogram(report: &Report) -> Option<Chart> {
    let (first, last) = (report.latencies.first()?, report.latencies.last()?);
    let all: u64 = report.latencies.iter().map(|bucket| bucket.count).sum();
    let counts = report.latencies.iter().map(|bucket| bucket.count as f64);
    let mut chart = Chart::new(
        "How many requests took how long, on a logarithmic axis of time",
        scale::times([first.from, last.to].into_iter()).titled("intended latency"),
        scale::amounts(counts, units::number).titled("requests"),
    );
    for bucket in &report.latencies {
        let title = format!(
            "{} to {}: {} requests, {}",
            units::time(bucket.from),
            units::time(bucket.to),
            units::count(bucket.count),
            units::share(bucket.count, all)
        );
        chart.bar(bucket.from, bucket.to, bucket.count as f64, &title);
    }
    Some(chart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_of_quantiles_have_a_place() {
        let of = |text: &str, is_ratio| {
            let slo = Slo {
                slo: text.to_owned(),
                value: 0.1,
                limit: 0.25,
                is_ratio,
                unit: String::new(),
                met: true,
            };
            goal(&slo).map(|(_, x)| x.round())
        };
        assert_eq!(of("p99<250ms", false), Some(100.0));
        assert_eq!(of("p99.9 < 250ms", false), Some(1_000.0));
        for text in ["max<1s", "errors<1%", "list:p99<1s", "p100<1s", "panic", ""] {
            assert_eq!(of(text, text.starts_with("errors")), None, "{text}");
        }
    }
}
