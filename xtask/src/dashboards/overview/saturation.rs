//! What the servers are full of, server by server.

use super::super::model::{Panel, Section, color, unit};
use super::{of_servers, rate_by};

pub(super) fn section() -> Section {
    Section::open(40, "Saturation")
        .line(
            8,
            [
                (9, in_flight()),
                (5, connections()),
                (5, ended()),
                (5, descriptors()),
            ],
        )
        .line(5, [(24, servers())])
}

fn in_flight() -> Panel {
    let explained = of_servers("instance:http_request_duration_seconds_sum:rate5m", "");
    Panel::lines(
        41,
        "Requests in flight, and how many durations explain (5m)",
        "Durations are recorded over 5m, of the requests that end. Above the dashed line for a quarter of an hour there \
         are requests that never end, and TalliedInFlightStuck fires.",
    )
    .unit(unit::COUNT)
    .query(
        "{{instance}}",
        &of_servers("instance:http_requests_in_flight:sum", ""),
    )
    .query("{{instance}} explained", &explained)
    .query("{{instance}} alert above", &format!("5 + 2 * {explained}"))
    .dashed("alert above$", color::RED)
    .no_value("no server")
}

fn connections() -> Panel {
    Panel::lines(
        42,
        "Connections",
        "Open ones, idle ones among them: 10,000 (connections.max) or 128 fewer than the file descriptors, whichever is \
         less. Some 33 KiB each.",
    )
    .unit(unit::COUNT)
    .query("{{instance}}", &of_servers("tallied_connections", ""))
    .no_value("no server")
}

fn ended() -> Panel {
    Panel::lines(
        43,
        "Connections ended by the server",
        "refused: closed at once, for there were too many, and all in use; TalliedConnectionsRefused fires after 5 \
         minutes. evicted: idle, and ended to make room. The others are the limits on heads, idleness and clients that \
         take nothing.",
    )
    .unit(unit::EVENTS_A_SECOND)
    .query(
        "refused",
        &rate_by("job", "tallied_connections_refused_total", ""),
    )
    .query(
        "{{reason}}",
        &rate_by("reason", "tallied_connections_cut_off_total", ""),
    )
    .color_of("^refused$", color::RED)
    .no_value("no server")
}

fn descriptors() -> Panel {
    let (open, most) = (
        of_servers("process_open_fds", ""),
        of_servers("process_max_fds", ""),
    );
    Panel::lines(
        44,
        "File descriptors in use",
        "The share of those that the process may have; without any left it cannot accept a connection. Some 20 more than \
         there are connections. TalliedFileDescriptors fires above 80 %.",
    )
    .unit(unit::SHARE)
    .query("{{instance}}", &format!("{open} / {most}"))
    .limits(&[(0.8, color::RED)])
    .no_value("no server")
}

fn servers() -> Panel {
    let by_instance = |name: &str| format!("max by (instance) ({})", of_servers(name, ""));
    let started = by_instance("process_start_time_seconds");
    Panel::table(
        45,
        "Servers",
        "As they are now: one that differs from the others is where to look. Processors is processor time a second, and \
         TalliedHighCpu fires above 0.8 for 10 minutes; TalliedHighMemory above 80 % of 512 MiB.",
    )
    .label_column("instance", "Server")
    .label_column("version", "Version")
    .labels_of(&format!(
        "max by (instance, version) ({})",
        of_servers("tallied_build_info", "")
    ))
    .column("Up for", unit::UPTIME, &format!("time() - {started}"))
    .column(
        "Requests",
        unit::REQUESTS_A_SECOND,
        &rate_by("instance", "http_requests_total", ""),
    )
    .column(
        "Failed",
        unit::REQUESTS_A_SECOND,
        &rate_by("instance", "http_requests_total", r#"status_code=~"5..""#),
    )
    .column(
        "In flight",
        unit::COUNT,
        &by_instance("instance:http_requests_in_flight:sum"),
    )
    .column("Connections", unit::COUNT, &by_instance("tallied_connections"))
    .column(
        "Processors",
        unit::NONE,
        &rate_by("instance", "process_cpu_seconds_total", ""),
    )
    .column(
        "Memory",
        unit::BYTES,
        &by_instance("process_resident_memory_bytes"),
    )
    .column_thresholds("Processors", &[(0.8, color::RED)])
    .column_thresholds("Memory", &[(0.8 * 536_870_912.0, color::RED)])
    .no_value("–")
}
