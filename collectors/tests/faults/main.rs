//! What the collectors show of a broken or unusual system: each case runs in a process and in
//! namespaces of its own, which takes root. Where that is not allowed, a case is skipped, and says so.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cgroups;
mod descriptors;
mod figures;
mod hung;
mod interfaces;
mod mounts;
mod namespace;
mod procfs;

use std::time::Duration;

use tallied::Registry;
use tallied_collectors::Collectors;

/// All collectors, each scrape a reading of its own.
fn registry() -> Registry {
    let registry = Registry::default();
    Collectors::new()
        .with_max_age(Duration::ZERO)
        .register(&registry)
        .unwrap();
    registry
}

/// The value of a series, as it is written.
fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

/// The series of a family, with their labels and without their values.
fn series<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let series = lines.map(|(series, _)| series);
    series
        .filter(|series| {
            let labels = series.strip_prefix(family);
            labels.is_some_and(|labels| labels.is_empty() || labels.starts_with('{'))
        })
        .collect()
}
