//! Runs a test in a process and in namespaces of its own.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Set in the process that is in the namespaces.
const INSIDE: &str = "TALLIED_TEST_INSIDE";

/// Runs `body` inside of new mount and network namespaces, in which mounts and interfaces can be made
/// freely. `test` is the path of the test that calls it, from the crate's root.
pub(crate) fn run(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--net", "--propagation", "private"]);
        unshare
    };
    // The interfaces of /sys are those of the namespace that mounted it.
    let setup = "ip link set lo up && mount -t sysfs sysfs /sys && exec \"$@\"";
    let trial = unshare().args(["sh", "-c", setup, "sh", "true"]).output();
    match trial {
        Ok(output) if output.status.success() => {}
        Ok(output) => return skip(test, String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return skip(test, &error.to_string()),
    }
    let output = unshare()
        .args(["sh", "-c", setup, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{test}:\n{out}\n{err}");
    assert!(out.contains("1 passed"), "{test} is no test:\n{out}");
    // What it skipped itself.
    let skipped = err.lines().filter(|line| line.starts_with("skipped"));
    for line in skipped {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Says that a test, or a part of it, cannot be run here; the test harness does not hide it.
pub(crate) fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// Runs a command of the shell; gives its error if it fails.
pub(crate) fn try_shell(script: &str) -> Result<String, String> {
    let output = Command::new("bash")
        .args(["-c", script])
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command of the shell, which is to succeed.
#[track_caller]
pub(crate) fn shell(script: &str) -> String {
    try_shell(script).unwrap_or_else(|error| panic!("{script}: {error}"))
}

/// An empty folder for a test.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
