//! One run: what was asked for, and what came of it.

use crate::report::data::*;

pub(super) fn run() -> Run {
    Run {
        command: "tallied-loadtest --scenario mixed --rate 2000 --duration 60s --slo 'p99<20ms' --slo 'errors<0.1%' --compare old/report.json".to_owned(),
        version: "0.1.0".to_owned(),
        processors: 4,
        target: "http://localhost:41235".to_owned(),
        address: "127.0.0.1:41235".to_owned(),
        metrics_address: "127.0.0.1:41236".to_owned(),
        server_version: Some("0.1.0".to_owned()),
        scenario: "mixed".to_owned(),
        scenario_source: "mixed".to_owned(),
        description: "reads and writes of /data, faults, streams, scanners and clients that leave".to_owned(),
        rate: 2_000.0,
        arrival: "poisson".to_owned(),
        warm_up_seconds: 1.0,
        duration_seconds: 60.0,
        seconds: 60.0,
        connections: 256,
        threads: 2,
        timeout_seconds: 10.0,
        seed: 8_413_972_211_743,
        scrapes_per_second: 1.0,
        interrupted: false,
    }
}

pub(super) fn slos() -> Vec<Slo> {
    let slo = |slo: &str, value, limit, is_ratio| Slo {
        slo: slo.to_owned(),
        value,
        limit,
        is_ratio,
        met: value < limit,
    };
    vec![
        slo("errors<0.1%", 0.000_017, 0.001, true),
        slo("p99<20ms", 0.004_57, 0.02, false),
        slo("list:p99<20ms", 0.004_1, 0.02, false),
    ]
}

pub(super) fn generator() -> Generator {
    Generator {
        late: 12,
        late_seconds: 0.005,
        lag: quantiles(119_988, 0.000_04),
        busy_ratio: 0.31,
        waited_for_connection: 3,
        calibration: Some(Calibration {
            keeps_rate: 32_000.0,
            loses_rate: Some(64_000.0),
            at_rate: 2_000.0,
            intended: quantiles(2_000, 0.000_14),
            service: quantiles(2_000, 0.000_11),
            percentiles: percentiles(0.000_14, 0.3)
                .into_iter()
                .filter(|percentile| percentile.quantile < 0.999_6)
                .collect(),
        }),
    }
}

pub(super) fn quantiles(count: u64, p50: f64) -> Quantiles {
    let at = |quantile| latency(p50, 0.33, quantile);
    Quantiles {
        count,
        mean: p50 * 1.4,
        p50,
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: at(0.999_99),
    }
}

fn latency(p50: f64, tail: f64, quantile: f64) -> f64 {
    p50 * (0.5 / (1.0 - quantile)).powf(tail) * (1.0 + 0.15 * (40.0 * quantile).sin())
}

pub(super) fn percentiles(p50: f64, tail: f64) -> Vec<Percentile> {
    // As HdrHistogram's iterator: five in each half of what is left.
    let left = (0..85).map(|step| 0.5f64.powf(f64::from(step) / 5.0));
    let quantiles = left.map(|left| 1.0 - left).chain([1.0]);
    let mut longest = 0.0_f64;
    quantiles
        .map(|quantile| {
            longest = longest.max(latency(p50, tail, quantile.min(0.999_99)));
            Percentile {
                quantile,
                seconds: (longest * 1e6).round() / 1e6,
            }
        })
        .collect()
}

pub(super) fn figures(due: u64, p50: f64) -> Figures {
    Figures {
        due,
        sent: due,
        good: due - due.min(2),
        errors: Errors {
            unexpected_status: due.min(1),
            unexpected_statuses: (due > 0).then_some((503, 1)).into_iter().collect(),
            timed_out: due.min(1),
            ..Errors::default()
        },
        statuses: [(200, due - due.min(2)), (503, due.min(1))].into(),
        per_second: due as f64 / 60.0,
        request_bytes: due * 412,
        response_bytes: due * 1_890,
        intended: quantiles(due, p50),
        service: quantiles(due, p50 * 0.8),
        server_cpu_seconds: Some(0.000_041),
    }
}

/// Name, method, endpoint, weight, whether it is timed, and its p50.
const KINDS: [(&str, &str, &str, u32, bool, f64); 20] = [
    ("list", "GET", "/data", 300, true, 0.001_0),
    ("show", "GET", "/data/{id}", 200, true, 0.000_6),
    ("submit", "POST", "/data", 200, true, 0.001_2),
    ("submit, streamed", "POST", "/data", 30, true, 0.001_5),
    ("submit nonsense", "POST", "/data", 20, true, 0.000_5),
    ("submit a lot", "POST", "/data", 10, true, 0.004),
    ("head", "HEAD", "/data", 20, true, 0.000_7),
    ("health", "GET", "/health", 50, true, 0.000_4),
    ("delay", "GET", "/fault", 30, true, 0.031),
    ("error", "GET", "/fault", 20, true, 0.000_5),
    ("stream", "GET", "/fault", 30, true, 0.001_9),
    ("paced stream", "GET", "/fault", 10, true, 0.083),
    ("slow reader", "GET", "/fault", 2, false, 0.0),
    ("scanner", "GET", "unmatched", 40, true, 0.000_4),
    ("scanner that posts", "POST", "unmatched", 10, true, 0.000_5),
    ("odd method", "PURGE", "unmatched", 20, true, 0.000_4),
    ("panic", "GET", "/fault/aborts", 3, false, 0.0),
    ("broken body", "GET", "/fault/aborts", 3, false, 0.0),
    (
        "leaves in the upload",
        "POST",
        "/fault/aborts",
        5,
        false,
        0.0,
    ),
    (
        "leaves in the answer",
        "GET",
        "/fault/aborts",
        5,
        false,
        0.0,
    ),
];

pub(super) fn kinds() -> Vec<Kind> {
    let kind =
        |&(name, method, endpoint, weight, timed, p50): &(&str, &str, &str, u32, bool, f64)| {
            let mut figures = figures(u64::from(weight) * 119, p50);
            figures.server_cpu_seconds = None;
            if name != "list" {
                figures.errors = Errors::default();
                figures.good = figures.due;
            }
            if !timed {
                (figures.intended, figures.service) = (Quantiles::default(), Quantiles::default());
            }
            Kind {
                name: name.to_owned(),
                method: method.to_owned(),
                endpoint: endpoint.to_owned(),
                weight,
                timed,
                figures,
            }
        };
    KINDS.iter().map(kind).collect()
}

pub(super) fn second(at: f64) -> Second {
    let ramp = (at / 6.0).min(1.0);
    let wave = 1.0 + 0.05 * (at * 1.7).sin() + 0.03 * (at * 0.61).cos();
    // The server stops for a moment.
    let peak = if (37.0..39.0).contains(&at) {
        14.0
    } else {
        1.0
    };
    let ended = (2_000.0 * ramp * wave) as u64;
    let errors = u64::from(peak > 1.0);
    Second {
        at,
        due_seconds: 1.0,
        ended,
        good: ended - errors,
        errors,
        late: if peak > 1.0 { 6 } else { 0 },
        in_flight: (3.0 * ramp * wave * peak) as u64,
        intended: quantiles(ended, 0.001_1 * wave * peak),
        service: quantiles(ended, 0.000_9 * wave * peak.sqrt()),
    }
}
