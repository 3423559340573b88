//! A made-up report that has everything, as like a real one as the tests and an eye need.

use crate::envelope::Range;
use crate::report::data::*;

/// As a user may name a request: what breaks out of a page, of an attribute, or of a style.
pub(crate) const HOSTILE: &str = "</style><script>alert(1)</script><!--<b onload='alert(2)'>\"&lt;";

pub(crate) fn report() -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        created: 1_764_158_400,
        run: run(),
        verdict: Verdict {
            summary:
                "all held: the objectives are met, and the server's metrics agree with the clients"
                    .to_owned(),
            reconciled: Some(true),
            slos: slos(),
            ..Verdict::default()
        },
        generator: Generator {
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
                percentiles: percentiles(0.000_14, 0.3),
            }),
        },
        total: figures(119_988, 0.001_1),
        kinds: KINDS.iter().map(kind).collect(),
        seconds: (1..=60).map(|at| second(f64::from(at))).collect(),
        intended: percentiles(0.001_1, 0.33),
        service: percentiles(0.000_9, 0.27),
        latencies: (-34..-15).map(latencies).collect(),
        scrapes: Some(Scrapes {
            count: 62,
            samples: 514,
            median_seconds: 0.000_8,
            longest_seconds: 0.003_4,
        }),
        server: Some(Server {
            samples: (-1..=60).map(|at| server(f64::from(at))).collect(),
            most: server(60.0).figures,
        }),
        reconciliation: Some(Reconciliation {
            compared: 1_204,
            absent: vec!["http_response_start_seconds".to_owned()],
            rows: ROWS.iter().map(row).collect(),
            ..Reconciliation::default()
        }),
        find_max: Some(FindMax {
            rate: Some(14_000.0),
            limited_by: "p99<20ms".to_owned(),
            steps: [32_000.0, 2_000.0, 8_000.0, 16_000.0, 14_000.0]
                .map(step)
                .to_vec(),
        }),
        repetitions: [("old", 0.001_2), ("new", 0.001_1)]
            .map(repetition)
            .to_vec(),
        comparison: Some(Comparison {
            old: "old/report.json".to_owned(),
            interleaved: true,
            pairs: 6,
            figures: [
                ("p50, intended", "seconds", 0.001_14, 0.99, "noise"),
                ("p99, intended", "seconds", 0.006_1, 0.82, "better"),
                ("good answers", "per second", 1_998.0, 0.9, "worse"),
            ]
            .map(compared)
            .to_vec(),
        }),
    }
}

