//! The README's table of metrics, held against what the binary exposes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::support::{Client, Server};

/// Type, labels and unit of a metric.
type Metrics = BTreeMap<String, (String, BTreeSet<String>, String)>;

/// The rows of the table in the README.
fn documented() -> Metrics {
    let readme = include_str!("../../../README.md");
    let table = readme
        .split("| metric | type | labels | unit | meaning |")
        .nth(1)
        .unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[3]
            .split(',')
            .map(|label| label.trim().trim_matches('`'));
        let labels = labels
            .filter(|label| *label != "–")
            .map(str::to_owned)
            .collect();
        let unit = cells[4].trim_matches('–').to_owned();
        (
            cells[1].trim_matches('`').to_owned(),
            (cells[2].to_owned(), labels, unit),
        )
    })
    .collect()
}

/// What an exposition holds: types from the text format, units from OpenMetrics.
fn exposed(text: &str, openmetrics: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let family = name.trim_end_matches("_total");
            let unit = openmetrics.lines().find_map(|line| {
                line.strip_prefix("# UNIT ")?
                    .strip_prefix(family)?
                    .strip_prefix(' ')
            });
            let of = (
                kind.to_owned(),
                BTreeSet::new(),
                unit.unwrap_or_default().to_owned(),
            );
            metrics.insert(name.to_owned(), of);
        } else if !line.starts_with('#') {
            let Some((series, labels)) = line.split_once('{') else {
                continue;
            };
            let suffixes = ["", "_bucket", "_sum", "_count"];
            let name = suffixes.iter().find_map(|suffix| {
                series
                    .strip_suffix(suffix)
                    .filter(|name| metrics.contains_key(*name))
            });
            let labels = labels.rsplit_once('}').unwrap().0;
            let names = labels
                .split("\",")
                .map(|pair| pair.split_once('=').unwrap().0.to_owned());
            let own = &mut metrics.get_mut(name.unwrap()).unwrap().1;
            own.extend(names.filter(|name| name != "le"));
        }
    }
    metrics
}

#[test]
fn the_table_of_metrics_is_what_is_exposed() {
    let server = Server::start();
    // A client that leaves, so that there is an aborted request.
    let mut leaving = Client::connect(server.address);
    leaving.send("POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
    drop(leaving);
    let mut client = Client::connect(server.address);
    let began = Instant::now();
    let exposed = loop {
        let text = client.get("/metrics?format=text").text().to_owned();
        let openmetrics = client.get("/metrics?format=openmetrics").text().to_owned();
        // The processors' usage is the share of at least 200 ms.
        if text.contains("client_disconnect") && text.contains("system_cpu_usage_ratio{") {
            break exposed(&text, &openmetrics);
        }
        assert!(began.elapsed() < crate::support::DEADLINE, "{text}");
    };
    let documented = documented();
    for (name, of) in &exposed {
        assert_eq!(documented.get(name), Some(of), "{name} in the README");
    }
    // Without limits on its cgroup there are none of these.
    let limits = |name: &str| name.starts_with("process_cgroup_");
    for name in documented.keys().filter(|name| !limits(name)) {
        assert!(
            exposed.contains_key(name),
            "{name} is in the README and not exposed"
        );
    }
}
