//! A `/proc` that shows processes alone.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::namespace::{run, skip, try_shell};
use crate::{registry, series, value};

#[test]
fn what_proc_does_not_have_is_left_out() {
    let name = "procfs::what_proc_does_not_have_is_left_out";
    run(name, || {
        if let Err(why) = try_shell("mount -t proc -o subset=pid proc /proc") {
            return skip(name, &why);
        }
        let registry = registry();
        std::thread::sleep(std::time::Duration::from_millis(300));
        let text = registry.text();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let started = value(&text, "process_start_time_seconds").unwrap();
        let age = now.as_secs_f64() - started;
        assert!((-0.1..60.0).contains(&age), "it started {age} s ago");
        for name in [
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_open_fds",
            "process_threads",
        ] {
            assert!(value(&text, name).unwrap() > 0.0, "{name}");
        }
        for family in [
            "system_cpu_usage_ratio",
            "system_memory_total_bytes",
            "system_memory_swap_total_bytes",
            "system_load1",
        ] {
            assert_eq!(series(&text, family), [""; 0]);
        }
        assert!(!series(&text, "system_disk_total_bytes").is_empty());
    });
}
