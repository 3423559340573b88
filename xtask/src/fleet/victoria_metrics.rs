//! A real VictoriaMetrics on a free port of loopback, stopped on every way out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::foreign_server::ForeignServer;
use crate::http::Client;
use crate::poll::Try;
use crate::prometheus::api::{Labels, Stream};
use crate::tools::Binary;

/// How much of a number that is not whole it forgets at most: it stores decimals, and those of at least 12 digits
/// (`conversionPrecision` in its lib/decimal/decimal.go); the last digit here is for the roundings on the way there and back.
/// Whole numbers stay as they are.
pub(super) const PRECISION: f64 = 1.001e-12;

pub(super) struct VictoriaMetrics {
    server: ForeignServer,
}

impl VictoriaMetrics {
    /// `folder` gets its data and its stderr.
    pub(super) fn start(binary: &Binary, folder: &Path, client: &Client) -> Result<Self> {
        let data = folder.join("victoria-metrics");
        let server = ForeignServer::start(
            "VictoriaMetrics",
            &folder.join("victoria-metrics.log"),
            |address| {
                let mut command: Command = binary.command();
                command
                    .arg(format!("-storageDataPath={}", data.display()))
                    .arg(format!("-httpListenAddr={address}"))
                    // Else it hides the last half minute from queries.
                    .arg("-search.latencyOffset=0s")
                    .arg("-loggerLevel=WARN");
                command
            },
            |url| is_ready(client, url, &data),
        )?;
        Ok(Self { server })
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> &str {
        self.server.url()
    }

    /// The stored samples from one time to another, in milliseconds since 1970, both included. What says that a series
    /// has ended is no sample.
    pub(super) fn stored(
        &self,
        client: &Client,
        selector: &str,
        (from, to): (i64, i64),
    ) -> Result<Vec<Stream>> {
        // What has just come is in memory, and not yet to be found.
        client.get(&format!("{}/internal/force_flush", self.url()))?;
        let url = format!("{}/api/v1/export", self.url());
        let time = |at: i64| format!("{}.{:03}", at / 1000, at % 1000);
        let (from, to) = (time(from), time(to));
        let query = [("match[]", selector), ("start", &from), ("end", &to)];
        let answer = client.get_with(&url, &query, &[])?;
        ensure!(
            answer.status == 200,
            "VictoriaMetrics refused {selector}: {}",
            answer.body
        );
        streams(&answer.body).with_context(|| format!("the export of {selector}"))
    }

    pub(super) fn check_alive(&mut self) -> Result<()> {
        self.server.check_alive()
    }

    pub(super) fn print_log(&self) {
        self.server.print_log();
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }
}

fn is_ready(client: &Client, url: &str, data: &Path) -> Result<Try<()>> {
    let answer = client.get(&format!("{url}/metrics"));
    let Some(answer) = answer.ok().filter(|answer| answer.status == 200) else {
        return Ok(Try::NotYet("it does not answer".to_owned()));
    };
    // Whoever took the port may be a VictoriaMetrics too.
    let ours = format!("flag{{name=\"storageDataPath\", value={data:?}");
    Ok(if answer.body.contains(&ours) {
        Try::Done(())
    } else {
        Try::NotYet("another server has its port".to_owned())
    })
}

/// A line of JSON for each piece of a series.
fn streams(export: &str) -> Result<Vec<Stream>> {
    let mut streams: Vec<Stream> = Vec::new();
    for line in export.lines() {
        let line: Value = serde_json::from_str(line).context("a line is no JSON")?;
        let labels = line["metric"].as_object().context("no metric")?;
        let label = |(name, value): (&String, &Value)| {
            let value = value.as_str().unwrap_or_default().to_owned();
            (name.clone(), value)
        };
        let labels: Labels = labels.iter().map(label).collect();
        let list = |key: &str| line[key].as_array().with_context(|| format!("no {key}"));
        let pairs = list("timestamps")?.iter().zip(list("values")?);
        let samples = pairs.filter_map(|(time, value)| time.as_i64().zip(value.as_f64()));
        streams.push(Stream {
            labels,
            samples: samples.collect(),
        });
    }
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_export() {
        let export = "{\"metric\":{\"__name__\":\"a\",\"job\":\"b\"},\"values\":[1.5,null,3],\"timestamps\":[1,2,3]}\n";
        let streams = streams(export).unwrap();
        assert_eq!(streams[0].labels["job"], "b");
        assert_eq!(streams[0].samples, [(1, 1.5), (3, 3.0)]);
        assert!(super::streams("{}").is_err());
    }
}
