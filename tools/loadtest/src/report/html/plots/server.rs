//! The server's memory and processor time, from scrape to scrape.

use super::chart::{Axis, Chart};
use super::scale;
use crate::report::data::{Server, ServerFigures, ServerSample};
use crate::report::units;

/// A name, its look, and its value where there is one.
type Line = (
    &'static str,
    &'static str,
    fn(&ServerFigures) -> Option<f64>,
);

/// So many points; of more scrapes some are left out.
const MOST: usize = 200;

/// `None` where it exposes neither.
pub(in super::super) fn server_memory(server: &Server) -> Option<Chart> {
    let lines: [Line; 2] = [
        ("resident memory", "green dash", |of| {
            of.resident_memory_bytes
        }),
        ("live heap", "blue", |of| of.heap_live_bytes),
    ];
    chart(
        server,
        "The server's memory over time",
        &lines,
        units::bytes,
    )
}

/// `None` where it does not expose its processor time.
pub(in super::super) fn server_processors(server: &Server) -> Option<Chart> {
    let lines: [Line; 1] = [("processors in use", "vermilion", |of| of.cores)];
    chart(
        server,
        "The processors that the server used over time",
        &lines,
        units::number,
    )
}

fn chart(server: &Server, label: &str, lines: &[Line], shown: fn(f64) -> String) -> Option<Chart> {
    let each = server.samples.len().div_ceil(MOST).max(1);
    let kept: Vec<&ServerSample> = server.samples.iter().step_by(each).collect();
    let known = lines
        .iter()
        .flat_map(|(_, _, value)| kept.iter().filter_map(|sample| value(&sample.figures)));
    let known: Vec<f64> = known.collect();
    let (first, last) = (kept.first()?.at, kept.last()?.at);
    if known.is_empty() {
        return None;
    }
    let mut chart = Chart::new(
        label,
        scale::elapsed(first, last),
        scale::amounts(known.into_iter(), shown),
    );
    for (name, look, value) in lines {
        let points = kept
            .iter()
            .map(|sample| (sample.at, value(&sample.figures)));
        chart.line(Axis::Left, look, points);
        chart.key(look, *name);
    }
    for sample in &kept {
        let mut title = units::time(sample.at);
        for (name, _, value) in lines {
            if let Some(value) = value(&sample.figures) {
                let value = (value * 100.0).round() / 100.0;
                title.push_str(&format!("\n{name}: {}", shown(value)));
            }
        }
        chart.look(sample.at, title);
    }
    Some(chart)
}
