//! Prometheus's files: those of deploy/, as they are, but for addresses and intervals.
//!
//! The folder has the layout of deploy/, so that the paths in the files hold. It is written as JSON, which is YAML to
//! Prometheus: nothing is lost on the way but comments.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::alerts::yaml;
use crate::prometheus::api::Labels;
use crate::prometheus::targets;

/// Short, so that a minute is enough; a scrape of these servers takes some milliseconds.
pub(super) const SCRAPE_INTERVAL: &str = "1s";
/// No multiple of the other, so that evaluations and scrapes do not come in step.
pub(super) const EVALUATION_INTERVAL: &str = "1s300ms";

pub(super) struct Files {
    pub(super) config: PathBuf,
    targets: PathBuf,
    /// On all that is sent on.
    pub(super) external_labels: Labels,
    /// What is different in them from deploy/, for the log.
    pub(super) changes: Vec<String>,
}

impl Files {
    /// `instances` are the addresses of the servers, and `store` the URL of the VictoriaMetrics.
    pub(super) fn write(
        deploy: &Path,
        folder: &Path,
        instances: &[&str],
        store: &str,
    ) -> Result<Self> {
        let read = |name: &str| -> Result<Value> {
            yaml::parse(
                &format!("deploy/{name}"),
                &yaml::read_text(&deploy.join(name))?,
            )
        };
        let mut changes = Vec::new();
        let fleet = folder.join("fleet");
        let targets = fleet.join("targets");
        let rules = folder.join("prometheus/rules");
        for folder in [&targets, &rules] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let write_json = |path: PathBuf, value: &Value| write(&path, &value.to_string());

        let mut config = read("fleet/prometheus.yml")?;
        adapt(&mut config, &mut changes)?;
        let mut remote = read("fleet/remote-write/victoriametrics.yml")?;
        append(&mut config, readdressed(&mut remote, store, &mut changes)?)?;
        write_json(fleet.join("prometheus.yml"), &config)?;

        let found = read("fleet/targets/tallied.yml")?;
        let found = with_instances(found, instances)?;
        changes.push(format!(
            "targets/tallied.yml: the addresses of {} servers",
            instances.len()
        ));
        write_json(targets.join("tallied.yml"), &found)?;

        for name in yaml::names_below(&deploy.join("prometheus/rules"), "yml")? {
            let mut file = read(&format!("prometheus/rules/{name}"))?;
            let groups = file["groups"].as_array_mut();
            for group in groups.with_context(|| format!("{name} has no groups"))? {
                group["interval"] = json!(EVALUATION_INTERVAL);
            }
            write_json(rules.join(name), &file)?;
        }
        changes.push(format!(
            "rules/*.yml: interval {EVALUATION_INTERVAL} in each group"
        ));
        let labels = config["global"]["external_labels"].as_object();
        let labels = labels.into_iter().flatten();
        let labels =
            labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Ok(Self {
            external_labels: labels.collect(),
            config: fleet.join("prometheus.yml"),
            targets,
            changes,
        })
    }

    /// Adds a file of targets, as deploy/fleet/prometheus.yml says it.
    pub(super) fn add_target(&self, name: &str, instance: &str) -> Result<()> {
        targets::write(&self.target(name), &[instance], &[("zone", "c")])
    }

