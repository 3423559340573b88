//! More than one run.

use super::load::{figures, quantiles};
use crate::report::data::*;

pub(super) fn find_max() -> FindMax {
    let rates = [
        32_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 12_000.0, 14_000.0, 15_000.0, 14_500.0,
    ];
    let step = |rate: f64| {
        let queue = 1.0 / (1.0 - (rate / 17_500.0_f64).min(0.99));
        let intended = quantiles((rate * 5.0) as u64, 0.000_9 * queue);
        let missed = match intended.p99 > 0.02 {
            true => vec![format!(
                "p99<20ms: missed, with {:.1} ms",
                intended.p99 * 1e3
            )],
            false => Vec::new(),
        };
        let invalid = match rate > 20_000.0 {
            true => vec!["the generator fell behind: 7120 of 160000 requests (4.5 %) were handed over more than 5 ms late".to_owned()],
            false => Vec::new(),
        };
        Step {
            rate,
            achieved: rate.min(17_300.0) * 0.999,
            errors: 0,
            late: if invalid.is_empty() { 2 } else { 7_120 },
            intended,
            service: quantiles((rate * 5.0) as u64, 0.000_8 * queue.sqrt()),
            missed,
            invalid,
        }
    };
    FindMax {
        rate: Some(14_000.0),
        limited_by: "p99<20ms".to_owned(),
        steps: rates.map(step).to_vec(),
    }
}

pub(super) fn repetitions() -> Vec<Repetition> {
    let one = |index: u32| Repetition {
        server: if index.is_multiple_of(2) {
            "old"
        } else {
            "new"
        }
        .to_owned(),
        figures: figures(
            119_900 + u64::from(index),
            0.001_1 + f64::from(index) * 1e-5,
        ),
    };
    (0..12).map(one).collect()
}

pub(super) fn comparison() -> Comparison {
    let figure =
        |name: &str, unit: &str, old: f64, (low, high): (f64, f64), p_value, verdict: &str| {
            let ratio = (low * high).sqrt();
            Compared {
                name: name.to_owned(),
                unit: unit.to_owned(),
                old,
                new: old * ratio,
                ratio,
                ratio_low: low,
                ratio_high: high,
                p_value,
                verdict: verdict.to_owned(),
            }
        };
    Comparison {
        old: "old/report.json".to_owned(),
        interleaved: true,
        pairs: 6,
        figures: vec![
            figure(
                "p50, intended",
                "seconds",
                0.001_14,
                (0.97, 1.02),
                0.61,
                "noise",
            ),
            figure(
                "p99, intended",
                "seconds",
                0.006_1,
                (0.78, 0.86),
                0.000_4,
                "better",
            ),
            figure(
                "p99.9, intended",
                "seconds",
                0.019,
                (0.81, 1.22),
                0.84,
                "noise",
            ),
            figure(
                "good answers",
                "per second",
                1_998.0,
                (0.999, 1.001),
                0.9,
                "noise",
            ),
            figure(
                "server's processor time",
                "seconds",
                0.000_039,
                (1.03, 1.09),
                0.003,
                "worse",
            ),
            figure("errors", "ratio", 0.000_02, (0.9, 1.1), 0.5, "noise"),
        ],
    }
}
