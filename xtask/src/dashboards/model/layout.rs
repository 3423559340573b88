//! Where panels are: lines of panels of one height, from left to right, in sections.

use serde_json::{Value, json};

use super::Panel;

/// The columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// Lines of panels, below a row with a title where it has one.
#[derive(Debug)]
pub(crate) struct Section {
    row: Option<Row>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Row {
    id: u32,
    title: &'static str,
    collapsed: bool,
}

#[derive(Debug)]
struct Line {
    height: u32,
    panels: Vec<(u32, Panel)>,
}

impl Section {
    /// The panels that one sees first.
    pub(crate) fn top() -> Self {
        Self {
            row: None,
            lines: Vec::new(),
        }
    }

    pub(crate) fn open(id: u32, title: &'static str) -> Self {
        Self::below(id, title, false)
    }

    /// Its queries are made only once somebody opens it.
    pub(crate) fn collapsed(id: u32, title: &'static str) -> Self {
        Self::below(id, title, true)
    }

    fn below(id: u32, title: &'static str, collapsed: bool) -> Self {
        let row = Row {
            id,
            title,
            collapsed,
        };
        Self {
            row: Some(row),
            lines: Vec::new(),
        }
    }

    /// Panels with their widths, which fill the columns.
    ///
    /// # Panics
    /// When they do not.
    pub(crate) fn line<const N: usize>(mut self, height: u32, panels: [(u32, Panel); N]) -> Self {
        let width: u32 = panels.iter().map(|(width, _)| width).sum();
        assert_eq!(width, COLUMNS, "a line of panels has another width");
        self.lines.push(Line {
            height,
            panels: panels.into(),
        });
        self
    }
}

/// The panels of all sections, one below the other. Those of a collapsed row are inside of it.
pub(super) fn placed(sections: &[Section]) -> Vec<Value> {
    let mut placed = Vec::new();
    let mut y = 0;
    for section in sections {
        let row_y = y;
        let mut below = row_y + u32::from(section.row.is_some());
        let mut panels = Vec::new();
        for line in &section.lines {
            let mut x = 0;
            for (width, panel) in &line.panels {
                let place = json!({ "h": line.height, "w": width, "x": x, "y": below });
                panels.push(panel.json(&place));
                x += width;
            }
            below += line.height;
        }
        let Some(row) = &section.row else {
            placed.extend(panels);
            y = below;
            continue;
        };
        let inside = match row.collapsed {
            true => std::mem::take(&mut panels),
            false => Vec::new(),
        };
        placed.push(json!({
            "collapsed": row.collapsed,
            "gridPos": { "h": 1, "w": COLUMNS, "x": 0, "y": row_y },
            "id": row.id,
            "panels": inside,
            "title": row.title,
            "type": "row",
        }));
        placed.extend(panels);
        y = match row.collapsed {
            true => row_y + 1,
            false => below,
        };
    }
    placed
}
