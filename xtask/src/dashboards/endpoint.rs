//! The drill-down: one endpoint, or some of them, by method, status and server. From the counters themselves, so that everything
//! follows what is chosen.

use super::model::{Dashboard, Panel, Section, Variable, color, unit};
use super::overview;

pub(crate) const UID: &str = "tallied-endpoint";

const CHOSEN: &str = r#"job="$job",instance=~"$instance",endpoint=~"$endpoint",method=~"$method""#;

pub(crate) fn dashboard() -> Dashboard {
    let mut variables = overview::variables();
    variables.push(Variable::several(
        "endpoint",
        "Endpoint",
        "Patterns of routes; unmatched is what no route took, overflow what there were too many of.",
        r#"label_values(http_requests_total{job="$job",instance=~"$instance"}, endpoint)"#,
    ));
    variables.push(Variable::several(
        "method",
        "Method",
        "OTHER is a method that is not among the nine standard ones.",
        r#"label_values(http_requests_total{job="$job",instance=~"$instance",endpoint=~"$endpoint"}, method)"#,
    ));
    Dashboard {
        uid: UID,
        title: "Tallied: endpoint",
        description: "One endpoint, or several: rate, statuses, durations, sizes and answers that broke off, by method and \
                      server. Made by cargo xtask dashboards: change the code, not the file.",
        variables,
        annotations: vec![overview::starts()],
        sections: vec![
            Section::top()
                .line(
                    4,
                    [
                        (4, requests_now()),
                        (4, failed_now()),
                        (4, left_now()),
                        (4, quantile_now(4, "p50", "0.5")),
                        (4, quantile_now(5, "p95", "0.95")),
                        (4, p99_now()),
                    ],
                )
                .line(8, [(12, statuses()), (12, shares())]),
            Section::open(20, "Durations")
                .line(9, [(12, durations()), (12, quantiles())])
                .line(8, [(8, head_durations()), (8, slow()), (8, by_server())]),
            Section::open(30, "What came and went")
                .line(
                    8,
                    [(8, request_sizes()), (8, response_sizes()), (8, traffic())],
                )
                .line(8, [(10, broken_off()), (14, totals())]),
        ],
    }
}

/// The rate of a counter among what is chosen, added up by labels, or as a whole.
fn rate(labels: &str, name: &str, matchers: &str) -> String {
    let by = match labels {
        "" => String::new(),
        _ => format!(" by ({labels})"),
    };
    format!("sum{by} (rate({name}{{{CHOSEN}{matchers}}}[$__rate_interval]))")
}

/// The share of the requests that these are. A server makes the series of 500 at its start, and others with the first such
/// request; without any it is 0, and without requests there is no share.
fn share(labels: &str, part: &str) -> String {
    let all = rate(labels, "http_requests_total", "");
    format!("({part} or 0 * {all}) / ({all} > 0)")
}

