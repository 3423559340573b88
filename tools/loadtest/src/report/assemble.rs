//! What was measured, as the report has it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::data::{
    Calibration, Errors, Figures, FindMax, Generator, Kind, LatencyBucket, Percentile, Quantiles,
    Reconciliation, Run, Scrapes, Second, Slo, Step, Verdict,
};
use crate::asked::Asked;
use crate::exit::Exit;
use crate::find_max::Found;
use crate::load::{LATE, Measured, Part};
use crate::session::Ended;
use crate::target::Url;
use crate::{calibration, latency};

/// A percentile plot has a point for each half of what is left to 1, in so many pieces.
const POINTS_PER_HALF: u32 = 8;

pub(crate) fn run(asked: &Asked, target: &Url, measured: &Measured, ended: Option<&Ended>) -> Run {
    let metrics_url = asked.metrics_url.as_ref();
    Run {
        command: command(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        target: target.text.clone(),
        address: target.address.to_string(),
        metrics_address: metrics_url.map_or(target, |url| url).address.to_string(),
        server_version: ended.and_then(|ended| ended.server_version.clone()),
        scenario: asked.scenario.name.clone(),
        scenario_source: asked.scenario_source.clone(),
        description: asked.scenario.description.clone(),
        rate: asked.pace.rate,
        arrival: asked.options.arrival.name().to_owned(),
        warm_up_seconds: asked.pace.warm_up.as_secs_f64(),
        duration_seconds: asked.pace.duration.as_secs_f64(),
        seconds: measured.seconds,
        connections: asked.options.connections,
        threads: asked.options.threads,
        timeout_seconds: asked.options.timeout.as_secs_f64(),
        seed: asked.pace.seed,
        scrapes_per_second: asked.options.scrapes_per_second,
        interrupted: measured.interrupted,
    }
}

/// As it was typed, without the way to the program.
fn command() -> String {
    let words = std::env::args().skip(1).map(|word| {
        let plain = |c: char| c.is_alphanumeric() || "-_=/.,:+%".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    });
    let words = ["tallied-loadtest".to_owned()].into_iter().chain(words);
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn created() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

pub(crate) fn verdict(
    exit: Exit,
    invalid: Vec<String>,
    done: Option<&Reconciliation>,
    slos: &[Slo],
) -> Verdict {
    let missed: Vec<String> = slos
        .iter()
        .filter(|slo| !slo.met)
        .map(ToString::to_string)
        .collect();
    let summary = match exit {
        Exit::Held => match done {
            Some(_) => {
                "all held: the objectives are met, and the server's metrics agree with the clients"
                    .to_owned()
            }
            None => "all held: the objectives are met; the server's metrics were not looked at"
                .to_owned(),
        },
        Exit::SloMissed => missed.join("; "),
        Exit::Invalid => invalid.join("; "),
        Exit::NotReconciled => not_reconciled(done),
        Exit::Interrupted => "interrupted; what was sent is reconciled".to_owned(),
    };
    Verdict {
        exit_code: exit.code(),
        summary,
        invalid,
        reconciled: done.map(Reconciliation::holds),
        slos: slos.to_vec(),
    }
}

fn not_reconciled(done: Option<&Reconciliation>) -> String {
    let problem = done.and_then(|done| done.problems.first());
    match (done.is_some_and(|done| done.mismatches.is_empty()), problem) {
        (true, Some(problem)) => format!("the server's metrics do not hold: {problem}"),
        (false, Some(problem)) => {
            format!("the server's metrics do not agree with the clients: {problem}")
        }
        _ => "the server's metrics do not agree with the clients; was somebody else talking to it?"
            .to_owned(),
    }
}

pub(crate) fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let at = |quantile| latency::at(histogram, quantile);
    Quantiles {
        count: histogram.len(),
        mean: histogram.mean() / 1e6,
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
    }
}

pub(crate) fn percentiles(histogram: &Histogram<u64>) -> Vec<Percentile> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let points = histogram.iter_quantiles(POINTS_PER_HALF);
    points
        .map(|point| Percentile {
            quantile: point.quantile_iterated_to(),
            seconds: point.value_iterated_to() as f64 / 1e6,
        })
        .collect()
}

/// Ten to a power of ten.
pub(crate) fn latencies(histogram: &Histogram<u64>) -> Vec<LatencyBucket> {
    const EACH: f64 = 10.0;
    let mut counts: BTreeMap<i32, u64> = BTreeMap::new();
    for point in histogram.iter_recorded() {
        let seconds = point.value_iterated_to().max(1) as f64 / 1e6;
        let bucket = (seconds.log10() * EACH).floor() as i32;
        *counts.entry(bucket).or_default() += point.count_since_last_iteration();
    }
    let bound = |bucket: i32| 10f64.powf(f64::from(bucket) / EACH);
    counts
        .into_iter()
        .map(|(bucket, count)| LatencyBucket {
            from: bound(bucket),
            to: bound(bucket + 1),
            count,
        })
        .collect()
}

