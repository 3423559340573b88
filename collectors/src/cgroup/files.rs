//! What the files of a cgroup say.

use std::fs;
use std::path::Path;

use super::hierarchy::{Levels, Version};
use super::{Cpu, Memory, Throttling};

/// Version 1 has a limit for everything: the largest number of pages, in bytes. No page is larger
/// than 64 KiB.
const NO_LIMIT: u64 = i64::MAX as u64 & !0xffff;

/// `None` without a limit.
pub(super) fn memory(levels: &Levels) -> Option<Memory> {
    let [limit, usage, inactive] = match levels.version {
        Version::V1 => [
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ],
        Version::V2 => ["memory.max", "memory.current", "inactive_file"],
    };
    let limited = levels.folders.iter().filter_map(|folder| {
        let limit = memory_limit(&read(folder, limit)?)?;
        Some((limit, folder))
    });
    // Of equal ones the nearest.
    let (limit_bytes, folder) = limited.min_by_key(|(limit, _)| *limit)?;
    let usage_bytes = read(folder, usage).and_then(|text| text.trim().parse::<u64>().ok());
    let statistics = read(folder, "memory.stat");
    let inactive = statistics.and_then(|text| field(&text, inactive));
    Some(Memory {
        limit_bytes,
        usage_bytes,
        working_set_bytes: usage_bytes
            .zip(inactive)
            .map(|(usage, inactive)| usage.saturating_sub(inactive)),
    })
}

/// `None` without a limit.
pub(super) fn cpu(levels: &Levels) -> Option<Cpu> {
    let limited = levels.folders.iter().filter_map(|folder| {
        let limit = match levels.version {
            Version::V1 => {
                let quota = read(folder, "cpu.cfs_quota_us")?;
                cpu_limit(&quota, &read(folder, "cpu.cfs_period_us")?)?
            }
            Version::V2 => {
                let text = read(folder, "cpu.max")?;
                let (quota, period) = text.split_once(' ')?;
                cpu_limit(quota, period)?
            }
        };
        Some((limit, folder))
    });
    let (limit_cores, folder) = limited.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let statistics = read(folder, "cpu.stat");
    Some(Cpu {
        limit_cores,
        throttling: statistics.and_then(|text| throttling(&text)),
    })
}

fn memory_limit(text: &str) -> Option<u64> {
    let limit = text.trim().parse().ok()?;
    (limit < NO_LIMIT).then_some(limit)
}

/// In processors. Without a limit the quota is `max`, or -1.
fn cpu_limit(quota: &str, period: &str) -> Option<f64> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok()?;
    (period > 0).then(|| quota as f64 / period as f64)
}

fn throttling(statistics: &str) -> Option<Throttling> {
    let microseconds = field(statistics, "throttled_usec");
    let seconds = match microseconds {
        Some(microseconds) => microseconds as f64 / 1e6,
        // Version 1.
        None => field(statistics, "throttled_time")? as f64 / 1e9,
    };
    Some(Throttling {
        periods: field(statistics, "nr_periods")?,
        throttled_periods: field(statistics, "nr_throttled")?,
        throttled_seconds: seconds,
    })
}

/// The number behind a name.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn read(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none() {
        for text in [
            "max\n",
            "9223372036854771712\n",
            "9223372036854710272\n",
            "",
        ] {
            assert_eq!(memory_limit(text), None, "{text}");
        }
        assert_eq!(memory_limit("536870912\n"), Some(512 << 20));
        assert_eq!(cpu_limit("max", "100000\n"), None);
        assert_eq!(cpu_limit("-1\n", "100000\n"), None);
        assert_eq!(cpu_limit("150000\n", "100000\n"), Some(1.5));
        assert_eq!(cpu_limit("150000", "0"), None);
    }

    #[test]
    fn throttling_is_in_seconds_of_both_versions() {
        let expected = Throttling {
            periods: 10,
            throttled_periods: 4,
            throttled_seconds: 2.5,
        };
        let v2 = "usage_usec 9\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\n";
        assert_eq!(throttling(v2), Some(expected.clone()));
        let v1 = "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000\n";
        assert_eq!(throttling(v1), Some(expected));
        assert_eq!(throttling("usage_usec 9\n"), None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "total_inactive_file 7\ninactive_file 5\ninactive_file_x 6\n";
        assert_eq!(field(text, "inactive_file"), Some(5));
        assert_eq!(field(text, "active_file"), None);
    }

    fn folders(
        name: &str,
        levels: &[&[(&str, &str)]],
    ) -> (std::path::PathBuf, Vec<std::path::PathBuf>) {
        let base = std::env::temp_dir().join(format!("tallied-{name}-{}", std::process::id()));
        let folders = levels.iter().enumerate().map(|(level, files)| {
            let folder = base.join(level.to_string());
            fs::create_dir_all(&folder).unwrap();
            for (file, text) in *files {
                fs::write(folder.join(file), text).unwrap();
            }
            folder
        });
        let folders = folders.collect();
        (base, folders)
    }

    #[test]
    fn the_smallest_limit_holds_with_the_figures_of_its_cgroup() {
        let own = [
            ("memory.max", "max\n"),
            ("memory.current", "1\n"),
            ("cpu.max", "max 100000\n"),
        ];
        let pod = [
            ("memory.max", "1000\n"),
            ("memory.current", "900\n"),
            ("memory.stat", "anon 1\ninactive_file 300\n"),
            ("cpu.max", "50000 100000\n"),
            (
                "cpu.stat",
                "nr_periods 3\nnr_throttled 2\nthrottled_usec 1000000\n",
            ),
        ];
        let above = [("memory.max", "2000\n"), ("cpu.max", "200000 100000\n")];
        let (base, folders) = folders("cgroup", &[&own, &pod, &above, &[]]);
        let levels = Levels {
            version: Version::V2,
            folders,
        };
        let expected = Memory {
            limit_bytes: 1_000,
            usage_bytes: Some(900),
            working_set_bytes: Some(600),
        };
        assert_eq!(memory(&levels), Some(expected));
        let cpu = cpu(&levels).unwrap();
        assert_eq!(cpu.limit_cores, 0.5);
        assert_eq!(cpu.throttling.unwrap().throttled_periods, 2);
        fs::remove_dir_all(base).unwrap();
    }
}
