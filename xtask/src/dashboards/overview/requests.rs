//! Rate, errors and durations: by endpoint as they were recorded, and as a whole from the counters themselves.

use super::super::model::{Panel, Section, color, to_endpoint, unit};
use super::{USERS, rate_by};

/// As many lines as a person can tell apart.
const MOST: u32 = 10;

pub(super) fn section() -> Section {
    Section::open(20, "Requests")
        .line(9, [(8, rate()), (8, failed()), (8, p95())])
        .line(8, [(12, durations()), (12, statuses())])
        .line(8, [(8, traffic()), (8, quantiles()), (8, broken_off())])
}

fn by_endpoint(panel: Panel, expr: &str) -> Panel {
    panel
        .query("{{endpoint}}", &format!("topk({MOST}, {expr})"))
        .table_legend()
        .link(&to_endpoint("${__field.labels.endpoint}"))
        .no_value("no requests")
}

fn rate() -> Panel {
    let panel = Panel::lines(
        21,
        "Requests by endpoint (5m)",
        "The ten endpoints with most requests at each time; recorded over 5m, of all servers of the job. Scrapes and \
         probes are among them, and unmatched is what no route took.",
    );
    let panel = panel.unit(unit::REQUESTS_A_SECOND);
    by_endpoint(panel, r#"job_endpoint:http_requests:rate5m{job="$job"}"#)
}

fn failed() -> Panel {
    let panel = Panel::lines(
        22,
        "Failed, by endpoint (5m)",
        "The share of an endpoint's requests that were answered with 5xx, the ten highest; recorded over 5m, of all \
         servers of the job. TalliedEndpointErrors fires above 5 %, where that is more than 12 requests.",
    )
    .unit(unit::SHARE)
    .limits(&[(0.05, color::RED)]);
    by_endpoint(
        panel,
        r#"job_endpoint:http_request_failures_per_requests:ratio_rate5m{job="$job"}"#,
    )
}

fn p95() -> Panel {
    let panel = Panel::lines(
        23,
        "p95 by endpoint (5m)",
        "95 % of an endpoint's requests took no longer than this, the ten slowest; recorded over 5m, of all servers of \
         the job. Interpolated between two bounds, and never above the highest, 10 s.",
    );
    by_endpoint(
        panel.unit(unit::SECONDS),
        r#"job_endpoint:http_request_duration_seconds:p95_rate5m{job="$job"} and job_endpoint:http_requests:rate5m > 0"#,
    )
}

fn durations() -> Panel {
    Panel::heatmap(
        24,
        "Durations",
        "How many requests a second took how long, from the request's head to the end of the answer; of the servers that \
         are chosen, without scrapes, probes and what no route took. Two bands are two kinds of requests; a band that \
         rises is slower for all.",
        unit::SECONDS,
    )
    .query(
        "{{le}}",
        &rate_by("le", "http_request_duration_seconds_bucket", USERS),
    )
    .no_value("no requests")
}

fn statuses() -> Panel {
    let expr = rate_by(
        "status_code",
        "http_requests_total",
        r#"endpoint!~"/metrics|/health(/.*)?""#,
    );
    Panel::lines(
        25,
        "Answers by status",
        "Of the servers that are chosen, without scrapes and probes. 499 is a client that left before it had the whole \
         answer; a 404 or 405 may be of no route. Only 5xx counts as failed.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query("{{status_code}}", &expr)
    .stacked()
    .color_of("^2", color::GREEN)
    .color_of("^3", color::BLUE)
    .color_of("^4", color::YELLOW)
    .color_of("^499$", color::PURPLE)
    .color_of("^5", color::RED)
    .no_value("no requests")
}

fn traffic() -> Panel {
    let now = r#"job:http_requests:rate5m{job="$job"}"#;
    let usual = r#"job:http_requests:rate6h{job="$job"}"#;
    let yesterday = r#"job:http_requests:rate5m{job="$job"} offset 1d"#;
    Panel::lines(
        26,
        "Requests, and yesterday's (5m)",
        "Of the whole job, without scrapes, probes and what no route took; recorded over 5m, the average over 6h. \
         TalliedTrafficDrop fires below a quarter of both: the dashed line, which is there after a day.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query("now", now)
    .query("average of 6h", usual)
    .query("yesterday", yesterday)
    .query(
        "alert below",
        &format!("0.25 * (({usual} < {yesterday}) or {yesterday})"),
    )
    .color_of("^yesterday$", color::GREY)
    .dashed("^alert", color::RED)
    .no_value("no requests")
}

fn quantiles() -> Panel {
    let quantile = |quantile: &str| {
        format!(
            r#"histogram_quantile({quantile}, sum by (le) (job_endpoint_le:http_request_duration_seconds_bucket:rate5m{{job="$job",{USERS}}}))"#
        )
    };
    Panel::lines(
        27,
        "Durations, quantiles (5m)",
        "Half, 95 % and 99 % of the requests took no longer than this; recorded over 5m, of the whole job, without \
         scrapes, probes and what no route took. Never above the highest bound, 10 s.",
    )
    .unit(unit::SECONDS)
    .query("p50", &quantile("0.5"))
    .query("p95", &quantile("0.95"))
    .query("p99", &quantile("0.99"))
    .no_value("no requests")
}

fn broken_off() -> Panel {
    Panel::lines(
        28,
        "Broken off, by reason",
        "Answers that did not come to their end, of the servers that are chosen; a broken body has the status that was \
         sent, mostly 200. panic and body_error are TalliedBrokenAnswers, client_disconnect TalliedManyCancelled, \
         shutdown the end of a drain.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query("{{reason}}", &rate_by("reason", "http_requests_aborted_total", ""))
    .color_of("^panic$", color::RED)
    .color_of("^body_error$", color::ORANGE)
    .color_of("^client_disconnect$", color::PURPLE)
    .no_value("none since the servers began")
}
