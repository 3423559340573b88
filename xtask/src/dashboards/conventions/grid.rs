//! Where panels are: within the 24 columns, none on top of another.

use serde_json::Value;

use super::super::parsed::{Parsed, is_row, list, name_of};
use crate::alerts::finding::Finding;

const COLUMNS: u64 = 24;

#[derive(Debug, Clone, Copy)]
struct Area<'a> {
    name: &'a str,
    x: u64,
    y: u64,
    width: u64,
    height: u64,
}

impl Area<'_> {
    fn overlaps(self, other: Self) -> bool {
        let apart = self.x + self.width <= other.x
            || other.x + other.width <= self.x
            || self.y + self.height <= other.y
            || other.y + other.height <= self.y;
        !apart
    }
}

pub(super) fn check(dashboard: &Parsed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = list(&dashboard.json["panels"]);
    level(dashboard, all, &mut findings);
    // A collapsed row's are there only once it is open, when what follows makes room.
    for row in all.iter().filter(|panel| is_row(panel)) {
        let inside = list(&row["panels"]);
        if !inside.is_empty() && row["collapsed"] != true {
            let what = "it is open, and has panels inside, where Grafana shows none";
            let remedy = "put them below it, or collapse it";
            findings.push(dashboard.place(name_of(row)).finding(what, remedy));
        }
        level(dashboard, inside, &mut findings);
        let below = row["gridPos"]["y"].as_u64();
        for panel in inside {
            if panel["gridPos"]["y"].as_u64() <= below {
                let what = format!("it is not below its row, \"{}\"", name_of(row));
                let place = dashboard.place(name_of(panel));
                findings.push(place.finding(what, "give it a larger y"));
            }
        }
    }
    findings
}

/// Panels that are on the page together.
fn level(dashboard: &Parsed, panels: &[Value], findings: &mut Vec<Finding>) {
    let mut areas: Vec<Area<'_>> = Vec::new();
    for panel in panels {
        let place = dashboard.place(name_of(panel));
        let side = |key: &str| panel["gridPos"][key].as_u64();
        let sides = (side("x"), side("y"), side("w"), side("h"));
        let (Some(x), Some(y), Some(width), Some(height)) = sides else {
            findings.push(place.finding("it has no place", "gridPos has x, y, w and h"));
            continue;
        };
        if width == 0 || height == 0 || x + width > COLUMNS {
            let what = format!("it takes the columns {x} to {}", x + width);
            findings.push(place.finding(what, format!("there are {COLUMNS}, and each takes one")));
        }
        let area = Area {
            name: name_of(panel),
            x,
            y,
            width,
            height,
        };
        if let Some(other) = areas.iter().find(|other| area.overlaps(**other)) {
            let what = format!("it lies on \"{}\"", other.name);
            findings.push(place.finding(what, "move one of them"));
        }
        areas.push(area);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::finds;

    #[test]
    fn each_mistake_is_found() {
        finds("Panel 3: it lies on \"Panel 2\"", |d| {
            d["panels"][2]["gridPos"]["x"] = json!(11);
        });
        finds("Panel 2: it lies on \"Row\"", |d| {
            d["panels"][1]["gridPos"]["y"] = json!(0);
        });
        finds("the columns 12 to 25", |d| {
            d["panels"][2]["gridPos"]["w"] = json!(13);
        });
        finds("the columns 12 to 12", |d| {
            d["panels"][2]["gridPos"]["w"] = json!(0);
        });
        finds("it has no place", |d| {
            d["panels"][2]["gridPos"] = json!(null);
        });
        finds("Heat: it is not below its row", |d| {
            d["panels"][3]["panels"][0]["gridPos"]["y"] = json!(9);
        });
        finds("Closed: it is open", |d| {
            d["panels"][3]["collapsed"] = json!(false);
        });
        finds("Heat 2: it lies on \"Heat\"", |d| {
            let mut again = d["panels"][3]["panels"][0].clone();
            again["id"] = json!(6);
            again["title"] = json!("Heat 2");
            d["panels"][3]["panels"].as_array_mut().unwrap().push(again);
        });
    }

    #[test]
    fn panels_side_by_side_do_not_overlap() {
        // What is wrong is the width alone.
        finds("Row: it takes", |d| {
            d["panels"][0]["gridPos"]["w"] = json!(25);
        });
    }
}
