//! What the server exposes of itself, at a few moments: for the terminal and for the page.

use super::data::{Server, ServerFigures, ServerSample};
use super::units;

/// In seconds. By then all buffers are there: memory that grows after it goes on growing.
const LATER: f64 = 300.0;

pub(super) struct Table {
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<(&'static str, Vec<String>)>,
}

pub(super) fn table(server: &Server) -> Table {
    let (samples, most) = (&server.samples, server.most);
    let mut later = samples.iter().filter(|sample| sample.at >= LATER);
    let at = |sample: &ServerSample| sample.figures;
    let columns = [
        ("start", samples.first().map(at)),
        ("at 5 min", later.next().map(at)),
        ("end", samples.last().map(at)),
        ("max", Some(most)),
    ];
    let columns = columns.into_iter();
    let (heads, columns): (Vec<&str>, Vec<ServerFigures>) = columns
        .filter_map(|(name, figures)| Some((name, figures?)))
        .unzip();
    type Row = (
        &'static str,
        fn(&ServerFigures) -> Option<f64>,
        fn(f64) -> String,
    );
    let rows: [Row; 5] = [
        ("live heap", |of| of.heap_live_bytes, units::bytes),
        (
            "resident memory",
            |of| of.resident_memory_bytes,
            units::bytes,
        ),
        ("open descriptors", |of| of.open_fds, units::number),
        ("series", |of| Some(of.series as f64), units::number),
        (
            "processors in use",
            |of| of.cores,
            |cores| format!("{cores:.2}"),
        ),
    ];
    let rows = rows.into_iter().filter(|(_, of, _)| of(&most).is_some());
    let rows = rows.map(|(name, of, shown)| {
        let cells = columns.iter();
        let cells = cells.map(|figures| of(figures).map_or_else(|| units::NONE.to_owned(), shown));
        (name, cells.collect())
    });
    Table {
        heads,
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_the_start_some_minutes_later_the_end_and_the_most() {
        let sample = |at: f64, heap: f64| ServerSample {
            at,
            figures: ServerFigures {
                series: 1_500,
                heap_live_bytes: Some(heap * 1e6),
                cores: (at > 0.0).then_some(0.5),
                ..ServerFigures::default()
            },
        };
        let mut report = Server {
            samples: vec![sample(-1.0, 2.0), sample(299.0, 3.0), sample(301.0, 5.25)],
            most: sample(9.0, 7.0).figures,
        };
        let lines = |report: &Server| -> Vec<String> {
            let rows = table(report).rows.into_iter();
            let lines = rows.map(|(name, cells)| format!("{name}: {}", cells.join(" ")));
            lines.map(|line| line.replace('\u{a0}', "")).collect()
        };
        assert_eq!(table(&report).heads, ["start", "at 5 min", "end", "max"]);
        assert_eq!(
            lines(&report),
            [
                "live heap: 2MB 5.25MB 5.25MB 7MB",
                "series: 1,500 1,500 1,500 1,500",
                "processors in use: – 0.50 0.50 0.50",
            ]
        );
        report.samples.pop();
        assert_eq!(table(&report).heads, ["start", "end", "max"]);
        assert_eq!(lines(&report)[0], "live heap: 2MB 3MB 7MB");
    }
}
