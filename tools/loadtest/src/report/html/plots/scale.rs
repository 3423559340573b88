//! Scales whose ticks are what people say: 5 ms, 99.9 %, 2 min.

use crate::report::units;

/// The least latency that is measured. A logarithmic scale has no place for 0.
const LEAST_SECONDS: f64 = 1e-6;

#[derive(Debug)]
pub(super) struct Scale {
    /// Of the logarithms, if it is logarithmic.
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// What is less lies there.
    least: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) title: &'static str,
}

impl Scale {
    /// From 0 to 1; `None` for what has no place.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let value = value.max(self.least);
        let value = match self.is_logarithmic {
            true => value.log10(),
            false => value,
        };
        let part = (value - self.low) / (self.high - self.low);
        part.is_finite().then(|| part.clamp(0.0, 1.0))
    }

    pub(super) fn titled(self, title: &'static str) -> Self {
        Self { title, ..self }
    }
}

/// Latencies, logarithmic, so that all of these have a place.
pub(super) fn times(points: impl Iterator<Item = f64>) -> Scale {
    let points = points.map(|seconds| seconds.max(LEAST_SECONDS));
    let scale = logarithmic(points, LEAST_SECONDS, units::round_time);
    Scale {
        least: LEAST_SECONDS,
        ..scale
    }
}

/// Sizes, logarithmic.
pub(super) fn sizes(points: impl Iterator<Item = f64>) -> Scale {
    logarithmic(points, 1.0, units::bytes)
}

fn logarithmic(points: impl Iterator<Item = f64>, default: f64, shown: fn(f64) -> String) -> Scale {
    let positive = points.filter(|point| point.is_finite() && *point > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
        (low.min(point), high.max(point))
    });
    let (low, high) = if low <= high {
        (low, high)
    } else {
        (default, default * 10.0)
    };
    let (low, high) = (low.log10() - 0.08, high.log10() + 0.08);
    let ticks = decades(low, high);
    Scale {
        low,
        high,
        is_logarithmic: true,
        least: 0.0,
        ticks: ticks.map(|tick| (tick, shown(tick))).collect(),
        title: "",
    }
}

/// 1, 2, 5, 10 … where they have room, and else fewer; between two powers of ten.
fn decades(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let (steps, each): (&[f64], i32) = match high - low {
        decades if decades < 2.2 => (&[1.0, 2.0, 5.0], 1),
        decades => (&[1.0], (decades / 7.0).ceil() as i32),
    };
    let exponents = low.floor() as i32..=high.ceil() as i32;
    exponents
        .filter(move |exponent| exponent % each == 0)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)))
        .filter(move |tick| (low..=high).contains(&tick.log10()))
}

/// Where a quantile lies on a scale of [`quantiles`]: each nine takes as much room as the one before it. The maximum has no
/// place.
pub(super) fn nines(quantile: f64) -> Option<f64> {
    (0.0..1.0)
        .contains(&quantile)
        .then(|| 1.0 / (1.0 - quantile))
}

/// Up to the farthest of these points.
pub(super) fn quantiles(points: impl Iterator<Item = f64>) -> Scale {
    /// Beyond it, doubles and requests are too few.
    const MOST_NINES: i32 = 9;
    let farthest = points
        .filter(|point| point.is_finite())
        .fold(10.0, f64::max);
    let nines = (1..=MOST_NINES).map(|nines| 1.0 - 10f64.powi(-nines));
    let marked = [0.0, 0.5].into_iter().chain(nines);
    let ticks = marked.filter_map(|quantile| {
        let x = self::nines(quantile)?;
        (x <= farthest * 1.1).then(|| (x, units::quantile(quantile)))
    });
    Scale {
        low: 0.0,
        high: farthest.log10() + 0.05,
        is_logarithmic: true,
        least: 1.0,
        ticks: ticks.collect(),
        title: "part of the requests that took no longer",
    }
}

