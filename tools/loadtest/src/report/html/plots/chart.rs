//! One plot: inline SVG for what is drawn, stretched to the room there is, and HTML around it for the texts, whose size stays.
//!
//! It needs no script: a title says what lies under the pointer.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::scale::Scale;

/// Of the SVG, which is stretched.
const WIDTH: f64 = 2_000.0;
const HEIGHT: f64 = 1_000.0;
/// A line that moves less than this part of its most says little.
const FLAT: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Axis {
    Left,
    Right,
}

#[derive(Debug)]
pub(in super::super) struct Chart {
    /// What it shows, for those who do not see it.
    label: String,
    x: Scale,
    left: Scale,
    right: Option<Scale>,
    keys: Vec<(&'static str, String)>,
    drawn: Vec<Markup>,
    marks: Vec<Markup>,
    looks: Vec<(f64, String)>,
    is_flat: bool,
}

impl Chart {
    pub(super) fn new(label: impl Into<String>, x: Scale, left: Scale) -> Self {
        Self {
            label: label.into(),
            x,
            left,
            right: None,
            keys: Vec::new(),
            drawn: Vec::new(),
            marks: Vec::new(),
            looks: Vec::new(),
            is_flat: true,
        }
    }

    pub(super) fn with_right(self, scale: Scale) -> Self {
        Self {
            right: Some(scale),
            ..self
        }
    }

    /// Whether there is hardly anything to be seen: nothing is marked, and no line on the left moves.
    pub(in super::super) fn is_flat(&self) -> bool {
        self.is_flat && self.marks.is_empty()
    }

    /// What a line or a sign of this look is.
    pub(super) fn key(&mut self, look: &'static str, name: impl Into<String>) {
        self.keys.push((look, name.into()));
    }

    /// From 0 to [`WIDTH`] and from [`HEIGHT`] down to 0.
    fn place(&self, axis: Axis, x: f64, y: f64) -> Option<(f64, f64)> {
        let scale = match axis {
            Axis::Left => &self.left,
            Axis::Right => self.right.as_ref()?,
        };
        let (x, y) = (self.x.at(x)?, scale.at(y)?);
        Some(((x * WIDTH).round(), ((1.0 - y) * HEIGHT).round()))
    }

    /// A line through these points; where there is no value it is interrupted.
    pub(super) fn line(
        &mut self,
        axis: Axis,
        look: &str,
        points: impl Iterator<Item = (f64, Option<f64>)>,
    ) {
        let (mut path, mut is_drawing) = (String::new(), false);
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for (x, y) in points {
            let place = y.and_then(|y| self.place(axis, x, y));
            let Some((across, down)) = place else {
                is_drawing = false;
                continue;
            };
            let y = y.unwrap_or_default();
            (least, most) = (least.min(y), most.max(y));
            // A String takes anything. A point alone is a dot.
            let _ = match is_drawing {
                true => write!(path, " {across} {down}"),
                false => write!(path, "M{across} {down}h0L{across} {down}"),
            };
            is_drawing = true;
        }
        if path.is_empty() {
            return;
        }
        self.is_flat &= axis == Axis::Right || most - least <= FLAT * most;
        self.drawn.push(html! { path class=(look) d=(path) {} });
    }

    /// Between two lines.
    pub(super) fn band(&mut self, look: &str, points: &[(f64, f64, f64)]) {
        let upper = points.iter().map(|&(x, _, high)| (x, high));
        let lower = points.iter().rev().map(|&(x, low, _)| (x, low));
        let mut outline = String::new();
        for (x, y) in upper.chain(lower) {
            if let Some((across, down)) = self.place(Axis::Left, x, y) {
                let _ = write!(outline, "{across},{down} ");
            }
        }
        self.drawn
            .push(html! { polygon class=(look) points=(outline.trim_end()) {} });
    }

    /// From 0 up; what is more than 0 is seen.
    pub(super) fn bar(&mut self, from: f64, to: f64, height: f64, title: &str) {
        const SEEN: f64 = 4.0;
        let corners = self
            .place(Axis::Left, from, height)
            .zip(self.x.at(to).map(|to| (to * WIDTH).round()));
        if let Some(((left, top), right)) = corners {
            let top = top.min(HEIGHT - SEEN);
            self.drawn.push(html! {
                rect.bar x=(left) y=(top) width=(right - left) height=(HEIGHT - top) { title { (title) } }
            });
        }
    }

