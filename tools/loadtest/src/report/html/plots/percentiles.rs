//! Latency by percentile, as HdrHistogram's plots have it: the tail has as much room as the rest.

use plotly::Scatter;
use plotly::common::{DashType, HoverInfo, Marker, MarkerSymbol, Mode, Position};
use plotly::layout::HoverMode;

use super::super::units;
use super::{BLUE, Drawing, GREEN, GREY, Pen, Points, VERMILION, axes, layout, line, text};
use crate::report::data::{Percentile, Report, Slo};

/// `None` where nothing was measured.
pub(in super::super) fn latency_by_percentile(report: &Report) -> Option<Drawing> {
    let null = report.generator.calibration.as_ref();
    let curves = [
        Curve::of(
            "null responder",
            Pen::new(GREY, DashType::Dot, 2.0),
            null.map_or(&[], |null| &null.percentiles),
        ),
        Curve::of(
            "service",
            Pen::new(GREEN, DashType::Dash, 2.0),
            &report.service,
        ),
        Curve::of(
            "intended",
            Pen::new(BLUE, DashType::Solid, 2.5),
            &report.intended,
        ),
    ];
    if curves[1..].iter().all(|curve| curve.points.is_empty()) {
        return None;
    }
    let goals: Vec<Goal> = report.verdict.slos.iter().filter_map(Goal::of).collect();
    // Room above for the mark.
    let of_goals = goals.iter().map(|goal| (goal.x, goal.slo.limit * 1.3));
    let all: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().copied())
        .chain(of_goals)
        .collect();
    let layout = layout(HoverMode::Closest)
        .x_axis(axes::quantiles(all.iter().map(|(x, _)| *x)))
        .y_axis(axes::times("latency", all.iter().map(|(_, y)| *y)));
    let mut drawing = Drawing::new(layout);
    for curve in curves.into_iter().filter(|curve| !curve.points.is_empty()) {
        drawing.add(curve.draw());
    }
    for goal in &goals {
        drawing.add(goal.draw());
    }
    Some(drawing)
}

struct Curve {
    name: &'static str,
    pen: Pen,
    points: Vec<(f64, f64)>,
    hover: Vec<String>,
}

impl Curve {
    fn of(name: &'static str, pen: Pen, percentiles: &[Percentile]) -> Self {
        let known = percentiles.iter().filter_map(|percentile| {
            let Percentile { quantile, seconds } = *percentile;
            let point = (axes::nines(quantile)?, axes::point(seconds)?);
            Some((
                point,
                format!(
                    "{name}<br>{} took at most {}",
                    units::quantile(quantile),
                    units::time(seconds)
                ),
            ))
        });
        let (points, hover) = known.unzip();
        Self {
            name,
            pen,
            points,
            hover,
        }
    }

    fn draw(self) -> Box<Points> {
        let (x, y) = self.points.into_iter().map(|(x, y)| (x, Some(y))).unzip();
        line(self.name, &self.pen, x, y, self.hover)
    }
}

/// An objective of a quantile of all requests: the intended latency is to pass below it.
struct Goal<'a> {
    slo: &'a Slo,
    x: f64,
}

impl<'a> Goal<'a> {
    fn of(slo: &'a Slo) -> Option<Self> {
        let (figure, _) = slo.slo.split_once('<')?;
        let percent: f64 = figure.trim().strip_prefix('p')?.parse().ok()?;
        let x = axes::nines(percent / 100.0)?;
        (!slo.is_ratio && slo.limit > 0.0).then_some(Self { slo, x })
    }

    fn draw(&self) -> Box<Points> {
        let (color, result) = if self.slo.met {
            (GREY, "met")
        } else {
            (VERMILION, "missed")
        };
        let name = text(&self.slo.slo);
        Scatter::new(vec![self.x], vec![axes::point(self.slo.limit)])
            .mode(Mode::MarkersText)
            .marker(
                Marker::new()
                    .symbol(MarkerSymbol::TriangleDown)
                    .size(12)
                    .color(color),
            )
            .text(format!(" {name} {result}"))
            .text_position(Position::MiddleRight)
            .hover_text(format!(
                "{name}: {result}, with {}",
                units::time(self.slo.value)
            ))
            .hover_info(HoverInfo::Text)
            .show_legend(false)
    }
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
                met: true,
            };
            Goal::of(&slo).map(|goal| goal.x.round())
        };
        assert_eq!(of("p99<250ms", false), Some(100.0));
        assert_eq!(of("p99.9 < 250ms", false), Some(1_000.0));
        for text in [
            "max<1s",
            "mean<1s",
            "errors<1%",
            "list:p99<1s",
            "p100<1s",
            "panic",
            "",
        ] {
            assert_eq!(of(text, text.starts_with("errors")), None, "{text}");
        }
    }
}
