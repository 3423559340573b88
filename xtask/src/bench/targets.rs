//! What the project wants of the figures, and what it got.

use super::markdown::{figure, table};
use super::results::{CLIENT, FASTEST_PEER, OURS, Tables};

/// A table, a row and a column.
type Cell = [&'static str; 3];

/// A figure, or its ratio to another one, that should not be exceeded, or be reached.
struct Target {
    what: &'static str,
    limit: Limit,
    figure: Cell,
    to: Option<Cell>,
}

enum Limit {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
}

use Limit::{AtLeast, AtMost, Below};

const fn ratio(what: &'static str, limit: Limit, figure: Cell, to: Cell) -> Target {
    Target {
        what,
        limit,
        figure,
        to: Some(to),
    }
}

const fn alone(what: &'static str, limit: Limit, figure: Cell) -> Target {
    Target {
        what,
        limit,
        figure,
        to: None,
    }
}

const ONE: &str = "1 thread";
const TWO: &str = "2 threads";
const FEW: &str = "encoding, 10000 endpoints";
const MANY: &str = "encoding, 100000 endpoints";
const TEXT: &str = "tallied-text";
const ENDPOINT: &str = "ns an endpoint";
const FIRST: &str = "with one recording thread";
const FURTHER: &str = "for each further thread";
/// Of a request with a whole body; of a streamed one salvo-otel does not measure as much.
const HOOP: &str = "whole, salvo + tallied, threads 1";
const HOOP_TWO: &str = "whole, salvo + tallied, threads 2";
const LAYER: &str = "whole, axum + tallied, threads 1";
const LAYER_TWO: &str = "whole, axum + tallied, threads 2";
const TO_PEER: &str = "… to the peer's";

#[rustfmt::skip]
const TARGETS: [Target; 26] = [
    ratio("counter, 1 thread, to prometheus-client", AtMost(0.27), ["counter", OURS, ONE], ["counter", CLIENT, ONE]),
    ratio("counter, 2 threads, to prometheus-client", AtMost(0.07), ["counter", OURS, TWO], ["counter", CLIENT, TWO]),
    ratio("counter, 1 thread, to the floor", AtMost(4.5), ["counter", OURS, ONE], ["counter", "floor", ONE]),
    ratio("counter, 2 threads to 1, an operation", AtMost(1.1), ["counter", OURS, TWO], ["counter", OURS, ONE]),
    ratio("histogram, 1 thread, to prometheus-client", AtMost(0.38), ["histogram", OURS, ONE], ["histogram", CLIENT, ONE]),
    ratio("histogram, 2 threads, to prometheus-client", AtMost(0.08), ["histogram", OURS, TWO], ["histogram", CLIENT, TWO]),
    ratio("histogram, 1 thread, to the fastest peer", Below(1.0), ["histogram", OURS, ONE], ["histogram", FASTEST_PEER, ONE]),
    ratio("histogram, 2 threads, to the fastest peer", Below(1.0), ["histogram", OURS, TWO], ["histogram", FASTEST_PEER, TWO]),
    ratio("lookup and increment, 1 thread, to prometheus-client's Family", AtMost(0.25), ["lookup", OURS, ONE], ["lookup", CLIENT, ONE]),
    ratio("lookup and increment, 1 thread, to prometheus' with_label_values", AtMost(1.0), ["lookup", OURS, ONE], ["lookup", "prometheus", ONE]),
    ratio("lookup and increment, 2 threads to 1, an operation", AtMost(1.1), ["lookup", OURS, TWO], ["lookup", OURS, ONE]),
    ratio("text of 10,000 endpoints, bytes a second to prometheus-client's", AtLeast(5.0), [FEW, TEXT, "MB/s"], [FEW, CLIENT, "MB/s"]),
    ratio("text, time a series at 100,000 endpoints to that at 10,000", AtMost(1.3), [MANY, TEXT, ENDPOINT], [FEW, TEXT, ENDPOINT]),
    ratio("OpenMetrics of 10,000 endpoints, time to prometheus-client's own types", AtMost(1.0), [FEW, "tallied-openmetrics", "ms"], [FEW, CLIENT, "ms"]),
    ratio("protobuf of 10,000 endpoints, time to OpenMetrics'", AtMost(1.0), [FEW, "tallied-protobuf", "ms"], [FEW, "tallied-openmetrics", "ms"]),
    alone("bytes a histogram series, with one recording thread", AtMost(450.0), ["memory", "histogram, tallied", FIRST]),
    alone("bytes a histogram series, for each further thread", AtMost(128.0), ["memory", "histogram, tallied", FURTHER]),
    alone("bytes a counter series, with one recording thread", AtMost(202.0), ["memory", "counter, tallied", FIRST]),
    alone("counter, time beside a scraper to time alone", AtMost(1.05), ["interference", "tallied, counter", "ratio"]),
    alone("histogram, time beside a scraper to time alone", AtMost(1.05), ["interference", "tallied, histogram", "ratio"]),
    alone("the hoop's time a request, to salvo-otel's", AtMost(0.25), ["hoop", HOOP, TO_PEER]),
    alone("the hoop's time a request, to that of the request without it", AtMost(0.2), ["hoop", HOOP, "… to bare"]),
    alone("the hoop's allocations a request", AtMost(6.0), ["hoop", HOOP, "allocations added"]),
    ratio("the hoop's time a request, 2 threads to 1", AtMost(1.2), ["hoop", HOOP_TWO, "added"], ["hoop", HOOP, "added"]),
    alone("the layer's time a request on axum, to axum-prometheus'", AtMost(0.25), ["hoop", LAYER, TO_PEER]),
    ratio("the layer's time a request on axum, 2 threads to 1", AtMost(1.2), ["hoop", LAYER_TWO, "added"], ["hoop", LAYER, "added"]),
];

impl Target {
    /// `None` where it was not measured.
    fn measured(&self, tables: &Tables) -> Option<f64> {
        let cell = |[table, row, column]: Cell| tables.get(table)?.cell(row, column);
        let figure = cell(self.figure)?;
        match self.to {
            Some(to) => Some(figure / cell(to)?),
            None => Some(figure),
        }
    }

    fn row(&self, tables: &Tables) -> Vec<String> {
        let measured = self.measured(tables);
        let (limit, is_met) = match self.limit {
            AtMost(limit) => (format!("≤ {limit}"), measured.map(|m| m <= limit)),
            AtLeast(limit) => (format!("≥ {limit}"), measured.map(|m| m >= limit)),
            Below(limit) => (format!("< {limit}"), measured.map(|m| m < limit)),
        };
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        vec![
            self.what.to_owned(),
            limit,
            figure(measured),
            verdict.to_owned(),
        ]
    }
}

pub(super) fn section(tables: &Tables) -> String {
    let rows: Vec<Vec<String>> = TARGETS.iter().map(|target| target.row(tables)).collect();
    let table = table(&["tallied's", "wanted", "measured", ""], &rows);
    format!("\n## Targets\n\nRatios of times unless they say otherwise.\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::tables;

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let text = section(&tables());
        for row in [
            "| counter, 1 thread, to prometheus-client | ≤ 0.27 | 0.250 | met |",
            "| counter, 2 threads to 1, an operation | ≤ 1.1 | 1.15 | **missed** |",
            "| counter, 2 threads, to prometheus-client | ≤ 0.07 | – | not measured |",
            "| histogram, 1 thread, to the fastest peer | < 1 | 0.667 | met |",
            "| text of 10,000 endpoints, bytes a second to prometheus-client's | ≥ 5 | 6.00 | met |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
    }
}
