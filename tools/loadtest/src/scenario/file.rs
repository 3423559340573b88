//! The file that a scenario is written in.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use super::kind::Kind;
use super::request::{self, RequestEntry};
use super::shape::{Shape, Stage};
use super::{Arrival, Scenario};
use crate::cli::LONGEST;

const DEFAULT_RATE: f64 = 200.0;
const DEFAULT_SECONDS: u64 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    rate: Option<f64>,
    duration: Option<String>,
    arrival: Option<String>,
    #[serde(default)]
    stage: Vec<StageEntry>,
    #[serde(default)]
    request: Vec<RequestEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageEntry {
    #[serde(default = "one")]
    share: f64,
    rate: Factor,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a factor, or two of them for a ramp")]
enum Factor {
    Hold(f64),
    Ramp([f64; 2]),
}

fn one() -> f64 {
    1.0
}

/// # Errors
/// In one line: where, what, and how to mend it.
pub(super) fn parse(name: &str, text: &str) -> Result<Scenario> {
    let file: File = toml::from_str(text).map_err(|error| on_one_line(text, &error))?;
    let rate = file.rate.unwrap_or(DEFAULT_RATE);
    ensure!(
        rate.is_finite() && rate > 0.0,
        "rate = {rate}; give requests a second, above 0"
    );
    let duration = match &file.duration {
        None => Duration::from_secs(DEFAULT_SECONDS),
        Some(text) => humantime::parse_duration(text)
            .ok()
            .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
            .with_context(|| {
                format!("duration = \"{text}\"; give a time such as \"30s\" or \"5m\", of at most a week")
            })?,
    };
    let arrival = file.arrival.as_deref().unwrap_or("poisson");
    let arrival = Arrival::from_name(arrival).with_context(|| {
        format!(
            "arrival = \"{arrival}\"; give one of {}",
            Arrival::NAMES.join(", ")
        )
    })?;
    let shape = match file.stage.is_empty() {
        true => Shape::constant(),
        false => Shape::new(file.stage.iter().map(stage).collect())?,
    };
    ensure!(
        !file.request.is_empty(),
        "it has no requests; add a [[request]] with name, path and status"
    );
    let mut kinds: Vec<Kind> = Vec::new();
    for entry in file.request {
        let name = entry.name.clone();
        ensure!(
            kinds.iter().all(|kind| kind.name != name),
            "two requests are called {name}; give them different names"
        );
        kinds.push(request::kind(entry).with_context(|| format!("request {name}"))?);
    }
    ensure!(
        kinds.iter().any(|kind| kind.weight > 0),
        "all requests have a weight of 0; give one of them another"
    );
    Ok(Scenario {
        name: name.to_owned(),
        description: file.description,
        rate,
        duration,
        arrival,
        shape,
        kinds,
    })
}

fn on_one_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            anyhow!("line {line}: {message}")
        }
        None => anyhow!("{message}"),
    }
}

fn stage(entry: &StageEntry) -> Stage {
    let (from, to) = match entry.rate {
        Factor::Hold(factor) => (factor, factor),
        Factor::Ramp([from, to]) => (from, to),
    };
    Stage {
        share: entry.share,
        from,
        to,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn mistakes_of_the_whole_file_are_named_too() {
        let request = "[[request]]\nname = 'r'\npath = '/'\nstatus = 200\n";
        for (head, says) in [
            ("rate = 0.0", "above 0"),
            ("rate = inf", "above 0"),
            ("duration = 'soon'", "such as \"30s\""),
            ("duration = '8d'", "at most a week"),
            ("duration = '0s'", "such as \"30s\""),
            ("arrival = 'never'", "poisson, constant"),
            ("[[stage]]\nrate = [0.0, 0.0]", "rate of 0"),
            ("[[stage]]\nrate = 'x'", "a factor, or two of them"),
            ("[[", "line 2"),
        ] {
            let text = format!("description = 'x'\n{head}\n{request}");
            let error = format!("{:#}", parse("x", &text).unwrap_err());
            assert!(error.contains(says), "{head}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let twice = format!("description = 'x'\n{request}{request}");
        assert!(
            parse("x", &twice)
                .unwrap_err()
                .to_string()
                .contains("two requests")
        );
        assert!(
            parse("x", "description = 'x'")
                .unwrap_err()
                .to_string()
                .contains("[[request]]")
        );
    }
}
