//! The figures of a run, read from the files that the benches left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// One benchmark of criterion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    /// The median of an iteration.
    pub(crate) ns: f64,
    /// What an iteration writes, where the bench says so.
    pub(crate) bytes: Option<u64>,
    /// The share of the samples in which a thread waited for a processor.
    pub(crate) disturbed: f64,
}

impl Figure {
    /// Whether so many samples were disturbed that their median says little.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.disturbed > DOUBTFUL
    }
}

/// Group, contestant, and the number of threads or endpoints (0 where the bench has none).
type Key = (String, String, u64);

/// A writer beside a scraper.
#[derive(Debug, PartialEq)]
pub(crate) struct Interference {
    pub(crate) contestant: String,
    pub(crate) operation: String,
    pub(crate) alone_ns: f64,
    pub(crate) scraped_ns: f64,
    pub(crate) ratio: f64,
    pub(crate) scrapes: u64,
    pub(crate) scrape_ms: f64,
}

/// A library with many series of one shape.
#[derive(Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) contestant: String,
    pub(crate) shape: String,
    pub(crate) series: u64,
    pub(crate) first_bytes: f64,
    pub(crate) further_bytes: f64,
}

/// Requests of one shape through a service with a hoop, or with none.
#[derive(Debug, PartialEq)]
pub(crate) struct Hoop {
    pub(crate) contestant: String,
    pub(crate) shape: String,
    pub(crate) threads: u64,
    /// A request.
    pub(crate) ns: f64,
    /// What of it the hoop has added.
    pub(crate) added_ns: f64,
    /// A request's.
    pub(crate) allocations: f64,
    /// The share of the slices in which a thread waited for a processor.
    pub(crate) disturbed: f64,
}

impl Hoop {
    /// Whether so many slices were disturbed that their median says little.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.disturbed > DOUBTFUL
    }
}

/// Beyond this share of disturbed samples, their median says little.
const DOUBTFUL: f64 = 0.2;

#[derive(Debug, Default)]
pub(crate) struct Results {
    criterion: BTreeMap<Key, Figure>,
    pub(crate) interference: Vec<Interference>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) hoop: Vec<Hoop>,
}

impl Results {
    /// What there is below the directory; a bench that did not run has left nothing.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let mut results = Self::default();
        for folder in folders_named_new(home)? {
            let benchmark = json(&folder.join("benchmark.json"))?;
            let estimates = json(&folder.join("estimates.json"))?;
            // Beside criterion's folder, and only where the bench can tell.
            let disturbed = folder.with_file_name("disturbed.json");
            let disturbed = match disturbed.exists() {
                true => json(&disturbed)?.as_f64().unwrap_or(0.0),
                false => 0.0,
            };
            if let Some((key, figure)) = criterion_figure(&benchmark, &estimates) {
                let figure = Figure {
                    disturbed,
                    ..figure
                };
                results.criterion.insert(key, figure);
            }
        }
        results.interference = rows(&home.join("interference.json"), interference)?;
        results.memory = rows(&home.join("memory.json"), memory)?;
        results.hoop = rows(&home.join("hoop.json"), hoop)?;
        Ok(results)
    }

    #[cfg(test)]
    pub(crate) fn with(mut self, group: &str, contestant: &str, parameter: u64, ns: f64) -> Self {
        let figure = Figure {
            ns,
            bytes: None,
            disturbed: 0.0,
        };
        let key = (group.to_owned(), contestant.to_owned(), parameter);
        self.criterion.insert(key, figure);
        self
    }

    pub(crate) fn get(&self, group: &str, contestant: &str, parameter: u64) -> Option<Figure> {
        let key = (group.to_owned(), contestant.to_owned(), parameter);
        self.criterion.get(&key).copied()
    }

    pub(crate) fn ns(&self, group: &str, contestant: &str, parameter: u64) -> Option<f64> {
        self.get(group, contestant, parameter)
            .map(|figure| figure.ns)
    }

    /// The benchmarks whose figure says little.
    pub(crate) fn doubtful(&self) -> Vec<String> {
        let doubtful = self.criterion.iter().filter(|(_, f)| f.is_doubtful());
        let of_criterion = doubtful
            .map(|((group, contestant, parameter), _)| format!("{group}/{contestant}/{parameter}"));
        let doubtful = self.hoop.iter().filter(|row| row.is_doubtful());
        let of_hoop =
            doubtful.map(|row| format!("hoop/{}, {}/{}", row.shape, row.contestant, row.threads));
        of_criterion.chain(of_hoop).collect()
    }

    /// The contestants of a group, those with the least time for `parameter` first.
    pub(crate) fn contestants(&self, group: &str, parameter: u64) -> Vec<&str> {
        let mut found: Vec<(&str, f64)> = self
            .criterion
            .iter()
            .filter(|((its_group, _, its), _)| its_group == group && *its == parameter)
            .map(|((_, contestant, _), figure)| (&**contestant, figure.ns))
            .collect();
        found.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        found
            .into_iter()
            .map(|(contestant, _)| contestant)
            .collect()
    }

    pub(crate) fn memory_of(&self, shape: &str, contestant: &str) -> Option<&Memory> {
        let mut all = self.memory.iter();
        all.find(|memory| memory.shape == shape && memory.contestant == contestant)
    }

    pub(crate) fn hoop_of(&self, shape: &str, contestant: &str, threads: u64) -> Option<&Hoop> {
        let mut all = self.hoop.iter();
        all.find(|row| row.shape == shape && row.contestant == contestant && row.threads == threads)
    }
}

