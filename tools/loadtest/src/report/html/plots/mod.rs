//! The plots, which plotly draws in the browser from data that the page contains.
//!
//! A plot is its JSON in a script element that nobody runs; `script.js` parses it, gives it the colours of the page's theme,
//! and hands it to plotly. Text in it that comes from users is escaped twice: [`text`] for plotly, which reads tags in texts,
//! and [`embedded`] for the page, whose parser ends a script at the first `</script`.

mod axes;
mod buckets;
mod limit;
mod over_time;
mod percentiles;

use maud::{Markup, PreEscaped, html};
use plotly::common::{Anchor, DashType, Font, HoverInfo, Line, Mode, Orientation};
use plotly::configuration::{DisplayModeBar, ModeBarButtonName};
use plotly::layout::{HoverMode, Legend, Margin, TraceOrder};
use plotly::{Configuration, Layout, Plot, Scatter, Traces};
use serde::Serialize;

pub(super) use self::buckets::server_against_clients;
pub(super) use self::limit::latency_by_rate;
pub(super) use self::over_time::{latency_over_time, rate_over_time};
pub(super) use self::percentiles::latency_by_percentile;

// Each has a contrast of 3 and more to white and to the dark page, and is another one for the colour-blind. Lines differ in
// their dashes, too.
const BLUE: &str = "#2e86de";
const VERMILION: &str = "#d55e00";
const GREEN: &str = "#009e73";
const PINK: &str = "#c8659b";
const GREY: &str = "#808890";

/// Gaps are `None`.
type Points = Scatter<f64, Option<f64>>;

/// What plotly takes. Its own [`Plot`] carries a copy of all JavaScript with it, of 7 MB each.
#[derive(Serialize)]
pub(super) struct Drawing {
    data: Traces,
    layout: Layout,
    config: Configuration,
}

impl Drawing {
    fn new(layout: Layout) -> Self {
        Self {
            data: Traces::new(),
            layout,
            config: config(DisplayModeBar::Hover),
        }
    }

    /// One of many, without tools.
    fn panel(layout: Layout) -> Self {
        Self {
            data: Traces::new(),
            layout,
            config: config(DisplayModeBar::False),
        }
    }

    fn add(&mut self, points: Box<Points>) {
        self.data.push(points);
    }
}

fn config(tools: DisplayModeBar) -> Configuration {
    let of_other_plots = vec![
        ModeBarButtonName::Select2d,
        ModeBarButtonName::Lasso2d,
        ModeBarButtonName::AutoScale2d,
    ];
    Configuration::new()
        .responsive(true)
        .display_logo(false)
        .display_mode_bar(tools)
        .mode_bar_buttons_to_remove(of_other_plots)
        .typeset_math(false)
}

/// What all layouts have in common; `script.js` adds the colours.
fn layout(hover: HoverMode) -> Layout {
    let legend = Legend::new()
        .orientation(Orientation::Horizontal)
        // What is drawn last lies on top, and is named first.
        .trace_order(TraceOrder::Reversed)
        .x(0.0)
        .x_anchor(Anchor::Left)
        .y(1.02)
        .y_anchor(Anchor::Bottom);
    Layout::new()
        .auto_size(true)
        .margin(Margin::new().left(64).right(24).top(24).bottom(48))
        .font(Font::new().family("system-ui, sans-serif").size(12))
        .paper_background_color("rgba(0,0,0,0)")
        .plot_background_color("rgba(0,0,0,0)")
        .legend(legend)
        .show_legend(true)
        .hover_mode(hover)
}

/// How a line looks.
#[derive(Clone)]
struct Pen {
    color: &'static str,
    dash: DashType,
    width: f64,
}

impl Pen {
    const fn new(color: &'static str, dash: DashType, width: f64) -> Self {
        Self { color, dash, width }
    }

    fn line(&self) -> Line {
        Line::new()
            .color(self.color)
            .dash(self.dash.clone())
            .width(self.width)
    }
}

/// `hover` says what a point is, for each of them.
fn line(
    name: &str,
    pen: &Pen,
    x: Vec<f64>,
    y: Vec<Option<f64>>,
    hover: Vec<String>,
) -> Box<Points> {
    Scatter::new(x, y)
        .name(text(name))
        .mode(Mode::Lines)
        .line(pen.line())
        .hover_text_array(hover)
        .hover_info(HoverInfo::Text)
}

/// A text as plotly shows it: it reads tags and entities in texts.
fn text(plain: &str) -> String {
    plain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `label` says what it shows to those who do not see it.
pub(super) fn plot(drawing: &Drawing, label: &str) -> Markup {
    html! {
        div.plot {
            div.canvas role="img" aria-label=(label) {}
            script type="application/json" { (PreEscaped(embedded(drawing))) }
        }
    }
}

/// JSON that does not end a script element, and begins no comment in it: the three characters occur in strings alone.
fn embedded(drawing: &Drawing) -> String {
    let json = serde_json::to_string(drawing)
        .expect("a plot is lists of numbers and texts, which JSON can write");
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// Plotly's JavaScript, as an element; without MathJax, of which the plots have nothing.
pub(super) fn javascript() -> Markup {
    let sources = Plot::offline_js_sources();
    let mut elements = sources.split_inclusive("</script>");
    let plotly = elements.next().unwrap_or_default();
    PreEscaped(plotly.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plotly_is_embedded() {
        let element = javascript().into_string();
        assert!(element.starts_with("<script") && element.ends_with("</script>"));
        assert!(element.contains("plotly.js v"));
        assert!(
            !element.contains("tex-svg") && element.len() < 5_000_000,
            "{}",
            element.len()
        );
        assert_eq!(element.matches("</script").count(), 1);
    }

    #[test]
    fn texts_break_out_neither_of_the_page_nor_of_a_plot() {
        let hostile = "</script><script>alert(1)</script><!--\"'\\&lt;";
        let mut drawing = Drawing::new(layout(HoverMode::Closest));
        let pen = Pen::new(BLUE, DashType::Solid, 1.0);
        drawing.add(line(
            hostile,
            &pen,
            vec![1.0],
            vec![None],
            vec![text(hostile)],
        ));
        let json = embedded(&drawing);
        assert!(!json.contains(['<', '>', '&']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        let name = read["data"][0]["name"].as_str().unwrap();
        assert!(
            name.starts_with("&lt;/script&gt;") && name.ends_with("\"'\\&amp;lt;"),
            "{name}"
        );
        assert_eq!(read["data"][0]["y"][0], serde_json::Value::Null);
    }
}