fn run() -> Run {
    Run {
        command: "tallied-loadtest --scenario mixed --rate 2000 --duration 60s --slo 'p99<20ms' --compare old/report.json".to_owned(),
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

fn slos() -> Vec<Slo> {
    let slo = |slo: &str, value, limit, is_ratio| Slo {
        slo: slo.to_owned(),
        value,
        limit,
        is_ratio,
        unit: String::new(),
        met: value < limit,
    };
    vec![
        slo("errors<0.1%", 0.000_017, 0.001, true),
        slo("p99<20ms", 0.004_57, 0.02, false),
        slo("list:p99<20ms", 0.004_1, 0.02, false),
    ]
}

fn quantiles(count: u64, p50: f64) -> Quantiles {
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
    p50 * (0.5 / (1.0 - quantile)).powf(tail)
}

fn percentiles(p50: f64, tail: f64) -> Vec<Percentile> {
    // As HdrHistogram's iterator: five in each half of what is left.
    let left = (0..85).map(|step| 0.5f64.powf(f64::from(step) / 5.0));
    let quantiles = left.map(|left| 1.0 - left).chain([1.0]);
    let at = |quantile: f64| Percentile {
        quantile,
        seconds: latency(p50, tail, quantile.min(0.999_99)),
    };
    quantiles.map(at).collect()
}

fn latencies(bucket: i32) -> LatencyBucket {
    let bound = |bucket: i32| 10f64.powf(f64::from(bucket) / 10.0);
    LatencyBucket {
        from: bound(bucket),
        to: bound(bucket + 1),
        count: (40_000.0 * (-0.1 * f64::from(bucket + 29).powi(2)).exp()) as u64 + 3,
    }
}

fn figures(due: u64, p50: f64) -> Figures {
    Figures {
        due,
        sent: due,
        good: due - 2,
        errors: Errors {
            unexpected_status: 1,
            unexpected_statuses: [(503, 1)].into(),
            timed_out: 1,
            ..Errors::default()
        },
        statuses: [(200, due - 2), (503, 1)].into(),
        per_second: due as f64 / 60.0,
        request_bytes: due * 412,
        response_bytes: due * 1_890,
        intended: quantiles(due, p50),
        service: quantiles(due, p50 * 0.8),
        server_cpu_seconds: Some(0.000_041),
    }
}

/// Name, method, endpoint, whether it is timed, and its p50.
type KindOf = (&'static str, &'static str, &'static str, bool, f64);

const KINDS: [KindOf; 4] = [
    ("list", "GET", "/data", true, 0.001_0),
    ("submit", "POST", "/data", true, 0.001_2),
    ("scanner", "GET", "unmatched", true, 0.000_4),
    ("leaves in the upload", "POST", "/fault/aborts", false, 0.0),
];

fn kind(&(name, method, endpoint, timed, p50): &KindOf) -> Kind {
    let mut figures = figures(23_800, p50);
    if name != "list" {
        figures.errors = Errors::default();
    }
    Kind {
        name: name.to_owned(),
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        weight: 200,
        timed,
        figures,
    }
}

fn second(at: f64) -> Second {
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
        target: 2_000.0,
        ended,
        good: ended - errors,
        errors,
        late: errors * 6,
        in_flight: (3.0 * ramp * wave * peak) as u64,
        intended: quantiles(ended, 0.001_1 * wave * peak),
        service: quantiles(ended, 0.000_9 * wave * peak.sqrt()),
    }
}

fn server(at: f64) -> ServerSample {
    let figures = ServerFigures {
        series: 1_512,
        heap_live_bytes: Some(600_000.0 + 20_000.0 * (at * 0.7).sin()),
        resident_memory_bytes: Some(24e6 - 8e6 * (-at / 8.0).exp()),
        open_fds: Some(31.0),
        cpu_seconds: Some(at.max(0.0) * 0.35),
        cores: (at > 10.0).then(|| 0.35 + 0.1 * (at / 7.0).floor().sin()),
    };
    ServerSample { at, figures }
}

/// Method, endpoint, the status of most, how many there were, and their p50.
type RowOf = (&'static str, &'static str, &'static str, f64, f64);

const ROWS: [RowOf; 4] = [
    ("GET", "/data", "200", 35_990.0, 0.004),
    ("GET", "/data/{id}", "200", 24_020.0, 0.002),
    ("POST", "/data", "201", 31_110.0, 0.009),
    ("POST", "/fault/aborts", "499", 610.0, 0.012),
];

fn exactly(value: f64) -> Figure {
    Figure {
        server: value,
        client: Range::exactly(value),
    }
}

fn row(&(method, endpoint, status, count, p50): &RowOf) -> Row {
    let below = |bound: f64, p50: f64| (count * (1.0 - (-0.7 * bound / p50).exp())).floor();
    // The client waited a little longer than the server took.
    let durations = |name: &str| HistogramRow {
        name: name.to_owned(),
        count: exactly(count),
        sum: exactly(count * p50 * 1.2),
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]
            .map(|bound| {
                let client = Range {
                    least: below(bound, p50 * 1.4),
                    most: count,
                };
                let server = below(bound, p50);
                (bound, Figure { server, client })
            })
            .to_vec(),
    };
    let sizes = |name: &str| HistogramRow {
        name: name.to_owned(),
        count: exactly(count),
        sum: exactly((count * 900.0).floor()),
        buckets: [0.0, 100.0, 1_000.0, 10_000.0, 100_000.0]
            .map(|bound| (bound, exactly(below(bound, 600.0))))
            .to_vec(),
    };
    Row {
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        requests: exactly(count),
        statuses: vec![
            (status.to_owned(), exactly(count - 24.0)),
            ("500".to_owned(), exactly(24.0)),
        ],
        aborted: vec![("client_disconnect".to_owned(), exactly(24.0))],
        histograms: vec![
            durations("http_request_duration_seconds"),
            durations("http_response_start_seconds"),
            sizes("http_request_size_bytes"),
            sizes("http_response_size_bytes"),
        ],
    }
}

fn step(rate: f64) -> Step {
    let queue = 1.0 / (1.0 - (rate / 17_500.0_f64).min(0.99));
    let when = |is_so: bool, what: &str| {
        if is_so {
            vec![what.to_owned()]
        } else {
            Vec::new()
        }
    };
    Step {
        rate,
        achieved: rate.min(17_300.0) * 0.999,
        errors: 0,
        late: 2,
        intended: quantiles((rate * 5.0) as u64, 0.000_9 * queue),
        service: quantiles((rate * 5.0) as u64, 0.000_8 * queue.sqrt()),
        missed: when(rate > 15_000.0, "p99<20ms: missed, with 61 ms"),
        invalid: when(rate > 20_000.0, "the generator fell behind"),
    }
}

fn repetition((server, p50): (&str, f64)) -> Repetition {
    Repetition {
        server: server.to_owned(),
        figures: figures(119_900, p50),
    }
}

fn compared((name, unit, old, ratio, verdict): (&str, &str, f64, f64, &str)) -> Compared {
    Compared {
        name: name.to_owned(),
        unit: unit.to_owned(),
        old,
        new: old * ratio,
        ratio,
        ratio_low: ratio * 0.97,
        ratio_high: ratio * 1.03,
        p_value: 0.003,
        verdict: verdict.to_owned(),
    }
}

/// One whose server counts wrongly.
pub(crate) fn differing() -> Report {
    let mut report = report();
    report.verdict.exit_code = 5;
    report.verdict.summary = "the server's metrics do not agree with the clients".to_owned();
    report.verdict.reconciled = Some(false);
    report.verdict.slos[1].met = false;
    let books = report.reconciliation.as_mut().unwrap();
    let row = &mut books.rows[1];
    row.statuses[0].1.server -= 12.0;
    row.histograms[0].buckets[0].1.server = row.histograms[0].buckets[0].1.client.least - 2_800.0;
    let mismatch = |name: &str, more: &str, figure: Figure| Mismatch {
        series: format!("{name}{{method=\"GET\",endpoint=\"/data/{{id}}\",{more}}}"),
        server: figure.server,
        client: figure.client,
    };
    books.mismatches = vec![
        mismatch(
            "http_requests_total",
            "status_code=\"200\"",
            row.statuses[0].1,
        ),
        mismatch(
            "http_request_duration_seconds_bucket",
            "le=\"0.005\"",
            row.histograms[0].buckets[0].1,
        ),
    ];
    books.problems = vec![
        "scrape 17: http_requests_total{endpoint=\"/health\"} fell from 812 to 811".to_owned(),
    ];
    report
}

/// One that was interrupted before anything was due.
pub(crate) fn interrupted() -> Report {
    let mut report = Report {
        run: run(),
        ..Report::default()
    };
    report.run.interrupted = true;
    report.run.seconds = 0.0;
    report.verdict.exit_code = 130;
    report.verdict.summary = "interrupted; what was sent is reconciled".to_owned();
    report
}

/// [`HOSTILE`] wherever there is a text: in the JSON, each string is one, but for what tells the histograms and servers apart.
pub(crate) fn hostile() -> Report {
    fn make(value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) if text.starts_with("http_") || text == "new" => {}
            Value::String(text) if text.starts_with('p') && text.contains('<') => {
                *text = format!("p99<{HOSTILE}");
            }
            Value::String(text) => HOSTILE.clone_into(text),
            Value::Array(values) => values.iter_mut().for_each(make),
            Value::Object(values) => values.values_mut().for_each(make),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(differing()).unwrap();
    make(&mut value);
    serde_json::from_value(value).unwrap()
}
