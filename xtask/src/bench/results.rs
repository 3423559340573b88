//! The tables of a run, made of the files that the benches left: criterion's own, and one for each bench that is not
//! criterion's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::markdown::{self, figure};

pub(crate) const OURS: &str = "tallied";
pub(crate) const CLIENT: &str = "prometheus-client";
/// A row that no table has: the peer with the least of a column.
pub(crate) const FASTEST_PEER: &str = "the fastest peer";
/// `floor` and what one would build by hand are no peers.
const NO_PEERS: [&str; 4] = [OURS, "floor", "atomic", "striped"];

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

/// By name: that of the group, and of a part of it (`encoding, 100 endpoints`).
pub(crate) type Tables = BTreeMap<String, Table>;

impl Table {
    /// The least of the first column first.
    fn new(head: &[&str], mut rows: Vec<(String, Vec<Option<f64>>)>) -> Self {
        let first = |row: &(String, Vec<Option<f64>>)| row.1[0].unwrap_or(f64::INFINITY);
        rows.sort_by(|a, b| first(a).total_cmp(&first(b)));
        Self {
            head: head.iter().map(|&column| column.to_owned()).collect(),
            rows,
        }
    }

    pub(crate) fn cell(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.head.iter().position(|head| head == column)?;
        let rows = self.rows.iter();
        let cells = rows.filter(|(name, _)| match row {
            FASTEST_PEER => !NO_PEERS.contains(&&**name),
            _ => name == row,
        });
        let cells = cells.filter_map(|(_, cells)| cells[column]);
        cells.min_by(f64::total_cmp)
    }

    pub(crate) fn markdown(&self) -> String {
        let head: Vec<&str> = [""]
            .into_iter()
            .chain(self.head.iter().map(String::as_str))
            .collect();
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|(name, cells)| {
                let cells = cells.iter().map(|&cell| figure(cell));
                [name.clone()].into_iter().chain(cells).collect()
            })
            .collect();
        markdown::table(&head, &rows)
    }
}

/// One benchmark of criterion.
#[derive(Debug, PartialEq)]
struct Figure {
    group: String,
    contestant: String,
    /// The number of threads or endpoints.
    parameter: String,
    /// The median of an iteration.
    ns: f64,
    /// What an iteration writes, where the bench says so.
    bytes: Option<f64>,
}

