//! The files of `deploy/` in a hurry: a minute is a second.
//!
//! Every time in them becomes a sixtieth: ranges, subqueries with the number that stands for their step, offsets, `for`,
//! and Alertmanager's waits. What is no time stays: shares, counts, rates a second, bytes, bounds of buckets. The names of
//! recorded series stay, too, so `rate5m` is over five seconds. Changed in the tree and written as JSON, which is YAML.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use promql_parser::parser::token::T_MUL;
use promql_parser::parser::{BinaryExpr, Expr, NumberLiteral, Offset, VectorSelector};
use promql_parser::util::{display_duration, parse_duration};
use serde_json::{Value, json};

use crate::alerts::promql;
use crate::alerts::rules::RuleFile;

const FACTOR: u32 = 60;

/// Of scrapes and of evaluations, and what a scrape may take: two a "minute", where the files have four. With four, each
/// hiccup of the machine would be a scrape that failed.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// What the threshold of [`SCRAPE_DURATION`] is a part of: the `scrape_timeout`.
const TIMEOUT_KEY: &str = "scrape_timeout";
const SCRAPE_DURATION: &str = "scrape_duration_seconds";

/// Where in the files' time a time of the drill's is.
pub(super) fn slowed(time: Duration) -> Duration {
    time * FACTOR
}

fn hurried(time: Duration) -> Duration {
    time / FACTOR
}

fn hurried_text(written: &str) -> Result<String> {
    // No duration to the parser of PromQL, and one to Alertmanager.
    if written == "0s" {
        return Ok(written.to_owned());
    }
    let time = parse_duration(written)
        .map_err(|error| anyhow::anyhow!("`{written}` is no duration: {error}"))?;
    Ok(display_duration(&hurried(time)))
}

/// The rule files, each with its name.
pub(super) fn rules(files: &[RuleFile], prometheus: &Value) -> Result<Vec<(String, Value)>> {
    let timeout = timeout_of(prometheus)?;
    let hurry = |file: &RuleFile| {
        let mut file = file.clone();
        for group in &mut file.groups {
            if let Some(interval) = &mut group.interval {
                *interval = hurried_text(interval)?;
            }
            for rule in &mut group.rules {
                let durations = [&mut rule.wait, &mut rule.keep_firing_for];
                for duration in durations.into_iter().flatten() {
                    *duration = hurried_text(duration)?;
                }
                rule.expr =
                    expression(&rule.expr, timeout).with_context(|| rule.place.to_string())?;
            }
        }
        Ok((file.name.clone(), file.to_json()))
    };
    files.iter().map(hurry).collect()
}

fn timeout_of(prometheus: &Value) -> Result<Duration> {
    let timeout = prometheus["global"][TIMEOUT_KEY].as_str();
    let timeout = timeout.context("prometheus.yml sets no global scrape_timeout")?;
    parse_duration(timeout).map_err(|error| anyhow::anyhow!("{TIMEOUT_KEY}: {timeout}: {error}"))
}

/// `timeout` is the scrapes' in the files.
fn expression(expr: &Expr, timeout: Duration) -> Result<Expr> {
    let mut expr = match expr {
        Expr::Binary(binary) => Expr::Binary(numbers(binary, timeout)?),
        other => other.clone(),
    };
    match &mut expr {
        Expr::VectorSelector(selector) => offset(selector)?,
        Expr::MatrixSelector(matrix) => {
            offset(&mut matrix.vs)?;
            matrix.range = hurried(matrix.range);
        }
        Expr::Subquery(subquery) => {
            ensure!(
                subquery.offset.is_none(),
                "a subquery's offset is not expected"
            );
            subquery.range = hurried(subquery.range);
            subquery.step = subquery.step.map(hurried);
        }
        _ => {}
    }
    for index in 0..promql::children(&expr).len() {
        let child = expression(promql::children(&expr)[index], timeout)?;
        expr = promql::with_child(&expr, index, child);
    }
    Ok(expr)
}

