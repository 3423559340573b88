//! The binary's configuration and log: which place wins, what a mistake says, what takes effect.

mod effects;
mod log;
mod mistakes;
mod places;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::Server;

/// A folder of a test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("configuration-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The binary in a folder, with none of the caller's configuration.
fn binary(folder: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TALLIED_") {
            command.env_remove(name);
        }
    }
    command
}

/// The server of this command, on a free port.
fn start(command: &mut Command) -> Server {
    Server::spawn(command.env("TALLIED_LISTEN", "127.0.0.1:0"))
}

/// The lines of a configuration that was printed.
fn printed(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.is_empty(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "no {line:?} in:\n{text}");
}

/// The one line that a start was refused with.
fn refusal(command: &mut Command) -> String {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .env("TALLIED_LISTEN", "127.0.0.1:0")
        .spawn()
        .unwrap();
    // One that is not refused would serve for ever.
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > crate::support::DEADLINE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: "), "{line}");
    assert!(output.stdout.is_empty());
    line
}
