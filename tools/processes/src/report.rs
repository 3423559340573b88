//! One line per thing checked, with the figures seen.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

/// What was checked.
pub fn ok(what: impl Display) {
    println!("ok  {what}");
}

/// A time, to a tenth.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The end of a child's log, where it says why it failed.
pub fn print_log(name: &str, path: &Path) {
    const LINES: usize = 60;
    let log = std::fs::read(path).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    if lines.is_empty() {
        eprintln!("--- {name} wrote nothing to stderr");
        return;
    }
    eprintln!("--- {name} wrote {} lines to stderr", lines.len());
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        eprintln!("{line}");
    }
    eprintln!("---");
}
