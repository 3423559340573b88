//! What measures all of the above: where it fails, the other panels are wrong.

use super::super::model::{Panel, Section, color, unit};
use super::{SERVERS, of_servers, rate_by};

pub(super) fn section() -> Section {
    Section::collapsed(70, "Scrapes and rules")
        .line(8, [(8, up()), (8, duration()), (8, results())])
        .line(8, [(8, samples()), (8, left_out()), (8, prometheus())])
}

fn up() -> Panel {
    Panel::states(
        71,
        "Servers that answer Prometheus",
        "TalliedTargetDown fires after 2 minutes, TalliedScrapesFailing when it goes up and down.",
    )
    .query("{{instance}}", &of_servers("up", ""))
    .mappings(&[("0", "down", color::RED), ("1", "up", color::GREEN)])
    .no_value("no server")
}

fn duration() -> Panel {
    let time = |suffix: &str| {
        let name = format!("tallied_scrape_duration_seconds_{suffix}");
        rate_by("instance", &name, "")
    };
    Panel::lines(
        72,
        "Time of a scrape",
        "As Prometheus sees it, and the server's own part. TalliedScrapeSlow fires above 2.5 s; at 10 s a scrape fails, \
         and all alerts with it.",
    )
    .unit(unit::SECONDS)
    .query("{{instance}}", &of_servers("scrape_duration_seconds", ""))
    .query(
        "{{instance}} in the server",
        &format!("{} / ({} > 0)", time("sum"), time("count")),
    )
    .limits(&[(2.5, color::RED)])
    .no_value("no server")
}

fn results() -> Panel {
    Panel::lines(
        73,
        "Scrapes by how they ended",
        "Of all who ask for /metrics, Prometheus and others. refused: more than 8 documents at a time. timeout and cancelled: not in \
         time. Prometheus alone makes 4 a minute.",
    )
    .unit(unit::EVENTS_A_SECOND)
    .query("{{result}}", &rate_by("result", "tallied_scrapes_total", ""))
    .color_of("^ok$", color::GREEN)
    .no_value("no server")
}

fn samples() -> Panel {
    Panel::lines(
        74,
        "Samples a scrape",
        "Some 1,400 with the server's own routes. TalliedNearSampleLimit fires above 560,000, 80 % of the sample_limit, \
         beyond which every scrape fails.",
    )
    .unit(unit::COUNT)
    .query(
        "{{instance}}",
        &of_servers("scrape_samples_post_metric_relabeling", ""),
    )
    .limits(&[(560_000.0, color::RED)])
    .no_value("no server")
}

fn left_out() -> Panel {
    let incomplete = format!(
        "sum by (instance) (increase(tallied_scrape_collector_panics_total{{{SERVERS}}}[$__rate_interval]) + increase(tallied_scrape_collector_errors_total{{{SERVERS}}}[$__rate_interval]))"
    );
    let overflow = format!(
        "sum by (instance) (increase(http_requests_endpoint_overflow_total{{{SERVERS}}}[$__rate_interval]))"
    );
    Panel::lines(
        75,
        "Left out of scrapes",
        "Metrics that panicked or failed while they were read (TalliedScrapeIncomplete), and requests that were counted \
         under endpoint=\"overflow\" (TalliedEndpointOverflow), since the last point. Zero, as a rule.",
    )
    .unit(unit::COUNT)
    .query("{{instance}} metrics", &incomplete)
    .query("{{instance}} endpoints", &overflow)
    .no_value("no server")
}

fn prometheus() -> Panel {
    let rate = |name: &str| format!("sum(rate({name}[$__rate_interval]))");
    Panel::lines(
        76,
        "What Prometheus itself failed at",
        "Rules that could not be evaluated, and notifications that did not reach Alertmanager: above zero, alerts are \
         missing. TalliedWatchdog stops when it is all of them.",
    )
    .unit(unit::EVENTS_A_SECOND)
    .query("rules", &rate("prometheus_rule_evaluation_failures_total"))
    .query(
        "notifications with errors",
        &rate("prometheus_notifications_errors_total"),
    )
    .query(
        "notifications dropped",
        &rate("prometheus_notifications_dropped_total"),
    )
    .no_value("Prometheus does not scrape itself")
}
