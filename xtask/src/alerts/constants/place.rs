//! Where a number stands in a file, and what it is there.

use anyhow::{Context, Result, bail};
use promql_parser::util::parse_duration;
use serde_json::Value;

use super::sources::{CARGO, SERVER, Sources};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// From the root: `compose.yaml`.
    pub(super) file: &'static str,
    pub(super) key: Key,
    pub(super) unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Key {
    /// In a YAML file: `scrape_configs[job_name=tallied].sample_limit`.
    Yaml(&'static str),
    /// In the first line that has it: what stands between the two. An empty end is that of the line.
    Between(&'static str, &'static str),
    /// Of the lines `key = value  # …`.
    Setting(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// A number, or any text.
    Plain,
    /// Seconds, or a duration: `15s`.
    Seconds,
    /// Of Prometheus, Docker and prose, where M is 1,024 times 1,024.
    Bytes,
    /// Of Kubernetes, where only Mi is that.
    Quantity,
    /// `1.95` or `1.95.0`: to the second number.
    Release,
}

pub(super) const fn yaml(file: &'static str, path: &'static str, unit: Unit) -> Place {
    Place {
        file,
        key: Key::Yaml(path),
        unit,
    }
}

pub(super) const fn between(
    file: &'static str,
    start: &'static str,
    end: &'static str,
    unit: Unit,
) -> Place {
    Place {
        file,
        key: Key::Between(start, end),
        unit,
    }
}

pub(super) const fn cargo(key: &'static str, unit: Unit) -> Place {
    Place {
        file: CARGO,
        key: Key::Setting(key),
        unit,
    }
}

pub(super) const fn server(key: &'static str, unit: Unit) -> Place {
    Place {
        file: SERVER,
        key: Key::Setting(key),
        unit,
    }
}

impl Place {
    /// As a person would look for it.
    pub(super) fn name(&self) -> String {
        match self.key {
            Key::Yaml(path) => path.to_owned(),
            Key::Between(start, end) => format!("`{}…{end}`", start.trim_start()),
            Key::Setting(key) => key.to_owned(),
        }
    }

    /// What is written there, or nothing.
    pub(super) fn written(&self, sources: &Sources) -> Result<Option<String>> {
        Ok(match self.key {
            Key::Yaml(path) => text(at(&sources.tree(self.file)?, path)),
            Key::Between(start, end) => {
                let mut lines = sources.text(self.file)?.lines();
                lines
                    .find_map(|line| enclosed(line, start, end))
                    .map(str::to_owned)
            }
            Key::Setting(key) => {
                let mut lines = sources.text(self.file)?.lines();
                lines.find_map(|line| setting(line, key)).map(str::to_owned)
            }
        })
    }

    /// What is written there, in one form for all places.
    pub(super) fn value(&self, sources: &Sources) -> Result<Option<String>> {
        let written = self.written(sources)?;
        let value = written.map(|written| {
            self.unit
                .normal(&written)
                .with_context(|| format!("{}: {} is `{written}`", self.file, self.name()))
        });
        value.transpose()
    }
}

impl Unit {
    fn normal(self, written: &str) -> Result<String> {
        Ok(match self {
            Self::Plain => written.to_owned(),
            Self::Seconds => seconds(written)?.to_string(),
            Self::Bytes => bytes(written, true).context("that is no size")?.to_string(),
            Self::Quantity => bytes(written, false)
                .context("that is no size")?
                .to_string(),
            Self::Release => {
                let numbers: Vec<&str> = written.split('.').take(2).collect();
                numbers.join(".")
            }
        })
    }
}

pub(super) fn seconds(written: &str) -> Result<f64> {
    if let Ok(seconds) = written.parse() {
        return Ok(seconds);
    }
    match parse_duration(written) {
        Ok(duration) => Ok(duration.as_secs_f64()),
        Err(error) => bail!("that is no duration: {error}"),
    }
}

/// A number with its unit; without an `i` in it, whether it is of 1,024 or of 1,000 depends on who reads it.
pub(super) fn bytes(written: &str, binary: bool) -> Option<f64> {
    let lower = written.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = lower[number.len()..].trim().trim_end_matches('b');
    let base: f64 = if binary || unit.ends_with('i') {
        1024.0
    } else {
        1000.0
    };
    let power = match unit.trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * base.powi(power))
}

/// Names are separated by dots; of a list, `[key=value]` has the element that has it.
fn at<'a>(tree: &'a Value, path: &str) -> &'a Value {
    let mut value = tree;
    for part in path
        .replace('[', ".[")
        .split('.')
        .filter(|part| !part.is_empty())
    {
        let condition = part
            .strip_prefix('[')
            .and_then(|part| part.strip_suffix(']'));
        value = match condition.and_then(|condition| condition.split_once('=')) {
            Some((key, wanted)) => {
                let elements = value.as_array().into_iter().flatten();
                let mut elements = elements.filter(|element| element[key] == wanted);
                elements.next().unwrap_or(&Value::Null)
            }
            None => &value[part],
        };
    }
    value
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn enclosed<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(start)?;
    match end {
        "" => Some(rest.trim_end()),
        end => rest.split_once(end).map(|(within, _)| within),
    }
}

fn setting<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
    let value = value.split('#').next().unwrap_or_default().trim();
    Some(value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_a_value_by_its_path() {
        let tree = json!([{"kind": "A"}, {"kind": "B", "spec": {"list": [{"name": "x", "v": 3}]}}]);
        assert_eq!(at(&tree, "[kind=B].spec.list[name=x].v"), &json!(3));
        assert!(at(&tree, "[kind=C].spec").is_null());
        assert_eq!(text(&json!("15s")), Some("15s".to_owned()));
        assert_eq!(text(&json!({})), None);
    }

    #[test]
    fn finds_a_value_in_a_line() {
        assert_eq!(
            enclosed("FROM rust:1.95.0-slim", "FROM rust:", "-"),
            Some("1.95.0")
        );
        assert_eq!(
            enclosed("ARG VERSION=0.1.0 ", "ARG VERSION=", ""),
            Some("0.1.0")
        );
        assert_eq!(enclosed("FROM scratch", "FROM rust:", "-"), None);
        assert_eq!(
            setting("drain_seconds = 10 # default", "drain_seconds"),
            Some("10")
        );
        assert_eq!(setting("drain_seconds_more = 10", "drain_seconds"), None);
    }

    #[test]
    fn a_number_is_the_same_in_all_units() {
        let normal = |unit: Unit, written| unit.normal(written).ok();
        let half = normal(Unit::Bytes, "512m");
        assert_eq!(normal(Unit::Quantity, "512Mi"), half);
        assert_eq!(normal(Unit::Bytes, "512 MiB"), half);
        assert_eq!(normal(Unit::Bytes, "0.5g"), half);
        assert_ne!(normal(Unit::Quantity, "512M"), half);
        assert_eq!(normal(Unit::Bytes, "much"), None);
        assert_eq!(normal(Unit::Seconds, "1m30s"), normal(Unit::Seconds, "90"));
        assert_eq!(
            normal(Unit::Release, "1.95.0"),
            normal(Unit::Release, "1.95")
        );
        assert_ne!(
            normal(Unit::Release, "1.96.0"),
            normal(Unit::Release, "1.95")
        );
        assert_eq!(normal(Unit::Seconds, "soon"), None);
    }
}