/// Time since the end of the warm-up.
pub(super) fn elapsed(from: f64, to: f64) -> Scale {
    /// Seconds that people count in.
    const STEPS: [f64; 18] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0,
        3_600.0, 7_200.0, 21_600.0, 86_400.0,
    ];
    const MOST_TICKS: f64 = 10.0;
    let to = to.max(from + 0.1);
    let step = STEPS
        .into_iter()
        .find(|step| (to - from) / step <= MOST_TICKS)
        .unwrap_or((to - from) / MOST_TICKS);
    linear(from, to, step, |seconds| clock(seconds, step)).titled("since the warm-up")
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

/// From 0 to the largest of these.
pub(super) fn amounts(points: impl Iterator<Item = f64>, shown: fn(f64) -> String) -> Scale {
    const MOST_TICKS: f64 = 6.0;
    let most = points.filter(|point| point.is_finite());
    let most = most.fold(0.0, f64::max) * 1.05;
    let most = if most > 0.0 { most } else { 1.0 };
    let power = 10f64.powf((most / MOST_TICKS).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| most / step <= MOST_TICKS);
    // Such as 0.30000000000000004.
    let shown = |value: f64| shown((value / power).round() * power);
    linear(0.0, most, step.unwrap_or(power * 10.0), |tick| {
        if power < 1.0 {
            units::number((tick * 1e6).round() / 1e6)
        } else {
            shown(tick)
        }
    })
}

fn linear(low: f64, high: f64, step: f64, shown: impl Fn(f64) -> String) -> Scale {
    let ticks = (low / step).ceil() as i64..=(high / step).floor() as i64;
    let ticks = ticks.map(|tick| tick as f64 * step);
    Scale {
        low,
        high,
        is_logarithmic: false,
        least: f64::NEG_INFINITY,
        ticks: ticks.map(|tick| (tick, shown(tick))).collect(),
        title: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scale: &Scale) -> Vec<String> {
        let names = scale.ticks.iter();
        names.map(|(_, name)| name.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn times_have_ticks_of_1_2_and_5_where_they_have_room() {
        let scale = times([0.000_9, 0.03].into_iter());
        assert_eq!(names(&scale), ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]);
        assert_eq!(names(&times([1e-6, 1.0].into_iter())).len(), 7);
        assert_eq!(scale.at(0.0), scale.at(1e-6));
        assert_eq!(scale.at(f64::NAN), scale.at(1e-6));
        assert_eq!(sizes([1.0, 10.0].into_iter()).at(0.0), None);
    }

    #[test]
    fn there_is_a_scale_without_points() {
        assert_eq!(names(&times(std::iter::empty())).len(), 4);
        assert_eq!(names(&times([f64::NAN].into_iter())), ["1 µs"]);
        assert_eq!(
            names(&quantiles(std::iter::empty())),
            ["0 %", "50 %", "90 %"]
        );
        assert_eq!(names(&amounts(std::iter::empty(), units::number))[1], "0.2");
    }

    #[test]
    fn quantiles_have_a_tick_for_each_nine() {
        let scale = quantiles([2.0, 10_000.0].into_iter());
        assert_eq!(
            names(&scale),
            ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
        assert_eq!(
            (nines(0.0), nines(0.5), nines(1.0)),
            (Some(1.0), Some(2.0), None)
        );
    }

    #[test]
    fn time_and_amounts_pass_in_round_steps() {
        assert_eq!(
            names(&elapsed(0.0, 0.5)),
            ["0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s"]
        );
        assert_eq!(names(&elapsed(-1.0, 60.4)).len(), 7);
        assert_eq!(names(&elapsed(0.0, 1_800.0))[1], "5 min");
        assert_eq!(names(&elapsed(0.0, 604_800.0))[1], "24 h");
        assert_eq!(
            names(&amounts([2_000.0].into_iter(), units::number)),
            ["0", "500", "1,000", "1,500", "2,000"]
        );
        assert_eq!(
            names(&amounts([48e6].into_iter(), units::bytes))[1],
            "10 MB"
        );
    }
}