    /// A sign at a point, with words beside it.
    pub(super) fn mark(
        &mut self,
        axis: Axis,
        (x, y): (f64, f64),
        look: &str,
        sign: &str,
        title: &str,
    ) {
        if let Some((across, down)) = self.place(axis, x, y) {
            let (left, top) = (across / WIDTH * 100.0, down / HEIGHT * 100.0);
            self.marks.push(html! {
                span class={ "mark " (look) } style={ "left:" (left) "%;top:" (top) "%" } title=(title) { (sign) }
            });
        }
    }

    /// A level, named at its left end.
    pub(super) fn level(&mut self, y: f64, name: &str) {
        if let Some(y) = self.left.at(y) {
            let down = ((1.0 - y) * HEIGHT).round();
            self.drawn
                .push(html! { path.grey.dash.thin d={ "M0 " (down) "H" (WIDTH) } {} });
            let top = down / HEIGHT * 100.0;
            self.marks
                .push(html! { span.name style={ "top:" (top) "%" } { (name) } });
        }
    }

    /// All the way up, at `x`.
    pub(super) fn upright(&mut self, look: &str, x: f64) {
        if let Some(x) = self.x.at(x) {
            self.drawn.push(
                html! { path class=(look) d={ "M" ((x * WIDTH).round()) " 0V" (HEIGHT) } {} },
            );
        }
    }

    /// What there is around `x`, from the middle to the point before to the middle to the next one.
    pub(super) fn look(&mut self, x: f64, title: String) {
        self.looks.push((x, title));
    }

    fn columns(&self) -> Markup {
        let places = self
            .looks
            .iter()
            .filter_map(|(x, title)| Some(((self.x.at(*x)? * WIDTH).round(), title)));
        let mut places: Vec<(f64, &String)> = places.collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let middle = |index: usize| ((places[index].0 + places[index + 1].0) / 2.0).round();
        html! {
            @for (index, (_, title)) in places.iter().enumerate() {
                @let from = if index == 0 { 0.0 } else { middle(index - 1) };
                @let to = if index + 1 == places.len() { WIDTH } else { middle(index) };
                rect x=(from) width=(to - from) height=(HEIGHT) { title { (title) } }
            }
        }
    }

    pub(in super::super) fn draw(&self) -> Markup {
        let grid = |scale: &Scale| -> Vec<f64> {
            let places = scale.ticks.iter().filter_map(|(tick, _)| scale.at(*tick));
            places.collect()
        };
        html! {
            @if !self.keys.is_empty() {
                p.keys {
                    @for (look, name) in &self.keys { span class={ "key " (look) } { (name) } }
                }
            }
            div.plot role="img" aria-label=(self.label) {
                (upright_axis("left", &self.left))
                div.canvas {
                    svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                        @for y in grid(&self.left) { path.grid d={ "M0 " (((1.0 - y) * HEIGHT).round()) "h" (WIDTH) } {} }
                        @for x in grid(&self.x) { path.grid d={ "M" ((x * WIDTH).round()) " 0v" (HEIGHT) } {} }
                        @for shape in &self.drawn { (shape) }
                        g.looks { (self.columns()) }
                    }
                    @for mark in &self.marks { (mark) }
                }
                @if let Some(right) = &self.right { (upright_axis("right", right)) }
                div.across.many[self.x.ticks.len() > 5] {
                    @for (tick, name) in &self.x.ticks {
                        @if let Some(at) = self.x.at(*tick) { span style={ "left:" (percent(at)) "%" } { (name) } }
                    }
                    @if !self.x.title.is_empty() { em { (self.x.title) } }
                }
            }
        }
    }
}

fn upright_axis(side: &str, scale: &Scale) -> Markup {
    html! {
        div class=(side) {
            @for (tick, name) in &scale.ticks {
                @if let Some(at) = scale.at(*tick) { span style={ "bottom:" (percent(at)) "%" } { (name) } }
            }
            @if !scale.title.is_empty() { em { (scale.title) } }
        }
    }
}

fn percent(part: f64) -> f64 {
    (part * 10_000.0).round() / 100.0
}