/// What there is below the directory; a bench that did not run has left nothing.
pub(crate) fn read(home: &Path) -> Result<Tables> {
    let mut figures = Vec::new();
    criterions(home, &mut figures)?;
    let mut tables = of_criterion(&figures);
    let entries = fs::read_dir(home).with_context(|| format!("cannot list {}", home.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(OsStr::to_str);
        if let (Some(name), Some("json")) = (name, path.extension().and_then(OsStr::to_str)) {
            let table = left(&json(&path)?);
            let table = table
                .with_context(|| format!("{} is not what its bench writes", path.display()))?;
            tables.insert(name.to_owned(), table);
        }
    }
    Ok(tables)
}

/// Criterion keeps the figures of the last run in folders of this name.
fn criterions(below: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    let entries =
        fs::read_dir(below).with_context(|| format!("cannot list {}", below.display()))?;
    for entry in entries {
        let path: PathBuf = entry?.path();
        if path.ends_with("new") {
            let benchmark = json(&path.join("benchmark.json"))?;
            let estimates = json(&path.join("estimates.json"))?;
            figures.extend(of_benchmark(&benchmark, &estimates));
        } else if path.is_dir() {
            criterions(&path, figures)?;
        }
    }
    Ok(())
}

fn of_benchmark(benchmark: &Value, estimates: &Value) -> Option<Figure> {
    let text = |key: &str| benchmark[key].as_str().map(str::to_owned);
    Some(Figure {
        group: text("group_id")?,
        contestant: text("function_id")?,
        parameter: text("value_str").unwrap_or_default(),
        ns: estimates["median"]["point_estimate"].as_f64()?,
        bytes: benchmark["throughput"]["Bytes"].as_f64(),
    })
}

fn of_criterion(figures: &[Figure]) -> Tables {
    let mut tables = Tables::new();
    for figure in figures {
        let group = &*figure.group;
        let (name, table): (String, fn(&[&Figure]) -> Table) = match group {
            "encoding" => (
                format!("encoding, {} endpoints", figure.parameter),
                encoding,
            ),
            "heap" => (group.to_owned(), heap),
            _ => (group.to_owned(), recording),
        };
        let same = figures
            .iter()
            .filter(|other| other.group == group)
            .filter(|other| group != "encoding" || other.parameter == figure.parameter);
        tables
            .entry(name)
            .or_insert_with(|| table(&same.collect::<Vec<_>>()));
    }
    tables
}

fn recording(figures: &[&Figure]) -> Table {
    let ns = |contestant: &str, threads| {
        let mut all = figures.iter();
        let of_it = all.find(|f| f.contestant == contestant && f.parameter == threads);
        of_it.map(|figure| figure.ns)
    };
    let times = |contestant, threads| Some(ns(contestant, threads)? / ns(OURS, threads)?);
    let rows = figures.iter().filter(|figure| figure.parameter == "1");
    let rows = rows.map(|figure| {
        let name = &*figure.contestant;
        let cells = vec![
            ns(name, "1"),
            ns(name, "2"),
            times(name, "1"),
            times(name, "2"),
        ];
        (name.to_owned(), cells)
    });
    let head = [
        "1 thread",
        "2 threads",
        "times ours, 1 thread",
        "times ours, 2 threads",
    ];
    Table::new(&head, rows.collect())
}

/// Of one number of endpoints.
fn encoding(figures: &[&Figure]) -> Table {
    let client = figures.iter().find(|figure| figure.contestant == CLIENT);
    let rows = figures.iter().map(|figure| {
        let (ns, bytes) = (figure.ns, figure.bytes);
        let endpoints = figure.parameter.parse::<f64>().ok();
        let cells = vec![
            Some(ns / 1e6),
            bytes.map(|bytes| bytes / 1e6),
            bytes.map(|bytes| bytes / ns * 1e3),
            endpoints.map(|endpoints| ns / endpoints),
            client.map(|client| ns / client.ns),
        ];
        (figure.contestant.clone(), cells)
    });
    let head = [
        "ms",
        "MB",
        "MB/s",
        "ns an endpoint",
        "time to prometheus-client's",
    ];
    Table::new(&head, rows.collect())
}

fn heap(figures: &[&Figure]) -> Table {
    let rows = figures.iter();
    let rows = rows.map(|figure| (figure.contestant.clone(), vec![Some(figure.ns)]));
    Table::new(&["ns"], rows.collect())
}

/// What `tallied_benches::report::leave` writes.
fn left(table: &Value) -> Option<Table> {
    let head = table["head"].as_array()?.iter();
    let rows = table["rows"].as_array()?.iter();
    let rows = rows.map(|row| {
        let cells = row["figures"].as_array()?.iter().map(Value::as_f64);
        Some((row["name"].as_str()?.to_owned(), cells.collect()))
    });
    Some(Table {
        head: head
            .map(|column| Some(column.as_str()?.to_owned()))
            .collect::<Option<_>>()?,
        rows: rows.collect::<Option<_>>()?,
    })
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// As criterion and the other benches leave it.
    pub(crate) fn tables() -> Tables {
        let home = tempfile::tempdir().unwrap();
        for (group, contestant, parameter, ns) in [
            ("counter", OURS, "1", 2.0),
            ("counter", OURS, "2", 2.3),
            ("counter", CLIENT, "1", 8.0),
            ("histogram", OURS, "1", 2.0),
            ("histogram", "floor", "1", 0.5),
            ("histogram", "a", "1", 4.0),
            ("histogram", "b", "1", 3.0),
            ("encoding", "tallied-text", "10000", 2e6),
            ("encoding", CLIENT, "10000", 1.2e7),
        ] {
            let new = home
                .path()
                .join(group)
                .join(contestant)
                .join(parameter)
                .join("new");
            fs::create_dir_all(&new).unwrap();
            let benchmark = json!({
                "group_id": group, "function_id": contestant, "value_str": parameter,
                "throughput": {"Bytes": 12_000_000},
            });
            let estimates = json!({"median": {"point_estimate": ns}});
            fs::write(new.join("benchmark.json"), benchmark.to_string()).unwrap();
            fs::write(new.join("estimates.json"), estimates.to_string()).unwrap();
        }
        let memory = json!({"head": ["x", "y"], "rows": [{"name": "n", "figures": [1.5, null]}]});
        fs::write(home.path().join("any_bench.json"), memory.to_string()).unwrap();
        let tables = read(home.path()).unwrap();
        fs::write(home.path().join("hoop.json"), "{}").unwrap();
        let error = read(home.path()).unwrap_err();
        assert!(error.to_string().ends_with("is not what its bench writes"));
        tables
    }

    #[test]
    fn a_table_has_the_medians_the_fastest_first_beside_ours() {
        let text = tables()["counter"].markdown();
        let first = text.find("| tallied | 2.00 | 2.30 | 1.00 | 1.00 |");
        let second = text.find("| prometheus-client | 8.00 | – | 4.00 | – |");
        assert!(first.is_some() && first < second, "{text}");
        let text = tables()["encoding, 10000 endpoints"].markdown();
        assert!(
            text.contains("| tallied-text | 2.00 | 12.0 | 6000 | 200 | 0.167 |"),
            "{text}"
        );
    }

    #[test]
    fn cells_are_found_by_row_and_column() {
        let tables = tables();
        assert_eq!(tables["any_bench"].cell("n", "x"), Some(1.5));
        assert_eq!(tables["any_bench"].cell("n", "y"), None);
        assert_eq!(tables["any_bench"].cell("n", "z"), None);
        assert_eq!(
            tables["histogram"].cell(FASTEST_PEER, "1 thread"),
            Some(3.0)
        );
    }

    #[test]
    fn a_benchmark_may_have_no_parameter() {
        let benchmark = json!({"group_id": "heap", "function_id": "f", "value_str": null});
        let estimates = json!({"median": {"point_estimate": 1.0}});
        let figure = of_benchmark(&benchmark, &estimates).unwrap();
        assert_eq!((&*figure.parameter, figure.bytes), ("", None));
        assert_eq!(of_criterion(&[figure])["heap"].cell("f", "ns"), Some(1.0));
    }
}
