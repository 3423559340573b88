//! The binary beside a file system that never answers: a FUSE mount whose server is silent. It takes root to
//! mount it; without, the test is skipped, and says so.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Server;

/// Far less than for ever; a machine may be slow.
const SOON: Duration = Duration::from_secs(20);

/// Runs a program in a mount namespace with that file system. The program holds the other end of it, and never
/// answers.
fn beside_hung_file_system(program: &str) -> Command {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hung-file-system");
    std::fs::create_dir_all(&folder).unwrap();
    let mount = "exec 3<>/dev/fuse && \
        mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "bash", "-c", mount])
        .arg(folder)
        .arg(program)
        .env("TALLIED_LISTEN", "127.0.0.1:0");
    command
}

#[test]
fn it_starts_serves_and_stops() {
    let trial = beside_hung_file_system("true").output();
    let why = match trial {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = why {
        let name = "hung_file_system::it_starts_serves_and_stops";
        let _ = writeln!(std::io::stderr(), "skipped: {name}: {}", why.trim());
        return;
    }

    let binary = env!("CARGO_BIN_EXE_tallied-server");
    let began = Instant::now();
    let mut printing = beside_hung_file_system(binary)
        .arg("--print-config")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while printing.try_wait().unwrap().is_none() {
        if began.elapsed() > SOON {
            printing.kill().unwrap();
            panic!("--print-config hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }

    let interval = ["--system-metrics-interval-seconds", "0.001"];
    let mut server = Server::spawn(beside_hung_file_system(binary).args(interval));
    let first = server.scrape();
    let failing = first
        .lines()
        .find(|line| line.starts_with("system_disk_device_error{") && line.ends_with(" 1"));
    assert!(
        failing.is_some_and(|line| line.contains("hung-file-system")),
        "{first}"
    );
    assert!(
        first.contains("system_disk_total_bytes{mount=\"/\"}"),
        "{first}"
    );
    // The other figures do not stand still.
    let cpu = |text: &str| -> f64 {
        let mut lines = text.lines();
        let seconds = lines.find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
        seconds.unwrap().parse().unwrap()
    };
    let second = server.scrape();
    assert!(cpu(&second) > cpu(&first));
    assert!(
        second.contains("tallied_scrape_collector_timeouts_total{collector=\"file_systems\"} 0")
    );

    let kill = format!("kill -TERM {}", server.child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let began = Instant::now();
    let status = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < SOON, "the stop hangs");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
}
