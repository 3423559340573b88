//! The figures beside those of `ps`, `/proc`, `df` and `free` at the same moment.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::namespace::{run, shell, skip, try_shell};
use crate::{registry, value};

/// A figure in KiB behind its name, in bytes.
fn kib(file: &str, name: &str) -> f64 {
    number(&format!("awk '/^{name}:/ {{print $2}}' {file}")) * 1_024.0
}

fn number(script: &str) -> f64 {
    let text = shell(script);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{script}: {text}"))
}

#[test]
fn figures_are_those_of_the_system() {
    let name = "figures::figures_are_those_of_the_system";
    run(name, || {
        let pid = std::process::id();
        let registry = registry();
        // Threads that stay, and memory that is touched.
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let stopped = std::sync::Arc::new(std::sync::Mutex::new(stopped));
        let threads = [(); 7].map(|()| {
            let stopped = std::sync::Arc::clone(&stopped);
            std::thread::spawn(move || {
                let _ = stopped.lock().unwrap().recv();
            })
        });
        let ballast = vec![1_u8; 100 << 20];
        std::hint::black_box(&ballast);
        let text = registry.text();
        let figure = |name: &str| value(&text, name).unwrap_or_else(|| panic!("no {name}"));
        let near = |name: &str, other: f64, tolerance: f64| {
            let own = figure(name);
            assert!(
                (own - other).abs() <= tolerance,
                "{name} is {own}, and elsewhere {other}"
            );
        };

        let resident = kib(&format!("/proc/{pid}/status"), "VmRSS");
        near("process_resident_memory_bytes", resident, 0.05 * resident);
        let virtual_ = kib(&format!("/proc/{pid}/status"), "VmSize");
        // A new thread's arena is 64 MiB and more.
        near("process_virtual_memory_bytes", virtual_, 0.3 * virtual_);
        // A scrape has a thread of its own, and the file systems another.
        let threads_now = number(&format!("awk '/^Threads/ {{print $2}}' /proc/{pid}/status"));
        let seen = figure("process_threads") - threads_now;
        assert!(
            (0.0..=2.0).contains(&seen),
            "{seen} more than {threads_now}"
        );
        // Less the one that counts them; a command would open more.
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count() - 1;
        near("process_open_fds", descriptors as f64, 0.0);
        near(
            "process_max_fds",
            number(&format!(
                "awk '/^Max open files/ {{print $4}}' /proc/{pid}/limits"
            )),
            0.0,
        );

        if let Ok(age) = try_shell(&format!("ps -o etimes= -p {pid}")) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            near(
                "process_start_time_seconds",
                now.as_secs_f64() - age.parse::<f64>().unwrap(),
                1.5,
            );
            let started = number(&format!("date -d \"$(ps -o lstart= -p {pid})\" +%s"));
            // ps leaves out the parts of a second twice, at the boot's time and at the start's.
            near("process_start_time_seconds", started + 1.0, 1.1);
        } else {
            skip(name, "the part with ps, which is not there");
        }
        let total = kib("/proc/meminfo", "MemTotal");
        near("system_memory_total_bytes", total, 0.0);
        let available = kib("/proc/meminfo", "MemAvailable");
        near("system_memory_available_bytes", available, 0.05 * total);
        near("system_load1", number("cut -d' ' -f1 /proc/loadavg"), 0.5);
        let root = number("df -B1 --output=size / | tail -1");
        near("system_disk_total_bytes{mount=\"/\"}", root, 0.0);
        let room = number("df -B1 --output=avail / | tail -1");
        near(
            "system_disk_available_bytes{mount=\"/\"}",
            room,
            0.05 * root,
        );
        let received = number("cat /sys/class/net/lo/statistics/rx_bytes");
        near(
            "system_network_received_bytes_total{interface=\"lo\"}",
            received,
            0.0,
        );
        drop(stop);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_usage_of_the_processors_is_that_of_proc_stat() {
    run(
        "figures::the_usage_of_the_processors_is_that_of_proc_stat",
        || {
            let idle = || {
                let text = shell("head -1 /proc/stat");
                let times: Vec<f64> = text
                    .split_ascii_whitespace()
                    .skip(1)
                    .map(|time| time.parse().unwrap())
                    .collect();
                (times[3] + times[4], times[..8].iter().sum::<f64>())
            };
            let before = idle();
            let registry = registry();
            assert_eq!(
                value(&registry.text(), "system_cpu_usage_ratio{cpu=\"total\"}"),
                None
            );
            std::thread::sleep(std::time::Duration::from_millis(900));
            let text = registry.text();
            let after = idle();
            let expected = 1.0 - (after.0 - before.0) / (after.1 - before.1);
            let shown = value(&text, "system_cpu_usage_ratio{cpu=\"total\"}").unwrap();
            assert!((shown - expected).abs() < 0.15, "{shown} and {expected}");
            assert!(value(&text, "system_cpu_usage_ratio{cpu=\"0\"}").is_some());
        },
    );
}
