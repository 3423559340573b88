//! The host that a server runs on, as the server sees it.

use super::super::model::{Panel, Section, unit};
use super::{of_servers, rate_by};

pub(super) fn section() -> Section {
    Section::collapsed(60, "Host")
        .line(8, [(8, cpu()), (8, load()), (8, memory())])
        .line(8, [(12, disk()), (12, network())])
}

fn cpu() -> Panel {
    Panel::lines(
        61,
        "Processors busy",
        "The share of all processors' time that was not idle, of everything on the host. High here, and low for the \
         process: somebody else.",
    )
    .unit(unit::SHARE)
    .query(
        "{{instance}}",
        &of_servers("system_cpu_usage_ratio", r#"cpu="total""#),
    )
    .no_value("no server")
}

fn load() -> Panel {
    Panel::lines(
        62,
        "Load",
        "Tasks that run or wait, on average of 1, 5 and 15 minutes. For long above the number of processors, they queue.",
    )
    .unit(unit::NONE)
    .query("{{instance}} 1 min", &of_servers("system_load1", ""))
    .query("{{instance}} 5 min", &of_servers("system_load5", ""))
    .query("{{instance}} 15 min", &of_servers("system_load15", ""))
    .no_value("no server")
}

fn memory() -> Panel {
    Panel::lines(
        63,
        "Memory of the host",
        "In use, there in all, and swap in use. In a container it is the host's all the same.",
    )
    .unit(unit::BYTES)
    .query(
        "{{instance}} used",
        &of_servers("system_memory_used_bytes", ""),
    )
    .query("{{instance}}", &of_servers("system_memory_total_bytes", ""))
    .query(
        "{{instance}} swap",
        &of_servers("system_memory_swap_used_bytes", ""),
    )
    .no_value("no server")
}

fn disk() -> Panel {
    let (available, total) = (
        of_servers("system_disk_available_bytes", ""),
        of_servers("system_disk_total_bytes", ""),
    );
    Panel::lines(
        64,
        "Disks in use",
        "The share of each file system that is taken. The server writes none itself but its log.",
    )
    .unit(unit::SHARE)
    .query(
        "{{instance}} {{mount}}",
        &format!("1 - {available} / {total}"),
    )
    .no_value("no disk")
}

fn network() -> Panel {
    let matchers = r#"interface!="lo""#;
    Panel::lines(
        65,
        "Network",
        "Bytes a second by interface, but for the loopback.",
    )
    .unit(unit::BYTES_A_SECOND)
    .query(
        "{{instance}} {{interface}} received",
        &rate_by(
            "instance, interface",
            "system_network_received_bytes_total",
            matchers,
        ),
    )
    .query(
        "{{instance}} {{interface}} transmitted",
        &rate_by(
            "instance, interface",
            "system_network_transmitted_bytes_total",
            matchers,
        ),
    )
    .no_value("no interface")
}
