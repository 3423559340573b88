//! The ratios of a run, from the estimates that criterion leaves on disk.

use std::path::{Path, PathBuf};

/// Where criterion keeps its results: the places it would choose itself, so that the table finds
/// what the benches of the same run wrote.
pub fn criterion_home() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return Path::new(&target).join("criterion");
    }
    // Cargo runs benches in the folder of their package.
    PathBuf::from("../target/criterion")
}

/// The median in nanoseconds of `group/contestant/threads`; `None` where it was not measured.
fn median(home: &Path, group: &str, contestant: &str, threads: usize) -> Option<f64> {
    let file = home
        .join(group)
        .join(contestant)
        .join(threads.to_string())
        .join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

/// One line for each group and number of threads: `counter, 1 thread: tallied 2.3 ns /
/// prometheus-client 9.1 ns = 0.25`. What was filtered out of this run shows the figures of an
/// earlier one, if there is any.
pub fn ratios(home: &Path, groups: &[&str], threads: &[usize]) -> String {
    let mut text = String::new();
    for group in groups {
        for &threads in threads {
            let of = |contestant| median(home, group, contestant, threads);
            let (Some(ours), Some(theirs)) = (of("tallied"), of("prometheus-client")) else {
                continue;
            };
            let plural = if threads == 1 { "" } else { "s" };
            let floor = of("floor").map_or(String::new(), |ns| format!(" (floor {ns:.2} ns)"));
            text.push_str(&format!(
                "{group}, {threads} thread{plural}: tallied {ours:.2} ns / prometheus-client {theirs:.2} ns = {:.3}{floor}\n",
                ours / theirs
            ));
        }
    }
    let floor = |threads| median(home, groups.first()?, "floor", threads);
    if let (Some(one), Some(two)) = (floor(1), floor(2))
        && two > 1.3 * one
    {
        text.push_str(&format!(
            "The floor is {one:.2} ns at one thread and {two:.2} ns at two: two processors were not free, and the figures at two threads say little.\n"
        ));
    }
    text
}