fn per_second(count: u64, seconds: f64) -> f64 {
    match seconds > 0.0 {
        true => count as f64 / seconds,
        false => 0.0,
    }
}

pub(crate) fn figures(part: &Part, seconds: f64, server_cpu_seconds: Option<f64>) -> Figures {
    let counts = &part.counts;
    Figures {
        due: counts.due,
        sent: counts.sent,
        good: counts.good,
        errors: Errors {
            unexpected_status: counts.unexpected,
            unexpected_statuses: part.unexpected.clone(),
            broken: counts.broken,
            timed_out: counts.timed_out,
            refused: counts.refused,
            dropped: counts.dropped,
        },
        statuses: part.statuses.clone(),
        per_second: per_second(counts.good_in_time, seconds),
        request_bytes: counts.request_bytes,
        response_bytes: counts.response_bytes,
        intended: quantiles(&part.latencies.intended),
        service: quantiles(&part.latencies.service),
        server_cpu_seconds,
    }
}

pub(crate) fn generator(part: &Part, calibrated: Option<&calibration::Calibration>) -> Generator {
    Generator {
        late: part.counts.late,
        late_seconds: LATE.as_secs_f64(),
        lag: quantiles(&part.lag),
        busy_ratio: part.busy_ratio,
        waited_for_connection: part.counts.waited,
        calibration: calibrated.map(|calibrated| Calibration {
            keeps_rate: calibrated.keeps,
            loses_rate: calibrated.loses,
            at_rate: calibrated.at_rate,
            intended: quantiles(&calibrated.latencies.intended),
            service: quantiles(&calibrated.latencies.service),
            percentiles: percentiles(&calibrated.latencies.service),
        }),
    }
}

pub(crate) fn kinds(asked: &Asked, parts: &[Part], seconds: f64) -> Vec<Kind> {
    let both = asked.scenario.kinds.iter().zip(parts);
    both.map(|(kind, part)| Kind {
        name: kind.name.clone(),
        method: kind.method_label().to_owned(),
        endpoint: kind.endpoint.clone(),
        weight: kind.weight,
        timed: kind.is_timed(),
        figures: figures(part, seconds, None),
    })
    .collect()
}

pub(crate) fn seconds(parts: &[Part]) -> Vec<Second> {
    let numbered = parts.iter().enumerate();
    numbered
        .map(|(index, part)| Second {
            at: (index + 1) as f64 * crate::load::PART.as_secs_f64(),
            due_seconds: part.due_seconds,
            target: part.target,
            ended: part.counts.due,
            good: part.counts.good,
            errors: part.counts.errors(),
            late: part.counts.late,
            in_flight: part.in_flight,
            intended: quantiles(&part.latencies.intended),
            service: quantiles(&part.latencies.service),
        })
        .collect()
}

/// 0 where there is nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(upper), 0) => (sorted[middle - 1] + upper) / 2.0,
        (Some(middle), _) => *middle,
    }
}

pub(crate) fn scrapes(ended: &Ended) -> Scrapes {
    let times = ended.scrape_times.iter().map(|time| time.as_secs_f64());
    let times: Vec<f64> = times.collect();
    Scrapes {
        count: times.len() as u64,
        samples: ended.samples,
        median_seconds: median(&times),
        longest_seconds: times.iter().copied().fold(0.0, f64::max),
    }
}

pub(crate) fn found(found: &Found) -> FindMax {
    let steps = found.steps.iter().map(|step| {
        let (total, counts) = (&step.measured.total, &step.measured.total.counts);
        Step {
            rate: step.rate,
            achieved: per_second(counts.good_in_time, step.measured.seconds),
            errors: counts.errors(),
            late: counts.late,
            intended: quantiles(&total.latencies.intended),
            service: quantiles(&total.latencies.service),
            missed: step.missed(),
            invalid: step.invalid.iter().cloned().collect(),
        }
    });
    FindMax {
        rate: found.rate,
        limited_by: found.limited_by.clone(),
        steps: steps.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quantile_is_its_own() {
        let mut histogram = Histogram::new(3).expect("three digits");
        for micros in 1..=10_000 {
            histogram.record(micros).expect("it grows");
        }
        let quantiles = quantiles(&histogram);
        let found = [
            quantiles.p50,
            quantiles.p90,
            quantiles.p95,
            quantiles.p99,
            quantiles.p999,
            quantiles.max,
        ];
        // Seconds, to three digits.
        for (found, meant) in found
            .iter()
            .zip([0.005, 0.009, 0.0095, 0.0099, 0.00999, 0.01])
        {
            assert!(
                (found / meant - 1.0).abs() < 0.002,
                "{found} is not {meant}"
            );
        }
        let json = serde_json::to_value(quantiles).expect("numbers");
        assert_eq!(json["p95"], found[2]);
    }
}
