//! Prometheus's files: those of deploy/, as they are, but for addresses and intervals.
//!
//! The folder has the layout of deploy/, so that the paths in the files hold. It is written as JSON, which is YAML to
//! Prometheus: nothing is lost on the way but comments.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::alerts::yaml;
use crate::prometheus::targets;

/// Short, so that a minute is enough; a scrape of these servers takes some milliseconds.
const SCRAPE_INTERVAL: &str = "1s";
/// No multiple of the other, so that evaluations and scrapes do not come in step.
const EVALUATION_INTERVAL: &str = "1s300ms";

pub(super) struct Files {
    /// The configuration, and after it the same with each of the stores that it may write to.
    pub(super) configs: Vec<PathBuf>,
    targets: PathBuf,
}

impl Files {
    /// `instances` are the addresses of the servers.
    pub(super) fn write(deploy: &Path, folder: &Path, instances: &[&str]) -> Result<Self> {
        let read = |name: &str| -> Result<Value> {
            let text = yaml::read_text(&deploy.join(name))?;
            yaml::parse(&format!("deploy/{name}"), &text)
        };
        let fleet = folder.join("fleet");
        let targets = fleet.join("targets");
        let rules = folder.join("prometheus/rules");
        for folder in [&targets, &rules] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        for name in yaml::names_below(&deploy.join("prometheus/rules"), "yml")? {
            let mut file = read(&format!("prometheus/rules/{name}"))?;
            let groups = file["groups"].as_array_mut();
            for group in groups.with_context(|| format!("{name} has no groups"))? {
                group["interval"] = json!(EVALUATION_INTERVAL);
            }
            write(&rules.join(name), &file)?;
        }
        let found = with_instances(read("fleet/targets/tallied.yml")?, instances)?;
        write(&targets.join("tallied.yml"), &found)?;

        let mut config = read("fleet/prometheus.yml")?;
        adapt(&mut config)?;
        let mut configs = vec![fleet.join("prometheus.yml")];
        write(&configs[0], &config)?;
        for name in yaml::names_below(&deploy.join("fleet/remote-write"), "yml")? {
            let with_store = appended(&config, read(&format!("fleet/remote-write/{name}"))?)?;
            configs.push(fleet.join(format!("with-{name}")));
            write(&configs[configs.len() - 1], &with_store)?;
        }
        Ok(Self { configs, targets })
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

fn write(path: &Path, value: &Value) -> Result<()> {
    fs::write(path, value.to_string()).with_context(|| format!("cannot write {}", path.display()))
}

/// Of deploy/fleet/prometheus.yml.
fn adapt(config: &mut Value) -> Result<()> {
    for (key, interval) in [
        ("scrape_interval", SCRAPE_INTERVAL),
        ("scrape_timeout", SCRAPE_INTERVAL),
        ("evaluation_interval", EVALUATION_INTERVAL),
    ] {
        let of_global = &mut config["global"][key];
        ensure!(
            of_global.is_string(),
            "deploy/fleet/prometheus.yml has no global.{key}"
        );
        *of_global = json!(interval);
    }
    let alerting = config["alerting"].as_object_mut();
    let removed = alerting.and_then(|alerting| alerting.remove("alertmanagers"));
    removed.context("deploy/fleet/prometheus.yml names no alertmanagers")?;

    let jobs = config["scrape_configs"].as_array_mut();
    let jobs = jobs.context("deploy/fleet/prometheus.yml has no scrape_configs")?;
    jobs.retain(|job| job["job_name"] == "tallied");
    let [Value::Object(job)] = &mut jobs[..] else {
        anyhow::bail!("deploy/fleet/prometheus.yml has not one job_name: tallied");
    };
    ensure!(
        job.contains_key("file_sd_configs"),
        "the job tallied of deploy/fleet/prometheus.yml has no file_sd_configs"
    );
    // As it says of the way that is not used.
    job.remove("dns_sd_configs");
    Ok(())
}

/// One file after the other, as `cat` does it.
fn appended(config: &Value, mut other: Value) -> Result<Value> {
    let mut config = config.clone();
    let (Some(into), Some(other)) = (config.as_object_mut(), other.as_object_mut()) else {
        anyhow::bail!("prometheus.yml is no mapping");
    };
    for key in other.keys() {
        ensure!(
            !into.contains_key(key),
            "{key} is in both files: Prometheus refuses it twice"
        );
    }
    into.append(other);
    Ok(config)
}

/// The groups and labels of deploy/fleet/targets/tallied.yml, with these addresses in the place of its own.
fn with_instances(mut found: Value, instances: &[&str]) -> Result<Value> {
    let mut left = instances.iter();
    let groups = found.as_array_mut().into_iter().flatten();
    for target in groups.flat_map(|group| group["targets"].as_array_mut().into_iter().flatten()) {
        let instance = left.next();
        *target = json!(instance.context("targets/tallied.yml names more servers")?);
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

    #[test]
    fn what_is_deployed_is_kept_but_for_addresses_and_intervals() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        let folder = tempfile::tempdir().unwrap();
        let instances = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];
        let files = Files::write(&deploy, folder.path(), &instances).unwrap();
        let read = |path: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let config = read(&files.configs[0]);
        let job = &config["scrape_configs"][0];
        assert_eq!(job["file_sd_configs"][0]["files"][0], "targets/*.yml");
        assert!(job["sample_limit"].is_u64() && job["dns_sd_configs"].is_null());
        assert_eq!(config["rule_files"][0], "../prometheus/rules/*.yml");
        assert_eq!(config["global"]["external_labels"]["replica"], "a");
        let stores = &files.configs[1..];
        assert!(!stores.is_empty());
        assert!(
            stores
                .iter()
                .all(|path| read(path)["remote_write"].is_array())
        );
        let targets = read(&files.targets.join("tallied.yml"));
        assert_eq!(targets[1]["targets"], json!(["127.0.0.1:3"]));
        assert_eq!(targets[1]["labels"]["zone"], "b");

        files.add_target("more", "127.0.0.1:5").unwrap();
        assert_eq!(read(&files.target("more"))[0]["targets"][0], "127.0.0.1:5");
        files.remove_target("more").unwrap();
        assert!(!files.target("more").exists());
    }

    #[test]
    fn a_file_that_has_changed_its_shape_is_an_error() {
        let too_few = with_instances(json!([{"targets": ["a", "b"]}]), &["1"]);
        assert!(too_few.unwrap_err().to_string().contains("more servers"));
        assert!(adapt(&mut json!({"global": {}})).is_err());
        assert!(appended(&json!({"a": 1}), json!({"a": 2})).is_err());
    }
}
