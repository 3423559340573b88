//! The loom models of the core, as a step of the gate; by hand it is `cargo loom`.

use std::env;

use anyhow::{Result, bail, ensure};

use crate::cargo;
use crate::workspace::Workspace;

/// Loom reports success when one of these cuts a search short, so a gating run must not have them.
const CUTTING_VARIABLES: [&str; 2] = ["LOOM_MAX_DURATION", "LOOM_MAX_PERMUTATIONS"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    check_environment()?;
    // One thread: a model takes a whole core, and its report should stand under its name.
    let mut command =
        cargo::in_workspace(workspace, &["test", "-p", "tallied", "--release", "--lib"]);
    // A directory of its own, or the flag would rebuild every dependency at each change of mind.
    command
        .arg("--target-dir")
        .arg(workspace.target.join("loom"));
    command.args(["--", "--nocapture", "--test-threads=1"]);
    cargo::append_flags(&mut command, "RUSTFLAGS", &["--cfg", "loom"]);

    let mut passed = 0;
    cargo::run_reading(&mut command, |line| {
        passed += passed_tests(line).unwrap_or(0);
    })?;
    ensure!(passed > 0, "no loom model ran");
    println!("loom: {passed} tests passed");
    Ok(())
}

pub(crate) fn check_environment() -> Result<()> {
    refuse_cut_searches(|name| env::var_os(name).is_some())
}

fn refuse_cut_searches(is_set: impl Fn(&str) -> bool) -> Result<()> {
    for name in CUTTING_VARIABLES {
        if is_set(name) {
            bail!(
                "{name} is set: loom stops its search there and reports success all the same; \
                 unset it (`env -u {name} cargo xtask …`)"
            );
        }
    }
    Ok(())
}

/// The count in libtest's last line. With --nocapture a test's own output may stand before it.
fn passed_tests(line: &str) -> Option<u64> {
    let (_, result) = line.split_once("test result: ")?;
    let (before, _) = result.split_once(" passed;")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_passed() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out";
        assert_eq!(passed_tests(line), Some(12));
        assert_eq!(passed_tests(&format!("no newline{line}")), Some(12));
        assert_eq!(
            passed_tests("test result: \u{1b}[32mok\u{1b}[m. 3 passed; 0 failed"),
            Some(3)
        );
        assert_eq!(passed_tests("running 12 tests"), None);
    }

    #[test]
    fn a_cut_search_is_refused() {
        assert!(refuse_cut_searches(|_| false).is_ok());
        let error = refuse_cut_searches(|name| name == "LOOM_MAX_DURATION").unwrap_err();
        assert!(error.to_string().starts_with("LOOM_MAX_DURATION is set"));
    }
}
