//! The first thing that one sees: is it fine, what fires, and which endpoint is it?

use super::super::model::{Panel, Section, color, to_endpoint, unit};
use super::USERS;

pub(super) fn section() -> Section {
    Section::top()
        .line(
            4,
            [
                (3, up()),
                (4, firing()),
                (3, requests()),
                (3, failed()),
                (3, slow()),
                (3, p99()),
                (3, in_flight()),
                (2, burn()),
            ],
        )
        .line(9, [(10, alerts()), (14, endpoints())])
}

fn up() -> Panel {
    Panel::stat(
        1,
        "Servers up",
        "The share of the servers that Prometheus gets metrics from. TalliedTargetDown fires for each that it does not, \
         TalliedJobAbsent where there is none to ask.",
    )
    .unit(unit::SHARE)
    .query("up", r#"avg(up{job="$job",instance=~"$instance"})"#)
    .thresholds(color::RED, &[])
    .mappings(&[("1", "all", color::GREEN)])
    .no_value("no server")
}

fn firing() -> Panel {
    let count = |severity: &str| {
        format!(
            r#"count(ALERTS{{alertname=~"Tallied.+",alertstate="firing",severity="{severity}"}}) or 0 * count(ALERTS{{alertname="TalliedWatchdog"}})"#
        )
    };
    Panel::stat(
        2,
        "Alerts that fire",
        "Of all jobs. page: somebody is needed now. ticket: in the morning. Without TalliedWatchdog, which always fires, no \
         rule is evaluated, and there is no number here.",
    )
    .unit(unit::NONE)
    .query("page", &count("page"))
    .query("ticket", &count("ticket"))
    .thresholds(color::RED, &[])
    .mappings(&[("0", "0", color::GREEN)])
    .no_value("no rules")
    .with_names()
}

fn requests() -> Panel {
    Panel::stat(
        3,
        "Requests (5m)",
        "Recorded over 5m, of all servers of the job, without scrapes, probes and what no route took. TalliedTrafficDrop \
         compares it with the last 6 hours and with yesterday.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query("requests", r#"job:http_requests:rate5m{job="$job"}"#)
    .thresholds(color::TEXT, &[])
    .no_value("none")
}

fn failed() -> Panel {
    Panel::stat(
        4,
        "Failed (5m)",
        "The share of the requests that were answered with 5xx; recorded over 5m, of the whole job. 0.1 % may. Where \
         the last hour's and the last 5 minutes' are above 1.44 %, for 2 minutes, TalliedErrorBurn1h fires.",
    )
    .unit(unit::SHARE)
    .query(
        "failed",
        r#"job:http_request_failures_per_requests:ratio_rate5m{job="$job"}"#,
    )
    .thresholds(
        color::GREEN,
        &[(0.001, color::ORANGE), (0.0144, color::RED)],
    )
    .no_value("no requests")
}

fn slow() -> Panel {
    Panel::stat(
        5,
        "Over 0.5 s (5m)",
        "The share of the requests that took more than half a second; recorded over 5m, of the whole job. 1 % may. Where \
         the last hour's and the last 5 minutes' are above 14.4 %, for 2 minutes, TalliedLatencyBurn1h fires.",
    )
    .unit(unit::SHARE)
    .query(
        "slow",
        r#"job:http_requests_slow_per_requests:ratio_rate5m{job="$job"}"#,
    )
    .thresholds(color::GREEN, &[(0.01, color::ORANGE), (0.144, color::RED)])
    .no_value("no requests")
}

fn p99() -> Panel {
    let buckets = "job_endpoint_le:http_request_duration_seconds_bucket:rate5m";
    let expr =
        format!(r#"histogram_quantile(0.99, sum by (le) ({buckets}{{job="$job",{USERS}}}))"#);
    Panel::stat(
        6,
        "p99 (5m)",
        "99 % of the requests took no longer than this; recorded over 5m, of the whole job. Interpolated between two \
         bounds, and never above the highest, 10 s. TalliedHighLatencyP99 fires for an endpoint above 1 s.",
    )
    .unit(unit::SECONDS)
    .query("p99", &expr)
    .thresholds(color::GREEN, &[(1.0, color::RED)])
    .no_value("no requests")
}

fn in_flight() -> Panel {
    Panel::stat(
        7,
        "In flight",
        "Requests that are being answered now, by the servers that are chosen. Read one scrape after the other: short \
         peaks are not seen. TalliedInFlightStuck compares it with what durations explain; see below.",
    )
    .unit(unit::COUNT)
    .query(
        "in flight",
        r#"sum(instance:http_requests_in_flight:sum{job="$job",instance=~"$instance"})"#,
    )
    .thresholds(color::TEXT, &[])
    .no_value("no server")
}

fn burn() -> Panel {
    Panel::stat(
        8,
        "Burn (1h)",
        "How many times faster than the objective allows the error budget was spent over 1h: at 1 it lasts just the \
         month. TalliedErrorBurn3d fires above 1, TalliedErrorBurn6h above 6, TalliedErrorBurn1h above 14.4, each over \
         its own window.",
    )
    .unit(unit::NONE)
    .query(
        "burn",
        r#"job:http_request_failures_per_requests:ratio_rate1h{job="$job"} / 0.001"#,
    )
    .thresholds(
        color::GREEN,
        &[
            (1.0, color::YELLOW),
            (6.0, color::ORANGE),
            (14.4, color::RED),
        ],
    )
    .no_value("–")
}

/// An alert that has ended has no series, and a state may be drawn until the next one; so its end is one, too: 0, for as long as it
/// was there within the range.
fn alerts() -> Panel {
    let alerts = r#"alertname=~"Tallied.+",severity!="none""#;
    let states = format!(
        r#"2 * max by (alertname) (ALERTS{{{alerts},alertstate="firing"}}) or max by (alertname) (ALERTS{{{alerts},alertstate="pending"}}) or 0 * max by (alertname) (last_over_time(ALERTS{{{alerts}}}[$__range]))"#
    );
    Panel::states(
        9,
        "Alerts",
        "Those that were pending or fired within the time range, of all jobs; deploy/RUNBOOK.md has a section for each. \
         The first line is TalliedWatchdog: where it has a gap, no rule was evaluated.",
    )
    .query(
        "rules are evaluated",
        r#"0 * max(ALERTS{alertname="TalliedWatchdog"})"#,
    )
    .query("{{alertname}}", &states)
    .mappings(&[
        ("0", "quiet", color::GREEN),
        ("1", "pending", color::YELLOW),
        ("2", "fires", color::RED),
    ])
    .no_value("no rule is evaluated")
}

fn endpoints() -> Panel {
    let rate = r#"job_endpoint:http_requests:rate5m{job="$job"} > 0"#;
    let of = |metric: &str| format!(r#"max by (endpoint) ({metric}{{job="$job"}} and {rate})"#);
    let duration = |quantile: &str| {
        of(&format!(
            "job_endpoint:http_request_duration_seconds:{quantile}_rate5m"
        ))
    };
    Panel::table(
        10,
        "Endpoints (5m)",
        "Those with requests within 5m, recorded, of all servers of the job; a name leads to the endpoint's dashboard. \
         TalliedEndpointErrors fires above 5 % failed, TalliedManyCancelled above 10 % of clients that left, \
         TalliedHighLatencyP99 above a p99 of 1 s; each where there is enough to say so.",
    )
    .label_column("endpoint", "Endpoint")
    .column(
        "Requests",
        unit::REQUESTS_A_SECOND,
        &format!("sum by (endpoint) ({rate})"),
    )
    .column(
        "Failed",
        unit::SHARE,
        &of("job_endpoint:http_request_failures_per_requests:ratio_rate5m"),
    )
    .column(
        "Left",
        unit::SHARE,
        &of("job_endpoint:http_requests_cancelled_per_requests:ratio_rate5m"),
    )
    .column("p50", unit::SECONDS, &duration("p50"))
    .column("p95", unit::SECONDS, &duration("p95"))
    .column("p99", unit::SECONDS, &duration("p99"))
    .column_thresholds("Failed", &[(0.05, color::RED)])
    .column_thresholds("Left", &[(0.1, color::ORANGE)])
    .column_thresholds("p99", &[(1.0, color::RED)])
    .column_link("Endpoint", &to_endpoint("${__value.raw}"))
    .sorted_by("Failed")
    .no_value("–")
}
