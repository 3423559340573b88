//! The report: a head, the targets, and a table for each group.

use super::Group;
use super::machine::Machine;
use super::markdown::{figure, table};
use super::results::{Figure, Results};
use super::targets::{Limit, targets};

const ENDPOINTS: [u64; 3] = [100, 10_000, 100_000];

pub(crate) fn render(
    machine: &Machine,
    results: &Results,
    groups: &[&Group],
    quick: bool,
) -> String {
    let mut text = "# Results of the benches\n\n\
        Written by `cargo xtask bench`; what is measured, and how to read it, is in the\n\
        documentation of `tallied-benches` (`benches/src/lib.rs`). Compare ratios of one run; the\n\
        nanoseconds belong to the machine.\n"
        .to_owned();
    if quick {
        text.push_str("\n**A quick run: the figures are rough.**\n");
    }
    text.push_str("\n## Machine\n\n");
    text.push_str(&machine.list());
    text.push_str(&targets_section(results));
    for group in groups {
        text.push_str(&format!(
            "\n## {}\n\n`cargo {}`\n\n{}",
            group.name,
            group.arguments(quick).join(" "),
            match group.name {
                "encoding" => encoding(results),
                "interference" => interference(results),
                "memory" => memory(results),
                "heap" => heap(results),
                "hoop" => hoop(results),
                name => recording(results, name),
            }
        ));
    }
    text
}

fn targets_section(results: &Results) -> String {
    let rows: Vec<Vec<String>> = targets(results)
        .iter()
        .map(|target| {
            let limit = match target.limit {
                Limit::AtMost(limit) => format!("≤ {limit}"),
                Limit::AtLeast(limit) => format!("≥ {limit}"),
                Limit::Below(limit) => format!("< {limit}"),
            };
            let verdict = match target.is_met() {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "not measured",
            };
            vec![
                target.what.to_owned(),
                limit,
                figure(target.measured),
                verdict.to_owned(),
            ]
        })
        .collect();
    let mut text = "\n## Targets\n\nRatios of times unless they say otherwise.\n\n".to_owned();
    text.push_str(&table(&["tallied's", "wanted", "measured", ""], &rows));
    let doubtful = results.doubtful();
    if !doubtful.is_empty() {
        text.push_str(&format!(
            "\nOther processes had the processors while these were measured (marked † below), so \
             that their figures\nsay little, and what is said of them here: {}.\n",
            doubtful.join(", ")
        ));
    }
    text
}

fn mark(measured: Figure) -> &'static str {
    if measured.is_doubtful() { " †" } else { "" }
}

fn recording(results: &Results, group: &str) -> String {
    let ns = |contestant, threads| results.ns(group, contestant, threads);
    let shown = |contestant, threads| {
        let mark = results.get(group, contestant, threads).map_or("", mark);
        format!("{}{mark}", figure(ns(contestant, threads)))
    };
    let times = |contestant, threads| Some(ns(contestant, threads)? / ns("tallied", threads)?);
    let rows: Vec<Vec<String>> = results
        .contestants(group, 1)
        .into_iter()
        .map(|contestant| {
            vec![
                contestant.to_owned(),
                shown(contestant, 1),
                shown(contestant, 2),
                figure(times(contestant, 1)),
                figure(times(contestant, 2)),
            ]
        })
        .collect();
    let mut text = "Nanoseconds an operation on each thread.\n\n".to_owned();
    text.push_str(&table(
        &[
            "",
            "1 thread",
            "2 threads",
            "times ours, 1 thread",
            "times ours, 2 threads",
        ],
        &rows,
    ));
    for other in ["prometheus-client", "floor"] {
        let to = |threads| Some(1.0 / times(other, threads)?);
        if let (Some(one), Some(two)) = (to(1), to(2)) {
            text.push_str(&format!(
                "\ntallied to {other}: {one:.3} at one thread, {two:.3} at two.\n"
            ));
        }
    }
    text
}

fn encoding(results: &Results) -> String {
    let mut text = "One document in a fresh buffer. An endpoint is a histogram with two labels \
        and 11 bounds and a\ncounter with three labels: 15 lines.\n"
        .to_owned();
    for endpoints in ENDPOINTS {
        let client = results.ns("encoding", "prometheus-client", endpoints);
        let rows: Vec<Vec<String>> = results
            .contestants("encoding", endpoints)
            .into_iter()
            .filter_map(|contestant| {
                let measured = results.get("encoding", contestant, endpoints)?;
                let bytes = measured.bytes.map(|bytes| bytes as f64);
                Some(vec![
                    contestant.to_owned(),
                    format!("{}{}", figure(Some(measured.ns / 1e6)), mark(measured)),
                    figure(bytes.map(|bytes| bytes / 1e6)),
                    figure(bytes.map(|bytes| bytes / measured.ns * 1e3)),
                    figure(Some(measured.ns / endpoints as f64)),
                    figure(client.map(|client| measured.ns / client)),
                ])
            })
            .collect();
        text.push_str(&format!("\n{endpoints} endpoints:\n\n"));
        text.push_str(&table(
            &[
                "",
                "ms",
                "MB",
                "MB/s",
                "ns an endpoint",
                "time to prometheus-client's",
            ],
            &rows,
        ));
    }
    text
}