    pub(super) fn remove_target(&self, name: &str) -> Result<()> {
        let path = self.target(name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    fn target(&self, name: &str) -> PathBuf {
        self.targets.join(format!("{name}.yml"))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Of deploy/fleet/prometheus.yml.
fn adapt(config: &mut Value, changes: &mut Vec<String>) -> Result<()> {
    for (key, interval) in [
        ("scrape_interval", SCRAPE_INTERVAL),
        ("scrape_timeout", SCRAPE_INTERVAL),
        ("evaluation_interval", EVALUATION_INTERVAL),
    ] {
        let before = config["global"][key].take();
        ensure!(
            before.is_string(),
            "deploy/fleet/prometheus.yml has no global.{key}"
        );
        changes.push(format!("prometheus.yml: {key} {before} is {interval}"));
        config["global"][key] = json!(interval);
    }
    let alerting = config["alerting"].as_object_mut();
    let removed = alerting.and_then(|alerting| alerting.remove("alertmanagers"));
    ensure!(
        removed.is_some(),
        "deploy/fleet/prometheus.yml names no alertmanagers"
    );
    changes.push("prometheus.yml: no alertmanagers".to_owned());

    let jobs = config["scrape_configs"].as_array_mut();
    let jobs = jobs.context("deploy/fleet/prometheus.yml has no scrape_configs")?;
    jobs.retain(|job| job["job_name"] == "tallied");
    let [job] = &mut jobs[..] else {
        anyhow::bail!("deploy/fleet/prometheus.yml has not one job_name: tallied");
    };
    changes.push("prometheus.yml: no job but tallied".to_owned());
    let job = job
        .as_object_mut()
        .context("the job tallied is no mapping")?;
    ensure!(
        job.contains_key("file_sd_configs"),
        "the job tallied of deploy/fleet/prometheus.yml has no file_sd_configs"
    );
    if job.remove("dns_sd_configs").is_some() {
        changes.push(
            "prometheus.yml: no dns_sd_configs, as it says of the way that is not used".to_owned(),
        );
    }
    Ok(())
}

/// Of deploy/fleet/remote-write/*.yml.
fn readdressed<'a>(
    remote: &'a mut Value,
    store: &str,
    changes: &mut Vec<String>,
) -> Result<&'a mut Value> {
    let url = &mut remote["remote_write"][0]["url"];
    let before = url
        .as_str()
        .context("remote-write/victoriametrics.yml has no url")?;
    let path = before
        .splitn(4, '/')
        .nth(3)
        .context("its url has no path")?;
    let after = format!("{store}/{path}");
    changes.push(format!(
        "remote-write/victoriametrics.yml: {before} is {after}"
    ));
    *url = json!(after);
    Ok(remote)
}

/// One file after the other, as `cat` does it.
fn append(config: &mut Value, other: &mut Value) -> Result<()> {
    let (Some(config), Some(other)) = (config.as_object_mut(), other.as_object_mut()) else {
        anyhow::bail!("prometheus.yml is no mapping");
    };
    for key in other.keys() {
        ensure!(
            !config.contains_key(key),
            "{key} is in both files: Prometheus refuses it twice"
        );
    }
    config.append(other);
    Ok(())
}

/// The groups and labels of deploy/fleet/targets/tallied.yml, with these addresses in the place of its own.
fn with_instances(mut found: Value, instances: &[&str]) -> Result<Value> {
    let mut left = instances.iter();
    for group in found
        .as_array_mut()
        .context("targets/tallied.yml is no list")?
    {
        let targets = group["targets"].as_array_mut();
        for target in targets.context("a group of targets/tallied.yml has no targets")? {
            *target = json!(
                left.next()
                    .context("targets/tallied.yml names more servers")?
            );
        }
    }
    ensure!(
        left.next().is_none(),
        "targets/tallied.yml names fewer servers"
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
    }

    #[test]
    fn what_is_deployed_is_kept_but_for_addresses_and_intervals() {
        let folder = tempfile::tempdir().unwrap();
        let instances = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];
        let files =
            Files::write(&deploy(), folder.path(), &instances, "http://127.0.0.1:4").unwrap();
        let read = |path: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let config = read(&files.config);
        let job = &config["scrape_configs"][0];
        assert_eq!(job["file_sd_configs"][0]["files"][0], "targets/*.yml");
        assert!(job["sample_limit"].is_u64() && job["dns_sd_configs"].is_null());
        assert_eq!(config["rule_files"][0], "../prometheus/rules/*.yml");
        assert_eq!(config["global"]["external_labels"]["replica"], "a");
        assert_eq!(files.external_labels["replica"], "a");
        assert_eq!(
            config["remote_write"][0]["url"],
            "http://127.0.0.1:4/api/v1/write"
        );
        let targets = read(&files.targets.join("tallied.yml"));
        assert_eq!(targets[1]["targets"], json!(["127.0.0.1:3"]));
        assert_eq!(targets[1]["labels"]["zone"], "b");
        assert!(files.changes.iter().any(|change| change.contains("dns_sd")));

        files.add_target("more", "127.0.0.1:5").unwrap();
        assert_eq!(read(&files.target("more"))[0]["targets"][0], "127.0.0.1:5");
        files.remove_target("more").unwrap();
        assert!(!files.target("more").exists());
    }

    #[test]
    fn a_file_that_has_changed_its_shape_is_an_error() {
        let too_few = with_instances(json!([{"targets": ["a", "b"]}]), &["1"]);
        assert!(too_few.unwrap_err().to_string().contains("more servers"));
        let mut config = json!({"global": {}});
        assert!(adapt(&mut config, &mut Vec::new()).is_err());
        let (mut one, mut other) = (json!({"a": 1}), json!({"a": 2}));
        assert!(append(&mut one, &mut other).is_err());
    }
}