fn offset(selector: &mut VectorSelector) -> Result<()> {
    selector.offset = match selector.offset.take() {
        None => None,
        Some(Offset::Pos(time)) => Some(Offset::Pos(hurried(time))),
        Some(Offset::Neg(_)) => bail!("an offset into the future is not expected"),
    };
    Ok(())
}

/// The two kinds of numbers that are times: a subquery's step as a factor, and a part of the scrapes' timeout.
fn numbers(binary: &BinaryExpr, timeout: Duration) -> Result<BinaryExpr> {
    let mut binary = binary.clone();
    if binary.op.id() == T_MUL
        && let Some(step) = step_of(&binary.lhs)
    {
        let factor = promql::constant(&binary.rhs);
        ensure!(
            factor == Some(step.as_secs_f64()),
            "a subquery's factor must be its step in seconds, {}",
            step.as_secs_f64()
        );
        binary.rhs = number(hurried(step).as_secs_f64());
    }
    if promql::is_comparison(&binary)
        && let Expr::VectorSelector(selector) = &*binary.lhs
        && selector.name.as_deref() == Some(SCRAPE_DURATION)
    {
        let threshold = promql::constant(&binary.rhs);
        let threshold = threshold.context("a threshold of scrapes must be a number")?;
        binary.rhs = number(threshold * INTERVAL.as_secs_f64() / timeout.as_secs_f64());
    }
    Ok(binary)
}

fn number(value: f64) -> Box<Expr> {
    Box::new(Expr::NumberLiteral(NumberLiteral::new(value)))
}

/// The step of a subquery that a function takes.
fn step_of(expr: &Expr) -> Option<Duration> {
    let Expr::Call(call) = expr else { return None };
    call.args
        .args
        .iter()
        .find_map(|argument| match &**argument {
            Expr::Subquery(subquery) => subquery.step,
            _ => None,
        })
}

/// prometheus.yml, with the rules that are in `rules/` beside it, and with the targets of each job in a file of the job's
/// name in `targets/`.
pub(super) fn prometheus(config: &Value, alertmanager: &str) -> Result<Value> {
    let mut config = config.clone();
    let interval = display_duration(&INTERVAL);
    for key in ["scrape_interval", TIMEOUT_KEY, "evaluation_interval"] {
        config["global"][key] = json!(interval);
    }
    config["rule_files"] = json!(["rules/*.yml"]);
    config["alerting"]["alertmanagers"] =
        json!([{"static_configs": [{"targets": [alertmanager]}]}]);
    let jobs = config["scrape_configs"].as_array_mut();
    for job in jobs.context("prometheus.yml has no scrape_configs")? {
        let name = job["job_name"].as_str().context("a job has no name")?;
        let file = format!("targets/{name}.json");
        let job = job.as_object_mut().context("a job is no map")?;
        job.remove("static_configs")
            .context("a job has no static_configs")?;
        job.insert(
            "file_sd_configs".to_owned(),
            json!([{"files": [file], "refresh_interval": "1s"}]),
        );
    }
    Ok(config)
}

/// alertmanager.yml, with all webhooks at `receiver`, which is `127.0.0.1:PORT`.
pub(super) fn alertmanager(config: &Value, receiver: &str) -> Result<Value> {
    let mut config = config.clone();
    route(&mut config["route"])?;
    let receivers = config["receivers"].as_array_mut();
    for one in receivers.context("alertmanager.yml has no receivers")? {
        let webhooks = one["webhook_configs"].as_array_mut();
        for webhook in webhooks.context("a receiver has no webhook_configs")? {
            let url = webhook["url"].as_str().context("a webhook has no url")?;
            let path = url.splitn(4, '/').nth(3).unwrap_or_default();
            webhook["url"] = json!(format!("http://{receiver}/{path}"));
        }
    }
    Ok(config)
}