fn failed(labels: &str) -> String {
    share(
        labels,
        &rate(labels, "http_requests_total", r#",status_code=~"5..""#),
    )
}

fn left(labels: &str) -> String {
    share(
        labels,
        &rate(
            labels,
            "http_requests_aborted_total",
            r#",reason="client_disconnect""#,
        ),
    )
}

fn quantile(quantile: &str, metric: &str, labels: &str) -> String {
    let labels = match labels {
        "" => "le".to_owned(),
        _ => format!("le, {labels}"),
    };
    let buckets = rate(&labels, &format!("{metric}_bucket"), "");
    format!("histogram_quantile({quantile}, {buckets})")
}

fn requests_now() -> Panel {
    Panel::stat(1, "Requests", "Of what is chosen above, a second.")
        .unit(unit::REQUESTS_A_SECOND)
        .query("requests", &rate("", "http_requests_total", ""))
        .no_value("none")
}

fn failed_now() -> Panel {
    Panel::stat(
        2,
        "Failed",
        "The share that was answered with 5xx. TalliedEndpointErrors fires above 5 % for an endpoint.",
    )
    .unit(unit::SHARE)
    .query("failed", &failed(""))
    .thresholds(color::GREEN, &[(0.05, color::RED)])
    .no_value("no requests")
}

fn left_now() -> Panel {
    Panel::stat(
        3,
        "Clients that left",
        "The share whose client left before it had the whole answer (499). TalliedManyCancelled fires above 10 % for an \
         endpoint.",
    )
    .unit(unit::SHARE)
    .query("left", &left(""))
    .thresholds(color::GREEN, &[(0.1, color::ORANGE)])
    .no_value("no requests")
}

fn quantile_now(id: u32, title: &'static str, of: &str) -> Panel {
    Panel::stat(
        id,
        title,
        "This share of the requests took no longer; interpolated between two bounds, and never above the highest, 10 s.",
    )
    .unit(unit::SECONDS)
    .query(title, &quantile(of, "http_request_duration_seconds", ""))
    .no_value("no requests")
}

fn p99_now() -> Panel {
    Panel::stat(
        6,
        "p99",
        "99 % of the requests took no longer; never above the highest bound, 10 s. TalliedHighLatencyP99 fires above 1 s \
         for an endpoint.",
    )
    .unit(unit::SECONDS)
    .query("p99", &quantile("0.99", "http_request_duration_seconds", ""))
    .thresholds(color::GREEN, &[(1.0, color::RED)])
    .no_value("no requests")
}

fn statuses() -> Panel {
    Panel::lines(
        7,
        "Answers by method and status",
        "499 is a client that left before it had the whole answer. Only 5xx counts as failed.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query(
        "{{status_code}} {{method}}",
        &rate("method, status_code", "http_requests_total", ""),
    )
    .stacked()
    .color_of("^2", color::GREEN)
    .color_of("^3", color::BLUE)
    .color_of("^4", color::YELLOW)
    .color_of("^499", color::PURPLE)
    .color_of("^5", color::RED)
    .no_value("no requests")
}

fn shares() -> Panel {
    Panel::lines(
        8,
        "Failed, and clients that left",
        "Shares of the requests, by endpoint. TalliedEndpointErrors fires above 5 % failed, TalliedManyCancelled above 10 % \
         of clients that left.",
    )
    .unit(unit::SHARE)
    .query("{{endpoint}} failed", &failed("endpoint"))
    .query("{{endpoint}} left", &left("endpoint"))
    .limits(&[(0.05, color::RED), (0.1, color::ORANGE)])
    .no_value("no requests")
}

fn durations() -> Panel {
    Panel::heatmap(
        21,
        "Durations",
        "How many requests a second took how long, from the request's head to the end of the answer. Two bands are two \
         kinds of requests; a band at a round number of seconds is a timeout.",
        unit::SECONDS,
    )
    .query(
        "{{le}}",
        &rate("le", "http_request_duration_seconds_bucket", ""),
    )
    .no_value("no requests")
}

fn quantiles() -> Panel {
    let of = |share: &str, metric: &str| quantile(share, metric, "");
    Panel::lines(
        22,
        "Durations, and the time to the head",
        "The head late, too: the handler, or what it waits for. The head early and the end late: long answers, streams, or \
         clients that read slowly. Never above the highest bound, 10 s.",
    )
    .unit(unit::SECONDS)
    .query("p50", &of("0.5", "http_request_duration_seconds"))
    .query("p95", &of("0.95", "http_request_duration_seconds"))
    .query("p99", &of("0.99", "http_request_duration_seconds"))
    .query("p95 of the head", &of("0.95", "http_response_start_seconds"))
    .dashed("head$", color::GREY)
    .table_legend()
    .no_value("no requests")
}

fn head_durations() -> Panel {
    Panel::heatmap(
        23,
        "Time to the head",
        "How many requests a second had the head of their answer after how long. The handler's time, with the request's \
         body where the handler reads it.",
        unit::SECONDS,
    )
    .query(
        "{{le}}",
        &rate("le", "http_response_start_seconds_bucket", ""),
    )
    .no_value("no requests")
}

/// The bucket that both text formats write alike.
fn slow() -> Panel {
    let within = rate(
        "endpoint",
        "http_request_duration_seconds_bucket",
        r#",le="0.5""#,
    );
    let all = rate("endpoint", "http_request_duration_seconds_count", "");
    Panel::lines(
        24,
        "Over 0.5 s",
        "The share of an endpoint's requests, by its bucket, so exact; endpoints without a bucket of 0.5 are not here. Over \
         the whole job 1 % may, and TalliedLatencyBurn1h fires above 14.4 %.",
    )
    .unit(unit::SHARE)
    .query("{{endpoint}}", &format!("1 - {within} / ({all} > 0)"))
    .limits(&[(0.01, color::ORANGE), (0.144, color::RED)])
    .no_value("no requests")
}

fn by_server() -> Panel {
    Panel::lines(
        25,
        "p95 by server",
        "One server that is slower than the others: take it out of the load balancer, then look.",
    )
    .unit(unit::SECONDS)
    .query(
        "{{instance}}",
        &quantile("0.95", "http_request_duration_seconds", "instance"),
    )
    .no_value("no requests")
}

fn request_sizes() -> Panel {
    Panel::heatmap(
        31,
        "Request bodies",
        "How many requests a second had a body of up to so many bytes; those without one are in the lowest.",
        unit::BYTES,
    )
    .query("{{le}}", &rate("le", "http_request_size_bytes_bucket", ""))
    .no_value("no requests")
}

fn response_sizes() -> Panel {
    Panel::heatmap(
        32,
        "Response bodies",
        "How many requests a second were answered with a body of up to so many bytes, as they went over the wire.",
        unit::BYTES,
    )
    .query("{{le}}", &rate("le", "http_response_size_bytes_bucket", ""))
    .no_value("no requests")
}

fn traffic() -> Panel {
    Panel::lines(33, "Bytes", "Of bodies, a second, without heads.")
        .unit(unit::BYTES_A_SECOND)
        .query("in", &rate("", "http_request_size_bytes_sum", ""))
        .query("out", &rate("", "http_response_size_bytes_sum", ""))
        .no_value("no requests")
}

fn broken_off() -> Panel {
    Panel::lines(
        34,
        "Broken off, by reason",
        "Answers that did not come to their end. panic and body_error are TalliedBrokenAnswers: a bug, or a source that \
         failed. client_disconnect is a client that left, protocol_error one that broke HTTP/2, shutdown the end of a drain.",
    )
    .unit(unit::REQUESTS_A_SECOND)
    .query(
        "{{reason}} {{endpoint}}",
        &rate("reason, endpoint", "http_requests_aborted_total", ""),
    )
    .color_of("^panic", color::RED)
    .color_of("^body_error", color::ORANGE)
    .color_of("^client_disconnect", color::PURPLE)
    .no_value("none since the servers began")
}

fn totals() -> Panel {
    let expr = format!(
        "sum by (endpoint, method, status_code) (increase(http_requests_total{{{CHOSEN}}}[$__range])) > 0"
    );
    Panel::table(
        35,
        "Requests in the time range",
        "How many of each kind there were within the time range; extrapolated to its ends, so not to the last request.",
    )
    .label_column("endpoint", "Endpoint")
    .label_column("method", "Method")
    .label_column("status_code", "Status")
    .column("Requests", unit::COUNT, &expr)
    .sorted_by("Requests")
    .no_value("–")
}
