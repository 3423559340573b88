//! Asks a Prometheus through its HTTP API.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http::Client;

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Sample {
    /// The label's value; a label that is absent is an empty one, as in PromQL.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// What a range query gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<f64>,
}

pub(crate) struct Target {
    pub(crate) job: String,
    pub(crate) last_error: String,
}

/// An alert that is pending or firing.
#[derive(Clone)]
pub(crate) struct ActiveAlert {
    pub(crate) labels: Labels,
    /// `pending` or `firing`.
    pub(crate) state: String,
}

pub(crate) struct Api<'a> {
    client: &'a Client,
    url: &'a str,
}

impl<'a> Api<'a> {
    pub(crate) fn new(client: &'a Client, url: &'a str) -> Self {
        Self { client, url }
    }

    pub(crate) fn is_ready(&self) -> bool {
        let answer = self.client.get(&format!("{}/-/ready", self.url));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// An instant query, at the server's now.
    pub(crate) fn query(&self, promql: &str) -> Result<Vec<Sample>> {
        let data = self.ask("/api/v1/query", &[("query", promql)])?;
        samples(&data).with_context(|| format!("the query: {promql}"))
    }

    /// An instant query at a time of the past.
    pub(crate) fn query_at(&self, promql: &str, time: SystemTime) -> Result<Vec<Sample>> {
        let time = seconds(milliseconds(time)?);
        let data = self.ask("/api/v1/query", &[("query", promql), ("time", &time)])?;
        samples(&data).with_context(|| format!("the query: {promql} at {time}"))
    }

    /// A range query from `start` to `end`; the values of each series, without their times.
    pub(crate) fn query_range(
        &self,
        promql: &str,
        start: SystemTime,
        end: SystemTime,
        step: Duration,
    ) -> Result<Vec<Series>> {
        let at = |time| milliseconds(time).map(seconds);
        let (start, end) = (at(start)?, at(end)?);
        let step = step.as_secs_f64().to_string();
        let query = [
            ("query", promql),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        let data = self.ask("/api/v1/query_range", &query)?;
        series(&data).with_context(|| format!("the query: {promql} from {start} to {end}"))
    }

    /// The values that a label has on the series of a selector.
    pub(crate) fn label_values(&self, label: &str, selector: &str) -> Result<Vec<String>> {
        let path = format!("/api/v1/label/{label}/values");
        let data = self.ask(&path, &[("match[]", selector)])?;
        let values = data
            .as_array()
            .context("Prometheus named no label values")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(values.iter().map(text).collect())
    }

    pub(crate) fn targets(&self) -> Result<Vec<Target>> {
        let data = self.ask("/api/v1/targets", &[("state", "active")])?;
        let targets = data["activeTargets"].as_array();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(targets
            .context("Prometheus named no targets")?
            .iter()
            .map(|target| Target {
                job: text(&target["labels"]["job"]),
                last_error: text(&target["lastError"]),
            })
            .collect())
    }

    /// The alerts that are pending or firing.
    pub(crate) fn alerts(&self) -> Result<Vec<ActiveAlert>> {
        let data = self.ask("/api/v1/alerts", &[])?;
        let alerts = data["alerts"].as_array();
        let alerts = alerts.context("Prometheus named no alerts")?.iter();
        let read = |alert: &Value| {
            Ok(ActiveAlert {
                labels: labels(&alert["labels"])?,
                state: alert["state"].as_str().unwrap_or_default().to_owned(),
            })
        };
        alerts.map(read).collect()
    }

    /// The value of one of its command-line flags.
    pub(crate) fn flag(&self, name: &str) -> Result<String> {
        let data = self.ask("/api/v1/status/flags", &[])?;
        Ok(data[name].as_str().unwrap_or_default().to_owned())
    }

    /// The type of a metric as the job's last scrape declared it, if it did.
    pub(crate) fn metric_type(&self, job: &str, metric: &str) -> Result<Option<String>> {
        let target = format!("{{job=\"{job}\"}}");
        let query = [("match_target", target.as_str()), ("metric", metric)];
        let data = self.ask("/api/v1/targets/metadata", &query)?;
        Ok(data[0]["type"].as_str().map(str::to_owned))
    }

    fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let answer = self
            .client
            .get_with(&format!("{}{path}", self.url), query, &[])?;
        let mut body: Value = serde_json::from_str(&answer.body).with_context(|| {
            format!(
                "Prometheus answered {} to {path} {query:?}, not in JSON",
                answer.status
            )
        })?;
        ensure!(
            body["status"] == "success",
            "Prometheus refused {path} {query:?}: {}",
            body["error"]
        );
        Ok(body["data"].take())
    }
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> Result<i64> {
    Ok(i64::try_from(time.duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// A time in milliseconds, as a query has it.
fn seconds(milliseconds: i64) -> String {
    format!(
        "{}.{:03}",
        milliseconds.div_euclid(1000),
        milliseconds.rem_euclid(1000)
    )
}

/// Reads the data of an answer whose result is a vector.
fn samples(data: &Value) -> Result<Vec<Sample>> {
    let sample = |of: &Value| {
        Ok(Sample {
            labels: labels(&of["metric"])?,
            value: value(&of["value"])?,
        })
    };
    result(data, "vector")?.iter().map(sample).collect()
}

/// Reads the data of an answer whose result is a matrix.
fn series(data: &Value) -> Result<Vec<Series>> {
    let series = |of: &Value| {
        let values = of["values"].as_array().context("no values")?;
        Ok(Series {
            labels: labels(&of["metric"])?,
            values: values.iter().map(value).collect::<Result<_>>()?,
        })
    };
    result(data, "matrix")?.iter().map(series).collect()
}

fn result<'a>(data: &'a Value, kind: &str) -> Result<&'a Vec<Value>> {
    ensure!(
        data["resultType"] == kind,
        "its result is a {}, not a {kind}",
        data["resultType"]
    );
    data["result"]
        .as_array()
        .context("its result is not a list")
}

fn labels(value: &Value) -> Result<Labels> {
    let labels = value.as_object().context("no labels")?.iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(labels
        .map(|(name, value)| (name.clone(), text(value)))
        .collect())
}

/// Of a pair of a time and a value.
fn value(of: &Value) -> Result<f64> {
    // Numbers come as strings, for NaN and the infinities.
    let value = of[1].as_str().context("no value")?;
    value
        .parse()
        .with_context(|| format!("`{value}` is no number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_vector() {
        let data = json!({"resultType": "vector", "result": [
            {"metric": {"job": "text"}, "value": [1.5, "42"]},
            {"metric": {}, "value": [1.5, "NaN"]},
            {"metric": {}, "value": [1.5, "+Inf"]},
        ]});
        let samples = samples(&data).unwrap();
        assert_eq!(samples[0].label("job"), "text");
        assert_eq!(samples[0].label("le"), "");
        assert_eq!(samples[0].value, 42.0);
        assert!(samples[1].value.is_nan());
        assert_eq!(samples[2].value, f64::INFINITY);
    }

    #[test]
    fn reads_a_matrix() {
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"job": "text"}, "values": [[1700000000.001, "0.1"], [1700000001, "2"]]},
        ]});
        assert_eq!(series(&data).unwrap()[0].values, [0.1, 2.0]);
        assert_eq!(seconds(1_700_000_000_001), "1700000000.001");
    }

    #[test]
    fn anything_else_is_an_error() {
        assert!(series(&json!({"resultType": "vector", "result": []})).is_err());
        assert!(series(&json!({"resultType": "matrix", "result": [{"metric": {}}]})).is_err());
        assert!(samples(&json!({"resultType": "matrix", "result": []})).is_err());
        assert!(samples(&json!({"resultType": "vector"})).is_err());
        let no_value = json!({"resultType": "vector", "result": [{"metric": {}}]});
        assert!(samples(&no_value).is_err());
    }
}
