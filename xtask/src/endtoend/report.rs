//! `benches/ENDTOEND.md`.

use super::CONNECTIONS;
use super::cost::{CONTESTANTS, Costs, PAIRS, SETTINGS};
use super::scrapes::Row;
use crate::bench::machine::Machine;
use crate::bench::markdown::{figure, table};

pub(super) fn render(
    machine: &Machine,
    cost: Option<&Costs>,
    scrapes: Option<&[Row]>,
    quick: bool,
) -> String {
    let mut text = format!(
        "# End to end\n\n\
         Written by `cargo xtask endtoend`: real services under `wrk` over loopback, with one thread and \
         {CONNECTIONS}\nkeep-alive connections. Compare ratios of one run; the microseconds belong to the machine.\n"
    );
    if quick {
        text.push_str("\n**A quick run: the figures are rough.**\n");
    }
    text.push_str("\n## Machine\n\n");
    text.push_str(&machine.list());
    if let Some(cost) = cost {
        text.push_str(&costs(cost));
    }
    if let Some(rows) = scrapes {
        text.push_str(&scraped(rows));
    }
    text
}

fn costs(costs: &Costs) -> String {
    let mut text = format!(
        "\n## What metrics cost a request\n\n\
         `cargo xtask endtoend --only cost`\n\n\
         The server's processor time, user and system, that the kernel counted, over the requests that wrk \
         counted:\nwrk has a part of the machine, so requests a second are as much its own as the server's. What is \
         added is the\nmedian of the differences to the bare service of the same framework in the same round, and \
         behind it is the\nmiddle half of them; {} rounds. `salvo, once more` adds nothing: what it shows is how \
         far the figures can be\nbelieved. The count of each service with metrics was wrk's, or at most 16 more, whose answers wrk did not wait for. axum-prometheus measures no \
         sizes; tallied and salvo-otel do.\n",
        costs.rounds()
    );
    let (disturbed, slices) = costs.disturbed();
    text.push_str(&format!(
        "In {disturbed} of the {slices} slices of a server with a processor of its own it waited for it for more than \
         a twentieth of the time that it used: something else ran there.\n"
    ));
    for (setting, shown) in SETTINGS.iter().enumerate() {
        text.push_str(&format!(
            "\n{}, {}:\n\n",
            shown.shape.name,
            shown.placement.name()
        ));
        let rows: Vec<Vec<String>> = CONTESTANTS
            .iter()
            .enumerate()
            .map(|(index, contestant)| row(costs, setting, index, contestant.bare))
            .collect();
        text.push_str(&table(
            &[
                "",
                "requests/s",
                "CPU µs",
                "added",
                "middle half",
                "added to bare",
            ],
            &rows,
        ));
        let added = |contestant| costs.added_us(setting, contestant).median;
        for pair in PAIRS {
            text.push_str(&format!(
                "\nOn {}, tallied adds {:.2} of what {} adds.\n",
                pair.framework,
                added(pair.ours) / added(pair.peer),
                pair.peer_name
            ));
        }
    }
    text
}

fn row(costs: &Costs, setting: usize, index: usize, bare: usize) -> Vec<String> {
    let mut cells = vec![
        CONTESTANTS[index].name.to_owned(),
        format!("{:.0}", costs.per_second(setting, index)),
        figure(Some(costs.cpu_us(setting, index))),
    ];
    if index == bare {
        cells.extend(["–"; 3].map(str::to_owned));
    } else {
        let added = costs.added_us(setting, index);
        cells.push(format!("{:+.2}", added.median));
        cells.push(format!("{:+.2} to {:+.2}", added.low, added.high));
        cells.push(format!("{:+.3}", costs.added_to_bare(setting, index)));
    }
    cells
}

fn scraped(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        vec![
            format!("{} scrapes a second", row.per_second),
            figure(Some(row.cpu_us)),
            figure(Some(row.median_ms)),
            figure(Some(row.p99_ms)),
            figure(Some(row.scrape_ms)),
            figure(Some(row.samples)),
        ]
    };
    let table = table(
        &[
            "",
            "CPU µs",
            "median ms",
            "p99 ms",
            "ms a scrape",
            "samples",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    format!(
        "\n## Ten scrapes a second\n\n\
         `cargo xtask endtoend --only scrapes`\n\n\
         tallied-server under the load test, 2,000 requests a second, medians over the rounds. The processor time is the\n\
         server's, divided by the requests, and includes the scrapes. The load test accounts for every request and every scrape.\n\n{table}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_service_adds_nothing_and_the_others_say_what() {
        let costs_of = Costs::with(&[[10.0, 10.1, 11.0, 14.0, 8.0, 9.0, 10.0]]);
        let text = costs(&costs_of);
        assert!(
            text.contains("| salvo | 100000 | 10.0 | – | – | – |"),
            "{text}"
        );
        assert!(
            text.contains("| salvo + tallied | 90909 | 11.0 | +1.00 | +1.00 to +1.00 | +0.100 |"),
            "{text}"
        );
        for line in [
            "On Salvo, tallied adds 0.25 of what salvo-otel adds.",
            "On axum, tallied adds 0.50 of what axum-prometheus adds.",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
