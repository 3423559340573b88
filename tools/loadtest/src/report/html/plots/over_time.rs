//! Latency and rate over time.

use plotly::Scatter;
use plotly::common::{AxisSide, DashType, Marker, MarkerSymbol, Mode};
use plotly::layout::{Axis, HoverMode};

use super::super::stretches::{Stretch, Stretches};
use super::super::units;
use super::{BLUE, Drawing, GREEN, GREY, PINK, Pen, VERMILION, axes, layout, line};
use crate::report::data::Quantiles;

/// A name, what it is of a stretch, and how it is drawn.
type Line = (&'static str, fn(&Stretch) -> Option<f64>, Pen);

/// Below the time, for which plotly takes the axis' word; and without the line's name, which the text has.
const HOVER: &str = "%{hovertext}<extra></extra>";

/// `None` where no second has latencies.
pub(in super::super) fn latency_over_time(stretches: &Stretches) -> Option<Drawing> {
    fn of(quantiles: &Quantiles, value: f64) -> Option<f64> {
        (quantiles.count > 0).then(|| axes::point(value)).flatten()
    }
    let lines: [Line; 5] = [
        (
            "max",
            |s| of(&s.intended, s.intended.max),
            Pen::new(PINK, DashType::Dot, 2.0),
        ),
        (
            "p99",
            |s| of(&s.intended, s.intended.p99),
            Pen::new(VERMILION, DashType::Solid, 2.0),
        ),
        (
            "p99 of service",
            |s| of(&s.service, s.service.p99),
            Pen::new(GREEN, DashType::Dash, 2.0),
        ),
        (
            "p95",
            |s| of(&s.intended, s.intended.p95),
            Pen::new(GREY, DashType::DashDot, 2.0),
        ),
        (
            "p50",
            |s| of(&s.intended, s.intended.p50),
            Pen::new(BLUE, DashType::Solid, 2.0),
        ),
    ];
    let points = lines
        .iter()
        .flat_map(|(_, value, _)| stretches.all.iter().filter_map(value));
    let points: Vec<f64> = points.collect();
    if points.is_empty() {
        return None;
    }
    let layout = layout(HoverMode::XUnified)
        .x_axis(since_warm_up(stretches))
        .y_axis(axes::times("latency", points.into_iter()));
    let mut drawing = Drawing::new(layout);
    for line in &lines {
        draw(&mut drawing, stretches, line, units::time, "y");
    }
    Some(drawing)
}

/// `None` where there was not one second.
pub(in super::super) fn rate_over_time(stretches: &Stretches) -> Option<Drawing> {
    let in_flight: Line = (
        "in flight (right)",
        |s| Some(s.in_flight as f64),
        Pen::new(GREEN, DashType::Dot, 1.5),
    );
    let ended: Line = (
        "ended",
        |s| Some(s.ended),
        Pen::new(GREY, DashType::Solid, 5.0),
    );
    let good: Line = (
        "good",
        |s| Some(s.good),
        Pen::new(BLUE, DashType::Solid, 2.0),
    );
    if stretches.all.is_empty() {
        return None;
    }
    let right = axes::counts("in flight; errors and late, a second")
        .overlaying("y")
        .side(AxisSide::Right)
        .show_grid(false);
    let layout = layout(HoverMode::XUnified)
        .x_axis(since_warm_up(stretches))
        .y_axis(axes::counts("requests a second"))
        .y_axis2(right);
    let mut drawing = Drawing::new(layout);
    draw(&mut drawing, stretches, &in_flight, units::number, "y2");
    draw(&mut drawing, stretches, &ended, units::rate, "y");
    draw(&mut drawing, stretches, &good, units::rate, "y");
    mark(
        &mut drawing,
        stretches,
        "late (right)",
        |s| s.late,
        &Marker::new().symbol(MarkerSymbol::TriangleUp).color(PINK),
    );
    mark(
        &mut drawing,
        stretches,
        "errors (right)",
        |s| s.errors,
        &Marker::new().symbol(MarkerSymbol::X).color(VERMILION),
    );
    Some(drawing)
}

/// What should not be is seldom and few: a mark for each stretch that has some, on the axis of small numbers.
fn mark(
    drawing: &mut Drawing,
    stretches: &Stretches,
    name: &str,
    value: fn(&Stretch) -> f64,
    marker: &Marker,
) {
    let some = stretches.all.iter().filter(|stretch| value(stretch) > 0.0);
    let (x, y): (Vec<f64>, Vec<Option<f64>>) = some
        .map(|stretch| (stretch.at, Some(value(stretch))))
        .unzip();
    if x.is_empty() {
        return;
    }
    let hover = y
        .iter()
        .flatten()
        .map(|value| format!("{name}: {}", units::rate(*value)))
        .collect();
    let marks = Scatter::new(x, y)
        .name(name)
        .mode(Mode::Markers)
        .marker(marker.clone().size(8));
    drawing.add(
        marks
            .hover_text_array(hover)
            .hover_template(HOVER)
            .y_axis("y2"),
    );
}

fn draw(
    drawing: &mut Drawing,
    stretches: &Stretches,
    (name, value, pen): &Line,
    shown: fn(f64) -> String,
    axis: &str,
) {
    let x = stretches.all.iter().map(|stretch| stretch.at).collect();
    let y: Vec<Option<f64>> = stretches.all.iter().map(value).collect();
    let hover = y
        .iter()
        .map(|value| value.map_or_else(String::new, |value| format!("{name}: {}", shown(value))));
    let hover = hover.collect();
    drawing.add(
        line(name, pen, x, y, hover)
            .hover_template(HOVER)
            .y_axis(axis),
    );
}

fn since_warm_up(stretches: &Stretches) -> Axis {
    let first = stretches.all.first().map_or(0.0, |stretch| stretch.at);
    let last = stretches.all.last().map_or(0.0, |stretch| stretch.at);
    axes::elapsed(first.min(0.0), last)
}
