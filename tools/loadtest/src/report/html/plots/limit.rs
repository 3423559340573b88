//! Latency by rate, of a search for the highest rate.

use plotly::Scatter;
use plotly::common::{DashType, HoverInfo, Marker, MarkerSymbol, Mode, Position};
use plotly::layout::HoverMode;

use super::super::units;
use super::{BLUE, Drawing, GREEN, GREY, PINK, Pen, Points, VERMILION, axes, layout, line, text};
use crate::report::data::{FindMax, Quantiles, Slo, Step};

/// A name, its value, and how it is drawn.
type Line = (&'static str, fn(&Quantiles) -> f64, Pen);

/// `None` where no step has latencies.
pub(in super::super) fn latency_by_rate(found: &FindMax, slos: &[Slo]) -> Option<Drawing> {
    let lines: [Line; 4] = [
        ("p99.9", |q| q.p999, Pen::new(PINK, DashType::Dot, 2.0)),
        ("p99", |q| q.p99, Pen::new(VERMILION, DashType::Solid, 2.0)),
        ("p95", |q| q.p95, Pen::new(GREEN, DashType::Dash, 2.0)),
        ("p50", |q| q.p50, Pen::new(BLUE, DashType::Solid, 2.0)),
    ];
    let mut steps: Vec<&Step> = found
        .steps
        .iter()
        .filter(|step| step.intended.count > 0)
        .collect();
    steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let fastest = steps.last()?.rate;
    let limits: Vec<&Slo> = slos.iter().filter(|slo| is_of_all_latencies(slo)).collect();
    let measured = lines.iter().flat_map(|(_, value, _)| {
        steps
            .iter()
            .filter_map(|step| axes::point(value(&step.intended)))
    });
    let points: Vec<f64> = measured.chain(limits.iter().map(|slo| slo.limit)).collect();
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), y| {
            (low.min(*y), high.max(*y))
        });

    let layout = layout(HoverMode::Closest)
        .x_axis(axes::counts("requests a second that were asked for"))
        .y_axis(axes::times("latency, intended", points.into_iter()));
    let mut drawing = Drawing::new(layout);
    for slo in limits {
        drawing.add(objective(slo, fastest));
    }
    if let Some(rate) = found.rate {
        drawing.add(highest(rate, low, high));
    }
    for line in &lines {
        draw(&mut drawing, &steps, line);
    }
    Some(drawing)
}

/// Those of one kind or of errors have no place on an axis of all requests' latencies.
fn is_of_all_latencies(slo: &Slo) -> bool {
    !slo.is_ratio && !slo.slo.contains(':') && slo.limit > 0.0
}

fn objective(slo: &Slo, fastest: f64) -> Box<Points> {
    let pen = Pen::new(GREY, DashType::LongDash, 1.0);
    let name = text(&slo.slo);
    let limit = axes::point(slo.limit);
    Scatter::new(vec![0.0, fastest], vec![limit, limit])
        .mode(Mode::LinesText)
        .line(pen.line())
        .text_array(vec![name, String::new()])
        .text_position(Position::TopRight)
        .hover_info(HoverInfo::Skip)
        .show_legend(false)
}

fn highest(rate: f64, low: f64, high: f64) -> Box<Points> {
    let pen = Pen::new(GREY, DashType::Solid, 3.0);
    let name = format!("highest that met: {}", units::rate(rate));
    let hover = vec![name.clone(), name.clone()];
    line(
        &name,
        &pen,
        vec![rate, rate],
        vec![axes::point(low), axes::point(high)],
        hover,
    )
}

/// The line, and on it a mark for each step that says how it went.
fn draw(drawing: &mut Drawing, steps: &[&Step], (name, value, pen): &Line) {
    let of = |steps: &[&Step]| {
        let x: Vec<f64> = steps.iter().map(|step| step.rate).collect();
        let y: Vec<Option<f64>> = steps
            .iter()
            .map(|step| axes::point(value(&step.intended)))
            .collect();
        let hover: Vec<String> = steps
            .iter()
            .map(|step| hover(name, value(&step.intended), step))
            .collect();
        (x, y, hover)
    };
    let (x, y, hover) = of(steps);
    drawing.add(line(name, pen, x, y, hover));
    for result in [Result::Met, Result::Missed, Result::Invalid] {
        let with_it: Vec<&Step> = steps
            .iter()
            .copied()
            .filter(|step| Result::of(step) == result)
            .collect();
        if !with_it.is_empty() {
            let (x, y, hover) = of(&with_it);
            let marks = Scatter::new(x, y)
                .mode(Mode::Markers)
                .marker(result.mark(pen.color));
            drawing.add(
                marks
                    .hover_text_array(hover)
                    .hover_info(HoverInfo::Text)
                    .show_legend(false),
            );
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Result {
    Met,
    Missed,
    Invalid,
}

impl Result {
    fn of(step: &Step) -> Self {
        match (step.invalid.is_empty(), step.missed.is_empty()) {
            (false, _) => Self::Invalid,
            (true, false) => Self::Missed,
            (true, true) => Self::Met,
        }
    }

    fn mark(self, color: &'static str) -> Marker {
        let (symbol, size) = match self {
            Self::Met => (MarkerSymbol::Circle, 7),
            Self::Missed => (MarkerSymbol::X, 9),
            Self::Invalid => (MarkerSymbol::DiamondOpen, 10),
        };
        Marker::new().symbol(symbol).size(size).color(color)
    }
}

fn hover(name: &str, seconds: f64, step: &Step) -> String {
    let first = format!(
        "{name} at {}: {}",
        units::rate(step.rate),
        units::time(seconds)
    );
    let why = step.invalid.iter().map(|why| format!("invalid: {why}"));
    let why = why.chain(step.missed.iter().map(|why| format!("missed: {why}")));
    let lines = std::iter::once(first).chain(why).map(|line| text(&line));
    lines.collect::<Vec<_>>().join("<br>")
}
