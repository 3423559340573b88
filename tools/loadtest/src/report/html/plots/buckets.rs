//! The server's histograms against the clients' books: a small plot for each method and endpoint.

use maud::{Markup, html};
use plotly::Scatter;
use plotly::common::{DashType, Fill, HoverInfo, Line, Marker, MarkerSymbol, Mode};
use plotly::layout::{HoverMode, Margin};

use super::super::books::{
    agrees, bound_of, histogram_agrees, is_of_seconds, name_of, named, range,
};
use super::super::units;
use super::{BLUE, Drawing, GREY, Pen, VERMILION, axes, layout, line, plot};
use crate::report::data::{Figure, HistogramRow, Row};

/// Of one histogram's; a page with hundreds would not open.
const MOST_PANELS: usize = 24;

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
        div.drawn {
            p.keys {
                span.key.server { "server" }
                span.key.clients { "what the clients' books allow" }
                span.key.outside { "outside of that" }
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
    let is_some =
        |figure: &Figure| figure.server > 0.0 || figure.client.most.is_none_or(|most| most > 0.0);
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
            p.note { (group.len() - MOST_PANELS) " more, with fewer requests, are in the table of buckets." }
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
            (plot(&draw(histogram), &label))
        }
    }
}

fn draw(histogram: &HistogramRow) -> Drawing {
    let bounds = points(histogram).map(|(bound, _)| *bound);
    let x_axis = match is_of_seconds(histogram) {
        true => axes::times("", bounds),
        false => axes::sizes("", bounds),
    };
    let layout = layout(HoverMode::XUnified)
        .show_legend(false)
        .margin(Margin::new().left(52).right(16).top(8).bottom(24))
        .x_axis(x_axis)
        .y_axis(axes::counts("").n_ticks(5));
    let mut drawing = Drawing::panel(layout);
    band(&mut drawing, histogram);
    server(&mut drawing, histogram);
    drawing
}

/// From the least to the most that the clients know of. Without a most there is nothing to fill up to.
fn band(drawing: &mut Drawing, histogram: &HistogramRow) {
    let pen = Pen::new(GREY, DashType::Solid, 1.0);
    let x: Vec<f64> = points(histogram).map(|(bound, _)| *bound).collect();
    let least = points(histogram)
        .map(|(_, figure)| Some(figure.client.least))
        .collect();
    let most: Vec<Option<f64>> = points(histogram)
        .map(|(_, figure)| figure.client.most)
        .collect();
    let hover = points(histogram)
        .map(|(_, figure)| format!("clients: {}", range(&figure.client, units::number)));
    drawing.add(line("clients", &pen, x.clone(), least, hover.collect()));
    if most.iter().all(Option::is_some) {
        let upper = Scatter::new(x, most).mode(Mode::Lines).line(pen.line());
        drawing.add(
            upper
                .fill(Fill::ToNextY)
                .fill_color("rgba(128,136,144,0.3)")
                .hover_info(HoverInfo::Skip),
        );
    }
}

fn server(drawing: &mut Drawing, histogram: &HistogramRow) {
    let pen = Pen::new(BLUE, DashType::Solid, 1.5);
    let x = points(histogram).map(|(bound, _)| *bound).collect();
    let y = points(histogram)
        .map(|(_, figure)| Some(figure.server))
        .collect();
    let hover = points(histogram).map(|(bound, figure)| {
        format!(
            "server: {} (≤ {})",
            units::number(figure.server),
            bound_of(histogram, *bound)
        )
    });
    let server = line("server", &pen, x, y, hover.collect());
    drawing.add(
        server
            .mode(Mode::LinesMarkers)
            .marker(Marker::new().size(5).color(BLUE)),
    );

    let outside: Vec<&(f64, Figure)> = points(histogram)
        .filter(|(_, figure)| !agrees(figure))
        .collect();
    if !outside.is_empty() {
        let x = outside.iter().map(|(bound, _)| *bound).collect();
        let y = outside
            .iter()
            .map(|(_, figure)| Some(figure.server))
            .collect();
        let cross = Marker::new()
            .symbol(MarkerSymbol::X)
            .size(11)
            .color(VERMILION)
            .line(Line::new().width(0.0));
        drawing.add(
            Scatter::new(x, y)
                .mode(Mode::Markers)
                .marker(cross)
                .hover_info(HoverInfo::Skip),
        );
    }
}
