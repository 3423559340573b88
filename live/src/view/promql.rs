//! Queries for panels whose metrics only the process knows by name.

use std::collections::BTreeMap;

use tallied::Kind;

use super::Look;

/// Panel, title, and the metric. A counter is asked for by how much it grows.
const QUERIES: [(&str, &str, &str); 11] = [
    ("process", "Processor, in cores", "process_cpu_seconds"),
    ("process", "Memory", "process_resident_memory_bytes"),
    ("process", "Heap", "rust_heap_live_bytes"),
    ("process", "File descriptors", "process_open_fds"),
    ("process", "Threads", "process_threads"),
    (
        "process",
        "Tokio workers, busy share",
        "tokio_worker_busy_seconds",
    ),
    ("process", "Tokio queue", "tokio_global_queue_depth"),
    ("process", "Tokio tasks", "tokio_alive_tasks"),
    ("scrapes", "Scrapes, by result", "tallied_scrapes"),
    ("scrapes", "Samples", "tallied_scrape_samples"),
    ("build", "Version", "tallied_build_info"),
];

impl Look<'_> {
    pub(super) fn promql(&self) -> BTreeMap<&'static str, Vec<(&'static str, String)>> {
        let mut panels: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (panel, title, name) in QUERIES {
            let Some(family) = self.find(name) else {
                continue;
            };
            let name = family.written_name();
            let query = match family.kind {
                Kind::Counter => format!("rate({name}[1m])"),
                _ => name,
            };
            panels.entry(panel).or_default().push((title, query));
        }
        if let Some(polls) = self.find("http_handler_poll_seconds") {
            let name = &polls.name;
            let query = format!(
                "rate({name}_count[1m]) - ignoring(le) rate({name}_bucket{{le=\"0.05\"}}[1m])"
            );
            let title = "Polls above 50 ms a second, by endpoint";
            panels.entry("process").or_default().push((title, query));
        }
        if let Some(started) = self.find("process_start_time_seconds") {
            let query = format!("time() - {}", started.name);
            panels
                .entry("build")
                .or_default()
                .push(("Uptime, in seconds", query));
        }
        panels
    }
}
