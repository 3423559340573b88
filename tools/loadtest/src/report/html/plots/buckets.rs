//! The server's histograms against the clients' books: a small plot for each method and endpoint.

use maud::{Markup, html};

use super::super::books::{bound_of, histogram_agrees, is_of_seconds, name_of, named, range};
use super::chart::{Axis, Chart};
use super::scale;
use crate::report::data::{Figure, HistogramRow, Row};
use crate::report::units;

/// Of one histogram's.
const MOST_PANELS: usize = 12;

/// The first that is drawn is open; the others wait for a click.
const ORDER: [&str; 4] = [
    "http_request_duration_seconds",
    "http_response_start_seconds",
    "http_request_size_bytes",
    "http_response_size_bytes",
];

/// `None` where no row has buckets with something in them.
pub(in super::super) fn server_against_clients(rows: &[Row]) -> Option<Markup> {
    let groups = ORDER
        .iter()
        .map(|name| group(rows, name))
        .filter(|group| !group.is_empty());
    let groups: Vec<Vec<Panel<'_>>> = groups.collect();
    let (first, others) = groups.split_first()?;
    Some(html! {
        div {
            p.keys {
                span.key.blue { "server" }
                span.key.band { "what the clients' books allow" }
                span.vermilion { "✖ outside of that" }
            }
            h3 { (title(first)) }
            (panels(first))
            @for group in others {
                // What differs is not hidden.
                details open[group.iter().any(|panel| !histogram_agrees(panel.histogram))] {
                    summary { (title(group)) }
                    (panels(group))
                }
            }
        }
    })
}

struct Panel<'a> {
    row: &'a Row,
    histogram: &'a HistogramRow,
}

/// Those that differ come first, and then those with the most requests.
fn group<'a>(rows: &'a [Row], name: &str) -> Vec<Panel<'a>> {
    let of_name = rows.iter().filter_map(|row| {
        let histogram = row
            .histograms
            .iter()
            .find(|histogram| histogram.name == name)?;
        Some(Panel { row, histogram })
    });
    let mut panels: Vec<Panel<'a>> = of_name.filter(|panel| has_data(panel.histogram)).collect();
    panels.sort_by(|a, b| {
        let differs = |panel: &Panel<'_>| !histogram_agrees(panel.histogram);
        let count = |panel: &Panel<'_>| panel.histogram.count.server;
        differs(b)
            .cmp(&differs(a))
            .then(count(b).total_cmp(&count(a)))
    });
    panels
}

/// On a logarithmic axis, where a bound of 0 has no place.
fn points(histogram: &HistogramRow) -> impl Iterator<Item = &(f64, Figure)> {
    histogram
        .buckets
        .iter()
        .filter(|(bound, _)| *bound > 0.0 && bound.is_finite())
}

fn has_data(histogram: &HistogramRow) -> bool {
    let is_some = |figure: &Figure| figure.server > 0.0 || figure.client.most > 0.0;
    is_some(&histogram.count) && points(histogram).next().is_some()
}

fn title(group: &[Panel<'_>]) -> String {
    let name = group
        .first()
        .map_or_else(String::new, |panel| name_of(panel.histogram));
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let of = |many: usize| if many == 1 { "" } else { "s" };
    let title: String = first.into_iter().chain(letters).collect();
    format!("{title}, of {} endpoint{}", group.len(), of(group.len()))
}

fn panels(group: &[Panel<'_>]) -> Markup {
    html! {
        div.panels {
            @for panel in group.iter().take(MOST_PANELS) { (self::panel(panel)) }
        }
        @if group.len() > MOST_PANELS {
            p.note { (group.len() - MOST_PANELS) " more, with fewer requests, are in " code { "report.json" } "." }
        }
    }
}

fn panel(Panel { row, histogram }: &Panel<'_>) -> Markup {
    let label = format!(
        "{} of {} {}: buckets of the server and of the clients",
        name_of(histogram),
        row.method,
        row.endpoint
    );
    html! {
        figure.panel {
            figcaption {
                (named(row))
                @if histogram_agrees(histogram) {
                    span.good { "✓" span.unseen { " agrees" } }
                } @else {
                    span.bad { "≠ differs" }
                }
                div.meaning { (units::number(histogram.count.server)) " requests" }
            }
            (draw(histogram, &label))
        }
    }
}

fn draw(histogram: &HistogramRow, label: &str) -> Markup {
    let all: Vec<&(f64, Figure)> = points(histogram).collect();
    let bounds = all.iter().map(|(bound, _)| *bound);
    let x = match is_of_seconds(histogram) {
        true => scale::times(bounds),
        false => scale::sizes(bounds),
    };
    let counts = all
        .iter()
        .flat_map(|(_, figure)| [figure.server, figure.client.most]);
    let mut chart = Chart::new(label, x, scale::amounts(counts, units::number));
    // Without a most there is nothing to fill up to.
    let band = all
        .iter()
        .map(|(bound, figure)| (*bound, figure.client.least, figure.client.most));
    let band: Vec<(f64, f64, f64)> = band.filter(|(_, _, most)| most.is_finite()).collect();
    chart.band("band", &band);
    let server = all
        .iter()
        .map(|(bound, figure)| (*bound, Some(figure.server)));
    chart.line(Axis::Left, "blue", server);
    for (bound, figure) in all {
        let title = format!(
            "at most {}\nserver: {}\nclients: {}",
            bound_of(histogram, *bound),
            units::number(figure.server),
            range(&figure.client, units::number)
        );
        if !figure.agrees() {
            let place = (*bound, figure.server);
            chart.mark(Axis::Left, place, "vermilion", "✖", &title);
        }
        chart.look(*bound, title);
    }
    chart.draw()
}
