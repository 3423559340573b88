//! A file system that never answers.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::namespace::{folder, run, shell, skip};
use crate::{registry, series, value};

/// Mounts a FUSE file system whose server does not answer even to the first request, and goes when it is
/// dropped. `None` where that is not allowed.
struct Hung(Child);

impl Hung {
    fn mount(point: &str) -> Result<Self, String> {
        let script = format!(
            "exec 3<>/dev/fuse && \
             mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung '{point}' && \
             echo mounted && exec sleep 600"
        );
        let mut server = Command::new("bash")
            .args(["-c", &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        let out = server.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        if line == "mounted\n" {
            return Ok(Self(server));
        }
        let output = server.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_file_system_that_never_answers_costs_itself_alone() {
    let name = "hung::a_file_system_that_never_answers_costs_itself_alone";
    run(name, || {
        let folder = folder("hung");
        let point = folder.join("hung");
        let point = point.to_str().unwrap();
        std::fs::create_dir(point).unwrap();
        let hung = match Hung::mount(point) {
            Ok(hung) => hung,
            Err(why) => return skip(name, &why),
        };
        let registry = registry();
        assert_eq!(threads_that_ask(), 0, "registration asks it");
        let failed = format!("system_disk_device_error{{mount=\"{point}\"}}");
        let scrape = || {
            let began = Instant::now();
            let text = registry.text();
            assert_eq!(value(&text, &failed), Some(1.0), "{text}");
            assert_eq!(
                value(&text, "system_disk_device_error{mount=\"/\"}"),
                Some(0.0)
            );
            assert!(value(&text, "system_disk_total_bytes{mount=\"/\"}").is_some());
            assert!(value(&text, "process_cpu_seconds_total").is_some());
            assert!(
                series(&text, "system_disk_total_bytes")
                    .iter()
                    .all(|s| !s.contains(point))
            );
            began.elapsed()
        };
        let first = scrape();
        assert!(first < Duration::from_secs(2), "{first:?}");
        // If it were waited for again, each would take the 500 ms of the limit.
        let fastest = (0..20).map(|_| scrape()).min().unwrap();
        assert!(fastest < Duration::from_millis(400), "{fastest:?}");
        assert_eq!(threads_that_ask(), 1);
        // The server ends, so the call returns: with an error, until it is unmounted.
        drop(hung);
        let began = Instant::now();
        while threads_that_ask() > 0 {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
        assert_eq!(value(&registry.text(), &failed), Some(1.0), "it is dead");
        shell(&format!("umount {point}"));
        assert_eq!(value(&registry.text(), &failed), None);
    });
}

/// Once those that have answered had time to end.
fn threads_that_ask() -> usize {
    std::thread::sleep(Duration::from_millis(20));
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "tallied-disks").count()
}