fn interference(results: &Results) -> String {
    let rows: Vec<Vec<String>> = results
        .interference
        .iter()
        .map(|row| {
            vec![
                format!("{}, {}", row.contestant, row.operation),
                figure(Some(row.alone_ns)),
                figure(Some(row.scraped_ns)),
                figure(Some(row.ratio)),
                row.scrapes.to_string(),
                figure(Some(row.scrape_ms)),
            ]
        })
        .collect();
    let mut text =
        "Nanoseconds an operation on a kept handle, while the other core runs a loop or \
        scrapes 10,000\nhistograms. The ratio is the median over pairs of slices. Every scrape had \
        the written histogram\nwhole.\n\n"
            .to_owned();
    text.push_str(&table(
        &[
            "",
            "beside a loop",
            "beside a scraper",
            "ratio",
            "scrapes",
            "ms a scrape",
        ],
        &rows,
    ));
    text
}

fn memory(results: &Results) -> String {
    let rows: Vec<Vec<String>> = results
        .memory
        .iter()
        .map(|row| {
            vec![
                format!("{}, {}", row.shape, row.contestant),
                row.series.to_string(),
                format!("{:.0}", row.first_bytes),
                format!("{:.0}", row.further_bytes),
            ]
        })
        .collect();
    let mut text = "Resident bytes a series, two labels each.\n\n".to_owned();
    text.push_str(&table(
        &[
            "",
            "series",
            "with one recording thread",
            "for each further thread",
        ],
        &rows,
    ));
    text
}

fn heap(results: &Results) -> String {
    let rows: Vec<Vec<String>> = results
        .contestants("heap", 0)
        .into_iter()
        .map(|contestant| {
            vec![
                contestant.to_owned(),
                figure(results.ns("heap", contestant, 0)),
            ]
        })
        .collect();
    let mut text = "64 bytes allocated and deallocated.\n\n".to_owned();
    text.push_str(&table(&["", "ns"], &rows));
    text
}

fn hoop(results: &Results) -> String {
    let rows: Vec<Vec<String>> = results
        .hoop
        .iter()
        .map(|row| {
            let bare = results.hoop_of(&row.shape, "bare", row.threads);
            let peer = results.hoop_of(&row.shape, "salvo-otel", row.threads);
            let mark = if row.is_doubtful() { " †" } else { "" };
            vec![
                format!("{}, {}", row.shape, row.contestant),
                row.threads.to_string(),
                format!("{}{mark}", figure(Some(row.ns))),
                figure(Some(row.added_ns)),
                figure(bare.map(|bare| row.added_ns / bare.ns)),
                figure(peer.map(|peer| row.added_ns / peer.added_ns)),
                figure(Some(row.allocations)),
                figure(bare.map(|bare| row.allocations - bare.allocations)),
            ]
        })
        .collect();
    let mut text = "Nanoseconds a request on each thread, through `salvo::Service::handle` in \
        process: a GET on\n`/items/{id}` with a small whole body, and one that streams three \
        frames. What a hoop adds is the\nmedian of the differences to the bare service in the \
        same round. `next` is a hoop that only calls\nthe next handler.\n\n"
        .to_owned();
    text.push_str(&table(
        &[
            "",
            "threads",
            "ns",
            "added",
            "… to bare",
            "… to salvo-otel's",
            "allocations",
            "added",
        ],
        &rows,
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_table_compares_with_ours() {
        let results = Results::default()
            .with("counter", "tallied", 1, 2.0)
            .with("counter", "tallied", 2, 2.0)
            .with("counter", "prometheus-client", 1, 8.0)
            .with("counter", "prometheus-client", 2, 40.0);
        let text = recording(&results, "counter");
        assert!(
            text.contains("| prometheus-client | 8.00 | 40.0 | 4.00 | 20.0 |"),
            "{text}"
        );
        assert!(
            text.contains("tallied to prometheus-client: 0.250 at one thread, 0.050 at two."),
            "{text}"
        );
    }

    #[test]
    fn a_missed_target_is_said_plainly() {
        let results = Results::default().with("counter", "tallied", 1, 8.0).with(
            "counter",
            "prometheus-client",
            1,
            8.0,
        );
        let text = targets_section(&results);
        assert!(
            text.contains(
                "| counter, 1 thread, to prometheus-client | ≤ 0.27 | 1.00 | **missed** |"
            ),
            "{text}"
        );
        assert!(text.contains("| not measured |"), "{text}");
    }
}
