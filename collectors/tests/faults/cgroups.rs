//! The limits of the process's cgroup.

use crate::namespace::{run, shell, skip, try_shell};
use crate::{registry, series, value};

/// Moves this process into new cgroups: limits on the outer one, none on the inner one.
const ENTER_V1: &str = "set -e; \
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/$PID/cgroup); base=/sys/fs/cgroup/memory$own; \
    mkdir -p $base/tallied-$PID/inner; echo 300M > $base/tallied-$PID/memory.limit_in_bytes; \
    echo $PID > $base/tallied-$PID/inner/cgroup.procs; echo $base/tallied-$PID/memory.usage_in_bytes";
const ENTER_V1_CPU: &str = "set -e; \
    own=$(sed -nE 's/^[0-9]*:(cpu|cpu,cpuacct)://p' /proc/$PID/cgroup); base=/sys/fs/cgroup/cpu$own; \
    mkdir -p $base/tallied-$PID/inner; echo 50000 > $base/tallied-$PID/cpu.cfs_quota_us; \
    echo $PID > $base/tallied-$PID/inner/cgroup.procs; echo $base/tallied-$PID/cpu.stat";
const ENTER_V2: &str = "set -e; \
    own=$(sed -n 's/^0:://p' /proc/$PID/cgroup); base=/sys/fs/cgroup$own; \
    test -e $base/cgroup.controllers; mkdir -p $base/tallied-$PID; \
    echo '+memory +cpu' > $base/cgroup.subtree_control; mkdir -p $base/tallied-$PID/inner; \
    echo 300M > $base/tallied-$PID/memory.max; echo '50000 100000' > $base/tallied-$PID/cpu.max; \
    echo $PID > $base/tallied-$PID/inner/cgroup.procs; echo $base/tallied-$PID/memory.current";
const LEAVE: &str = "for g in $(find /sys/fs/cgroup -depth -type d -path \"*tallied-$PID*\"); do \
    while read p; do echo $p > $g/../../cgroup.procs 2>/dev/null || echo $p > $g/../cgroup.procs; done < $g/cgroup.procs; \
    rmdir $g; done";

#[test]
fn limits_of_an_ancestor_are_shown_with_its_usage() {
    let name = "cgroups::limits_of_an_ancestor_are_shown_with_its_usage";
    run(name, || {
        let in_process = |script: &str| {
            let pid = std::process::id();
            try_shell(&format!("PID={pid}; {script}"))
        };
        // The file systems of cgroups may lie under the /sys that was mounted anew.
        let _ = try_shell("umount /sys");
        let registry = registry();
        let before = registry.text();
        let v1 = in_process(ENTER_V1);
        let cpu = v1.as_ref().ok().map(|_| in_process(ENTER_V1_CPU));
        let (usage, cpu) = match (v1, cpu) {
            (Ok(usage), Some(cpu)) => (usage, cpu),
            _ => match in_process(ENTER_V2) {
                Ok(usage) => (usage, Ok(String::new())),
                Err(why) => {
                    let _ = in_process(LEAVE);
                    return skip(name, &why);
                }
            },
        };
        let ballast = vec![1_u8; 50 << 20];
        std::hint::black_box(&ballast);
        let text = registry.text();
        let real: f64 = shell(&format!("cat {usage}")).parse().unwrap();
        let spins = std::time::Instant::now();
        while spins.elapsed() < std::time::Duration::from_millis(1_500) {
            std::hint::black_box(0);
        }
        let later = registry.text();
        in_process(LEAVE).unwrap();

        assert_eq!(
            value(&text, "process_cgroup_memory_limit_bytes"),
            Some(300.0 * 1_048_576.0)
        );
        let shown = value(&text, "process_cgroup_memory_usage_bytes").unwrap();
        assert!(
            shown > 50e6 && (shown - real).abs() < 10e6,
            "{shown} and {real}"
        );
        let working = value(&text, "process_cgroup_memory_working_set_bytes").unwrap();
        assert!(working > 50e6 && working <= shown, "{working} of {shown}");
        match cpu {
            Ok(_) => {
                assert_eq!(value(&text, "process_cgroup_cpu_limit_cores"), Some(0.5));
                let throttled = "process_cgroup_cpu_throttled_seconds_total";
                let waited = value(&later, throttled).unwrap() - value(&text, throttled).unwrap();
                assert!(waited > 0.1, "{waited} s of 1.5 s");
                let periods = value(&later, "process_cgroup_cpu_throttled_periods_total").unwrap();
                assert!(
                    periods > 2.0
                        && periods <= value(&later, "process_cgroup_cpu_periods_total").unwrap()
                );
            }
            Err(why) => skip(name, &format!("the part with processors: {why}")),
        }
        if series(&before, "process_cgroup_memory_limit_bytes").is_empty() {
            let after = registry.text();
            assert!(!after.contains("process_cgroup_memory"), "{after}");
        }
    });
}