/// Criterion keeps the figures of the last run in folders of this name.
fn folders_named_new(below: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(below).with_context(|| format!("cannot list {}", below.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") {
            found.push(path);
        } else {
            found.extend(folders_named_new(&path)?);
        }
    }
    Ok(found)
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

fn criterion_figure(benchmark: &Value, estimates: &Value) -> Option<(Key, Figure)> {
    let text = |key: &str| benchmark[key].as_str().map(str::to_owned);
    let parameter = text("value_str").map_or(Some(0), |text| text.parse().ok())?;
    let figure = Figure {
        ns: estimates["median"]["point_estimate"].as_f64()?,
        bytes: benchmark["throughput"]["Bytes"].as_u64(),
        disturbed: 0.0,
    };
    Some(((text("group_id")?, text("function_id")?, parameter), figure))
}

fn rows<T>(path: &Path, parse: fn(&Value) -> Option<T>) -> Result<Vec<T>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let parsed = json(path)?
        .as_array()
        .and_then(|rows| rows.iter().map(parse).collect());
    parsed.with_context(|| format!("{} is not what its bench writes", path.display()))
}

fn interference(row: &Value) -> Option<Interference> {
    Some(Interference {
        contestant: row["contestant"].as_str()?.to_owned(),
        operation: row["operation"].as_str()?.to_owned(),
        alone_ns: row["alone_ns"].as_f64()?,
        scraped_ns: row["scraped_ns"].as_f64()?,
        ratio: row["ratio"].as_f64()?,
        scrapes: row["scrapes"].as_u64()?,
        scrape_ms: row["scrape_ms"].as_f64()?,
    })
}

fn memory(row: &Value) -> Option<Memory> {
    Some(Memory {
        contestant: row["contestant"].as_str()?.to_owned(),
        shape: row["shape"].as_str()?.to_owned(),
        series: row["series"].as_u64()?,
        first_bytes: row["first_bytes"].as_f64()?,
        further_bytes: row["further_bytes"].as_f64()?,
    })
}

fn hoop(row: &Value) -> Option<Hoop> {
    Some(Hoop {
        contestant: row["contestant"].as_str()?.to_owned(),
        shape: row["shape"].as_str()?.to_owned(),
        threads: row["threads"].as_u64()?,
        ns: row["ns"].as_f64()?,
        added_ns: row["added_ns"].as_f64()?,
        allocations: row["allocations"].as_f64()?,
        disturbed: row["disturbed"].as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_criterion_and_the_other_benches_leave() {
        let home = tempfile::tempdir().unwrap();
        let new = home.path().join("encoding/x/100/new");
        fs::create_dir_all(&new).unwrap();
        let benchmark = json!({
            "group_id": "encoding", "function_id": "x", "value_str": "100",
            "throughput": {"Bytes": 7},
        });
        fs::write(new.join("benchmark.json"), benchmark.to_string()).unwrap();
        let estimates = json!({"median": {"point_estimate": 2.5}});
        fs::write(new.join("estimates.json"), estimates.to_string()).unwrap();
        fs::write(new.with_file_name("disturbed.json"), "0.5").unwrap();
        let memory = json!([{
            "contestant": "x", "shape": "counter", "series": 10,
            "first_bytes": 1.5, "further_bytes": 0.0,
        }]);
        fs::write(home.path().join("memory.json"), memory.to_string()).unwrap();
        let hoop = json!([{
            "contestant": "x", "shape": "whole", "threads": 2,
            "ns": 9.5, "added_ns": 1.5, "allocations": 3.0, "disturbed": 0.5,
        }]);
        fs::write(home.path().join("hoop.json"), hoop.to_string()).unwrap();

        let results = Results::read(home.path()).unwrap();
        let figure = Figure {
            ns: 2.5,
            bytes: Some(7),
            disturbed: 0.5,
        };
        assert_eq!(results.get("encoding", "x", 100), Some(figure));
        assert_eq!(results.memory_of("counter", "x").unwrap().first_bytes, 1.5);
        assert_eq!(results.interference, []);
        assert_eq!(results.hoop_of("whole", "x", 2).unwrap().added_ns, 1.5);
        assert_eq!(results.hoop_of("whole", "x", 1), None);
        assert_eq!(results.doubtful(), ["encoding/x/100", "hoop/whole, x/2"]);

        fs::write(home.path().join("interference.json"), "[{}]").unwrap();
        let error = Results::read(home.path()).unwrap_err();
        assert!(error.to_string().ends_with("is not what its bench writes"));
    }

    #[test]
    fn a_benchmark_without_a_parameter_has_0() {
        let benchmark = json!({"group_id": "heap", "function_id": "f", "value_str": null});
        let estimates = json!({"median": {"point_estimate": 1.0}});
        let (key, _) = criterion_figure(&benchmark, &estimates).unwrap();
        assert_eq!(key, ("heap".to_owned(), "f".to_owned(), 0));
    }

    #[test]
    fn contestants_stand_in_the_order_of_their_time() {
        let results = Results::default()
            .with("g", "slow", 1, 9.0)
            .with("g", "fast", 1, 1.0)
            .with("other", "x", 1, 0.5);
        assert_eq!(results.contestants("g", 1), ["fast", "slow"]);
    }
}