fn route(route: &mut Value) -> Result<()> {
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        if let Some(written) = route.get_mut(key) {
            let text = written.as_str().context("a wait of a route is no text")?;
            *written = json!(hurried_text(text)?);
        }
    }
    let below = route.get_mut("routes").and_then(Value::as_array_mut);
    below.into_iter().flatten().try_for_each(self::route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::yaml;

    fn hurried_expr(text: &str) -> Result<String> {
        let expr = promql::parse(text).unwrap();
        let timeout = Duration::from_secs(10);
        expression(&expr, timeout).map(|expr| expr.to_string())
    }

    #[test]
    fn every_time_is_a_sixtieth_and_nothing_else_changes() {
        for (text, expected) in [
            ("rate(x[5m]) > 0.04", "rate(x[5s]) > 0.04"),
            (
                "sum_over_time(x[1h:1m]) * 60 > 10",
                "sum_over_time(x[1m:1s]) * 1 > 10",
            ),
            (
                "sum_over_time(x[3d:5m]) * 300",
                "sum_over_time(x[1h12m:5s]) * 5",
            ),
            (
                "x < 0.25 * x offset 1d and 60 * x > 1",
                "x < 0.25 * x offset 24m and 60 * x > 1",
            ),
            (
                "scrape_duration_seconds{job=\"a\"} > 0.25 * 10",
                "scrape_duration_seconds{job=\"a\"} > 0.125",
            ),
            ("0.25 * 10 < x", "0.25 * 10 < x"),
        ] {
            assert_eq!(hurried_expr(text).unwrap(), expected);
        }
    }

    #[test]
    fn a_factor_that_is_not_the_step_is_refused() {
        let error = hurried_expr("sum_over_time(x[1h:1m]) * 300").unwrap_err();
        assert!(
            error.to_string().contains("its step in seconds, 60"),
            "{error}"
        );
    }

    #[test]
    fn rules_keep_all_but_their_times() {
        let text = "
groups:
  - name: g
    interval: 30s
    rules:
      - {alert: A, expr: 'x[5m]', for: 3h, labels: {severity: page}}
";
        let file = RuleFile::parse("a.yml", "a.yml", text).unwrap();
        let config = json!({"global": {"scrape_timeout": "10s"}});
        let rules = rules(&[file], &config).unwrap();
        assert_eq!(
            rules[0].1,
            json!({"groups": [{"name": "g", "interval": "500ms", "rules": [
                {"alert": "A", "expr": "x[5s]", "for": "3m", "labels": {"severity": "page"}}
            ]}]})
        );
    }

    #[test]
    fn alertmanager_waits_less_and_tells_another() {
        let text = "
route:
  receiver: a
  group_wait: 30s
  routes:
    - {matchers: ['x=\"y\"'], group_wait: 0s, repeat_interval: 4h}
receivers:
  - name: a
    webhook_configs: [{url: 'http://elsewhere:9095/a', send_resolved: true}]
";
        let config: Value = yaml::parse("a.yml", text).unwrap();
        let hurried = alertmanager(&config, "127.0.0.1:1").unwrap();
        assert_eq!(
            hurried,
            json!({
                "route": {"receiver": "a", "group_wait": "500ms", "routes": [
                    {"matchers": ["x=\"y\""], "group_wait": "0s", "repeat_interval": "4m"}
                ]},
                "receivers": [{"name": "a", "webhook_configs": [
                    {"url": "http://127.0.0.1:1/a", "send_resolved": true}
                ]}]
            })
        );
    }

    #[test]
    fn jobs_find_their_targets_in_files() {
        let config = json!({
            "global": {"scrape_interval": "15s"},
            "scrape_configs": [{"job_name": "a", "static_configs": [], "sample_limit": 7}]
        });
        let hurried = prometheus(&config, "127.0.0.1:2").unwrap();
        assert_eq!(hurried["global"]["scrape_interval"], "500ms");
        assert_eq!(
            hurried["scrape_configs"][0],
            json!({"job_name": "a", "sample_limit": 7, "file_sd_configs": [
                {"files": ["targets/a.json"], "refresh_interval": "1s"}
            ]})
        );
    }
}
