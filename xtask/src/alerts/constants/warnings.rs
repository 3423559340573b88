//! A limit where it is set, and in the alert that warns before it.

use anyhow::{Context, Result};
use promql_parser::util::parse_duration;
use serde::Deserialize;
use serde_json::Value;

use super::place::bytes;
use crate::alerts::finding::{Finding, Place};
use crate::alerts::promql;
use crate::alerts::rules::{Rule, RuleFile};
use crate::alerts::yaml;

/// The job, and the service, of the server.
const JOB: &str = "tallied";
const SERVICE: &str = "tallied-server";

/// A limit, and the alert that fires at a part of it.
#[derive(Debug, PartialEq)]
struct Warning {
    alert: &'static str,
    /// `sample_limit in prometheus.yml`.
    what: &'static str,
    part: f64,
    limit: f64,
    /// As the description has it.
    said: String,
}

#[derive(Deserialize)]
struct Prometheus {
    #[serde(default)]
    global: Global,
    scrape_configs: Vec<ScrapeConfig>,
}

#[derive(Deserialize, Default)]
struct Global {
    scrape_timeout: Option<String>,
}

#[derive(Deserialize)]
struct ScrapeConfig {
    job_name: String,
    sample_limit: Option<u32>,
    scrape_timeout: Option<String>,
}

/// How many were compared, and what does not agree.
pub(crate) fn check(
    rules: &[RuleFile],
    prometheus: &str,
    compose: &str,
) -> Result<(usize, Vec<Finding>)> {
    let mut warnings = of_prometheus(prometheus)?;
    warnings.push(of_compose(compose)?);
    let findings = warnings
        .iter()
        .flat_map(|warning| untied(rules, warning))
        .collect();
    Ok((warnings.len(), findings))
}

fn of_prometheus(text: &str) -> Result<Vec<Warning>> {
    let config: Prometheus = yaml::parse("prometheus.yml", text)?;
    let of_job = |scrape: &&ScrapeConfig| scrape.job_name == JOB;
    let job = config.scrape_configs.iter().find(of_job);
    let job = job.with_context(|| format!("prometheus.yml has no job_name: {JOB}"))?;
    let limit = job.sample_limit.with_context(|| {
        format!("the job {JOB} in prometheus.yml has no sample_limit: nothing bounds a scrape")
    })?;
    let timeout = job
        .scrape_timeout
        .as_ref()
        .or(config.global.scrape_timeout.as_ref());
    let timeout = timeout.context("prometheus.yml sets no scrape_timeout: the rules name one")?;
    let seconds = parse_duration(timeout).map_err(|error| {
        anyhow::anyhow!("scrape_timeout: {timeout} in prometheus.yml is no duration: {error}")
    })?;
    Ok(vec![
        Warning {
            alert: "TalliedNearSampleLimit",
            what: "sample_limit in prometheus.yml",
            part: 0.8,
            limit: f64::from(limit),
            said: with_unit(limit),
        },
        Warning {
            alert: "TalliedScrapeSlow",
            what: "scrape_timeout in prometheus.yml",
            part: 0.25,
            limit: seconds.as_secs_f64(),
            said: format!("at {timeout}"),
        },
    ])
}

fn of_compose(text: &str) -> Result<Warning> {
    let compose: Value = yaml::parse("compose.yaml", text)?;
    let service = &compose["services"][SERVICE];
    let limit = match &service["mem_limit"] {
        Value::Null => &service["deploy"]["resources"]["limits"]["memory"],
        limit => limit,
    };
    let written = limit
        .as_str()
        .map_or_else(|| limit.to_string(), str::to_owned);
    let bytes = bytes(&written, true).with_context(|| {
        format!(
            "the service {SERVICE} in compose.yaml has no memory limit that can be read \
             (deploy.resources.limits.memory or mem_limit: 512m); it is {written}"
        )
    })?;
    Ok(Warning {
        alert: "TalliedHighMemory",
        what: "the memory limit in compose.yaml",
        part: 0.8,
        limit: bytes,
        said: format!("{}MiB", bytes / 1024.0 / 1024.0),
    })
}

