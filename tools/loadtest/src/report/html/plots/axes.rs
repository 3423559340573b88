//! Axes whose ticks are what people say: 5 ms, 99.9 %, 2 min.

use plotly::common::{ExponentFormat, TickMode};
use plotly::layout::{Axis, AxisRange, AxisType, RangeMode};

use super::super::units;

/// The least that is measured. A logarithmic axis has no place for 0.
const LEAST_SECONDS: f64 = 1e-6;

/// A latency as a point of an axis of [`times`].
pub(super) fn point(seconds: f64) -> Option<f64> {
    seconds.is_finite().then(|| seconds.max(LEAST_SECONDS))
}

/// A logarithmic axis of times that holds all of these points.
pub(super) fn times(title: &str, points: impl Iterator<Item = f64>) -> Axis {
    logarithmic(
        title,
        points,
        LEAST_SECONDS..=LEAST_SECONDS * 10.0,
        units::round_time,
    )
}

/// A logarithmic axis of sizes.
pub(super) fn sizes(title: &str, points: impl Iterator<Item = f64>) -> Axis {
    logarithmic(title, points, 1.0..=10.0, units::bytes)
}

fn logarithmic(
    title: &str,
    points: impl Iterator<Item = f64>,
    default: std::ops::RangeInclusive<f64>,
    shown: fn(f64) -> String,
) -> Axis {
    let positive = points.filter(|point| point.is_finite() && *point > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
        (low.min(point), high.max(point))
    });
    let (low, high) = if low <= high {
        (low, high)
    } else {
        default.into_inner()
    };
    let (low, high) = (low.log10() - 0.08, high.log10() + 0.08);
    let ticks = ticks(low, high);
    let names = ticks.iter().map(|tick| shown(*tick)).collect();
    titled(title)
        .type_(AxisType::Log)
        .range(AxisRange::new(low, high))
        .tick_mode(TickMode::Array)
        .tick_values(ticks)
        .tick_text(names)
}

/// 1, 2, 5, 10 … where they have room, and else fewer; between two powers of ten.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let (steps, each): (&[f64], i32) = match high - low {
        decades if decades < 3.2 => (&[1.0, 2.0, 5.0], 1),
        decades if decades < 8.0 => (&[1.0], 1),
        decades => (&[1.0], (decades / 6.0).ceil() as i32),
    };
    let exponents =
        (low.floor() as i32..=high.ceil() as i32).filter(|exponent| exponent % each == 0);
    let all =
        exponents.flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)));
    all.filter(|tick| (low..=high).contains(&tick.log10()))
        .collect()
}

/// Where a quantile lies on an axis of [`quantiles`]: each nine takes as much room as the one before it. The maximum has no
/// place.
pub(super) fn nines(quantile: f64) -> Option<f64> {
    (0.0..1.0)
        .contains(&quantile)
        .then(|| 1.0 / (1.0 - quantile))
}

/// Up to the farthest of these points.
pub(super) fn quantiles(points: impl Iterator<Item = f64>) -> Axis {
    /// Beyond it, doubles and requests are too few.
    const MOST_NINES: i32 = 9;
    let farthest = points
        .filter(|point| point.is_finite())
        .fold(10.0, f64::max);
    let nines = (1..=MOST_NINES).map(|nines| 1.0 - 10f64.powi(-nines));
    let marked = [0.0, 0.5].into_iter().chain(nines);
    let ticks: Vec<(f64, String)> = marked
        .filter_map(|quantile| Some((self::nines(quantile)?, units::quantile(quantile))))
        .filter(|(x, _)| *x <= farthest * 1.1)
        .collect();
    let (values, names) = ticks.into_iter().unzip();
    Axis::new()
        .title("part of the requests that took no longer")
        .type_(AxisType::Log)
        .range(AxisRange::new(0.0, farthest.log10() + 0.05))
        .tick_mode(TickMode::Array)
        .tick_values(values)
        .tick_text(names)
}

/// Time since the end of the warm-up.
pub(super) fn elapsed(from: f64, to: f64) -> Axis {
    /// Seconds that people count in.
    const STEPS: [f64; 18] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0,
        3_600.0, 7_200.0, 21_600.0, 86_400.0,
    ];
    const MOST_TICKS: f64 = 12.0;
    let to = to.max(from + 0.1);
    let step = STEPS
        .into_iter()
        .find(|step| (to - from) / step <= MOST_TICKS)
        .unwrap_or((to - from) / MOST_TICKS);
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    let values: Vec<f64> = (first..=last).map(|tick| tick as f64 * step).collect();
    let names = values.iter().map(|seconds| clock(*seconds, step)).collect();
    Axis::new()
        .title("since the warm-up")
        .range(AxisRange::new(from, to))
        .tick_mode(TickMode::Array)
        .tick_values(values)
        .tick_text(names)
        // Of a time that is hovered over, where there is no tick.
        .hover_format(".1f")
        .tick_suffix("\u{a0}s")
        .zero_line(false)
}

fn clock(seconds: f64, step: f64) -> String {
    let (value, unit) = match step {
        step if step < 60.0 => (seconds, "s"),
        step if step < 3_600.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3_600.0, "h"),
    };
    // A step of 0.1 has no exact multiples.
    let value = units::number((value * 100.0).round() / 100.0);
    format!("{value}\u{a0}{unit}")
}

/// With room for both names of ticks and title, or without a title.
fn titled(title: &str) -> Axis {
    match title {
        "" => Axis::new(),
        title => Axis::new().title(title).auto_margin(true),
    }
}

/// From 0, in whole words: 20,000 and not 20k.
pub(super) fn counts(title: &str) -> Axis {
    titled(title)
        .range_mode(RangeMode::ToZero)
        .separate_thousands(true)
        .exponent_format(ExponentFormat::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(axis: &Axis) -> serde_json::Value {
        serde_json::to_value(axis).unwrap()
    }

    fn names(axis: &Axis) -> Vec<String> {
        let json = json(axis);
        let names = json["ticktext"].as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().replace('\u{a0}', " "))
            .collect()
    }

    #[test]
    fn times_have_ticks_of_1_2_and_5() {
        let axis = times("", [0.000_9, 0.03].into_iter());
        assert_eq!(names(&axis), ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]);
        assert_eq!(names(&times("", [1e-6, 1.0].into_iter())).len(), 7);
        assert_eq!(names(&times("", [1e-12, 1e12].into_iter())).len(), 5);
    }

    #[test]
    fn there_is_an_axis_without_points() {
        assert_eq!(names(&times("", std::iter::empty())).len(), 4);
        assert_eq!(names(&times("", [0.0, f64::NAN].into_iter())).len(), 4);
        assert_eq!(
            names(&quantiles(std::iter::empty())),
            ["0 %", "50 %", "90 %"]
        );
    }

    #[test]
    fn quantiles_have_a_tick_for_each_nine() {
        let axis = quantiles([2.0, 10_000.0].into_iter());
        assert_eq!(
            names(&axis),
            ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
        assert_eq!(
            (nines(0.0), nines(0.5), nines(1.0)),
            (Some(1.0), Some(2.0), None)
        );
    }

    #[test]
    fn time_passes_in_round_steps() {
        assert_eq!(
            names(&elapsed(0.0, 0.5)),
            ["0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s"]
        );
        assert_eq!(names(&elapsed(0.0, 60.4)).len(), 7);
        assert_eq!(names(&elapsed(0.0, 1_800.0))[1], "5 min");
        assert_eq!(names(&elapsed(0.0, 604_800.0))[1], "24 h");
        assert_eq!(names(&elapsed(0.0, 0.0)), ["0 s", "0.1 s"]);
    }
}
