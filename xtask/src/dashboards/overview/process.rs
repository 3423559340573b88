//! The process: what it uses, and its runtime.

use super::super::model::{Panel, Section, color, unit};
use super::{SERVERS, of_servers, rate_by};

pub(super) fn section() -> Section {
    Section::collapsed(50, "Process")
        .line(8, [(8, cpu()), (8, memory()), (8, starts())])
        .line(
            8,
            [
                (6, threads()),
                (6, workers()),
                (6, tasks()),
                (6, allocations()),
            ],
        )
}

fn cpu() -> Panel {
    Panel::lines(
        51,
        "Processor time",
        "Seconds a second: 1 is one processor, all the time. Refreshed every 10 seconds. TalliedHighCpu fires above 0.8 \
         for 10 minutes.",
    )
    .unit(unit::NONE)
    .query(
        "{{instance}}",
        &rate_by("instance", "process_cpu_seconds_total", ""),
    )
    .limits(&[(0.8, color::RED)])
    .no_value("no server")
}

fn memory() -> Panel {
    Panel::lines(
        52,
        "Memory",
        "Resident, and what lives on the heap. Heap near resident: something holds it. Heap small: a burst has passed, \
         and the allocator keeps the room. TalliedHighMemory fires above 80 % of 512 MiB, where a container is ended.",
    )
    .unit(unit::BYTES)
    .query(
        "{{instance}}",
        &of_servers("process_resident_memory_bytes", ""),
    )
    .query("{{instance}} heap", &of_servers("rust_heap_live_bytes", ""))
    .limits(&[(0.8 * 536_870_912.0, color::RED)])
    .no_value("no server")
}

fn starts() -> Panel {
    Panel::lines(
        53,
        "Starts in the last hour (1h)",
        "How often the process began anew within 1h. TalliedRestarts fires above 2. Deployments are among them; the \
         lines over all graphs show when.",
    )
    .unit(unit::NONE)
    .query(
        "{{instance}}",
        &format!("changes(process_start_time_seconds{{{SERVERS}}}[1h])"),
    )
    .limits(&[(2.0, color::RED)])
    .no_value("no server")
}

fn threads() -> Panel {
    Panel::lines(
        54,
        "Threads",
        "Of the process, and those that work for tokio. More than some dozens are blocking calls.",
    )
    .unit(unit::COUNT)
    .query("{{instance}}", &of_servers("process_threads", ""))
    .query("{{instance}} workers", &of_servers("tokio_workers", ""))
    .no_value("no server")
}

fn workers() -> Panel {
    let busy = of_servers("tokio_worker_busy_seconds_total", "");
    Panel::lines(
        55,
        "Workers busy",
        "The share of their time that tokio's workers spent on tasks, on average. Near 100 %, tasks wait for a worker.",
    )
    .unit(unit::SHARE)
    .query(
        "{{instance}}",
        &format!("avg by (instance) (rate({busy}[$__rate_interval]))"),
    )
    .no_value("no server")
}

fn tasks() -> Panel {
    Panel::lines(
        56,
        "Tasks",
        "Those that were spawned and have not ended (one a connection, and a few), and those that wait in the queue of \
         all workers. A queue that stays means that the workers are too few, or blocked.",
    )
    .unit(unit::COUNT)
    .query("{{instance}}", &of_servers("tokio_alive_tasks", ""))
    .query(
        "{{instance}} waiting",
        &of_servers("tokio_global_queue_depth", ""),
    )
    .no_value("no server")
}

fn allocations() -> Panel {
    Panel::lines(
        57,
        "Heap allocations",
        "How many a second. Some 30 a request; more than requests explain is somebody's loop.",
    )
    .unit(unit::EVENTS_A_SECOND)
    .query(
        "{{instance}}",
        &rate_by("instance", "rust_heap_allocations_total", ""),
    )
    .no_value("no server")
}