fn untied(rules: &[RuleFile], warning: &Warning) -> Vec<Finding> {
    let Some(rule) = rules
        .iter()
        .flat_map(RuleFile::rules)
        .find(|rule| rule.name == warning.alert)
    else {
        let what = format!(
            "no rule has the alert, which is to warn before {}",
            warning.what
        );
        let remedy = "write it, or change the list in xtask/src/alerts/constants/warnings.rs";
        return vec![Place::new("deploy/prometheus/rules", 0, warning.alert).finding(what, remedy)];
    };
    let mut findings = Vec::new();
    let expected = warning.part * warning.limit;
    let is_it = |value: f64| (value - expected).abs() <= expected * 1e-9;
    let seen: Vec<f64> = promql::thresholds(&rule.expr)
        .iter()
        .map(|(_, value)| *value)
        .collect();
    if !seen.iter().any(|&value| is_it(value)) {
        let what = format!(
            "the threshold is {seen:?}, and {} of {} ({}) is {expected}",
            warning.part, warning.what, warning.limit
        );
        findings.push(rule.place.finding(what, "change both"));
    }
    findings.extend(unsaid(rule, warning));
    findings
}

fn unsaid(rule: &Rule, warning: &Warning) -> Option<Finding> {
    let description = rule.annotations.get("description")?;
    (!description.contains(&warning.said)).then(|| {
        let what = format!(
            "the description does not say \"{}\", which is {}",
            warning.said, warning.what
        );
        rule.place.finding(what, "change both")
    })
}

/// `700k`.
fn with_unit(count: u32) -> String {
    match count {
        0 => "0".to_owned(),
        count if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        count if count.is_multiple_of(1_000) => format!("{}k", count / 1_000),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: &str = "
global: {scrape_timeout: 10s}
scrape_configs:
  - {job_name: other}
  - {job_name: tallied, sample_limit: 700000}
";
    const COMPOSE: &str = "
services:
  tallied-server:
    deploy: {resources: {limits: {memory: 512m}}}
";
    const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: TalliedNearSampleLimit
        expr: scrape_samples_post_metric_relabeling > 0.8 * 700000
        annotations: {description: with more than 700k}
      - alert: TalliedScrapeSlow
        expr: scrape_duration_seconds > 0.25 * 10
        annotations: {description: at 10s it fails}
      - alert: TalliedHighMemory
        expr: process_resident_memory_bytes > 0.8 * 512 * 1024 * 1024
        annotations: {description: at 512MiB it is ended}
";

    fn findings(prometheus: &str, compose: &str, rules: &str) -> Vec<String> {
        let rules = [RuleFile::parse("a.yml", "a.yml", rules).unwrap()];
        let (_, found) = check(&rules, prometheus, compose).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_agrees_is_well() {
        assert_eq!(findings(PROMETHEUS, COMPOSE, RULES), [""; 0]);
        let compose = "{services: {tallied-server: {mem_limit: 0.5g}}}";
        assert_eq!(findings(PROMETHEUS, compose, RULES), [""; 0]);
    }

    #[test]
    fn a_wrong_threshold_is_refused() {
        let found = findings(
            PROMETHEUS,
            COMPOSE,
            &RULES.replace("0.8 * 700000", "0.8 * 70000"),
        );
        assert_eq!(
            found,
            [
                "a.yml:6: TalliedNearSampleLimit: the threshold is [56000.0], and 0.8 of sample_limit in prometheus.yml \
              (700000) is 560000: change both"
            ]
        );
    }

    #[test]
    fn a_limit_that_was_changed_alone_is_refused() {
        let found = findings(&PROMETHEUS.replace("10s", "5s"), COMPOSE, RULES);
        assert!(
            found[0].contains("TalliedScrapeSlow: the threshold is [2.5]"),
            "{found:?}"
        );
        assert!(found[1].contains("does not say \"at 5s\""), "{found:?}");
        let found = findings(PROMETHEUS, &COMPOSE.replace("512m", "1g"), RULES);
        assert!(found[1].contains("does not say \"1024MiB\""), "{found:?}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let rules = [RuleFile::parse("a.yml", "a.yml", "groups: []").unwrap()];
        let (count, found) = check(&rules, PROMETHEUS, COMPOSE).unwrap();
        assert_eq!((count, found.len()), (3, 3));
        let error = check(&rules, PROMETHEUS, "services: {}").unwrap_err();
        assert!(error.to_string().contains("has no memory limit"), "{error}");
        let error = check(&rules, "scrape_configs: []", COMPOSE).unwrap_err();
        assert!(error.to_string().contains("job_name: tallied"), "{error}");
    }
}
