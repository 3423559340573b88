//! All file descriptors are used.

use std::fs::File;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::namespace::run;
use crate::{registry, series, value};

#[test]
fn figures_are_right_when_no_file_can_be_opened() {
    run(
        "descriptors::figures_are_right_when_no_file_can_be_opened",
        || {
            let limit = Rlimit {
                current: Some(100),
                ..getrlimit(Resource::Nofile)
            };
            setrlimit(Resource::Nofile, limit).unwrap();
            let registry = registry();
            let before = registry.text();
            assert!(value(&before, "process_open_fds").unwrap() < 60.0);
            let held: Vec<File> =
                std::iter::from_fn(|| File::open("/proc/self/stat").ok()).collect();
            assert!(held.len() > 40);
            let text = registry.text();
            let opened = value(&before, "process_open_fds").unwrap() + held.len() as f64;
            assert_eq!(value(&text, "process_open_fds"), Some(opened));
            assert_eq!(value(&text, "process_max_fds"), Some(100.0));
            for name in [
                "process_threads",
                "process_resident_memory_bytes",
                "process_start_time_seconds",
                "system_disk_total_bytes{mount=\"/\"}",
                "system_network_received_bytes_total{interface=\"lo\"}",
            ] {
                assert!(value(&text, name).is_some(), "{name} is not in\n{text}");
            }
            for family in [
                "system_disk_total_bytes",
                "system_network_received_bytes_total",
            ] {
                assert_eq!(series(&text, family), series(&before, family));
            }
            // It needs a file: no figure rather than an old one, or 0.
            assert!(value(&before, "system_memory_total_bytes").unwrap() > 0.0);
            assert_eq!(value(&text, "system_memory_total_bytes"), None);
            drop(held);
            let text = registry.text();
            assert!(value(&text, "system_memory_total_bytes").is_some());
            assert!(value(&text, "process_open_fds").unwrap() < 60.0);
        },
    );
}
