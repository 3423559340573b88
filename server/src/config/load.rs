//! The places, in their order.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tallied::RegisterError;
use tallied_salvo::HttpMetricsError;

use super::error::ConfigError;
use super::keys::{ENDPOINT_KEYS, ENDPOINTS, Key, endpoint_key, quoted};
use super::origin::Origin;
use super::raw_value::RawValue;
use super::suggestion::nearest;
use super::{Config, environment, file};

/// The file that is read without being asked for, if it exists.
const FILE: &str = "tallied.toml";

impl Config {
    /// The configuration: defaults, then the file, then the environment, then the flags.
    ///
    /// The file is `path`, or else `TALLIED_CONFIG`, or else `tallied.toml` in `directory` where
    /// there is one.
    ///
    /// # Errors
    /// The first mistake.
    pub fn load(
        path: Option<&Path>,
        flags: &[(&Key, String)],
        environment: &[(OsString, OsString)],
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some((path, asked_for)) = file_to_read(path, environment, directory) {
            let text = file::read(&path).map_err(|problem| ConfigError {
                key: "configuration file".to_owned(),
                value: Some(format!("{:?}", path.display().to_string())),
                origin: asked_for,
                problem,
            })?;
            file::apply(&mut config, &path, &text)?;
        }
        environment::apply(&mut config, environment)?;
        for (key, text) in flags {
            let origin = Origin::Flag(format!("--{}", key.flag()));
            (key.set)(&mut config, &RawValue::Text(text)).map_err(|problem| ConfigError {
                key: key.name.to_owned(),
                value: Some(format!("{text:?}")),
                origin: Some(origin.clone()),
                problem,
            })?;
            config.origins.insert(key.name.to_owned(), origin);
        }
        let mistake = config
            .same_address()
            .or_else(|| config.too_small_a_budget());
        match mistake {
            Some(mistake) => Err(mistake),
            None => Ok(config),
        }
    }

    /// A budget in which the largest body that is read would never fit.
    fn too_small_a_budget(&self) -> Option<ConfigError> {
        let (key, largest) = ("limits.bodies_bytes", self.limits.body_bytes);
        (self.limits.bodies_bytes < largest).then(|| ConfigError {
            key: key.to_owned(),
            value: Some(self.limits.bodies_bytes.to_string()),
            origin: Some(self.origin(key).clone()),
            problem: format!(
                "less than limits.body_bytes, {largest} ({}); raise the one, or lower the other",
                self.origin("limits.body_bytes")
            ),
        })
    }

    /// `metrics_listen` where `listen` is, which the system would call an address in use.
    pub(super) fn same_address(&self) -> Option<ConfigError> {
        let (main, metrics) = (self.listen, self.metrics_listen?);
        // An unspecified address is all of its family.
        let all = main.ip().is_unspecified() || metrics.ip().is_unspecified();
        let same = main.ip() == metrics.ip() || (all && main.is_ipv4() == metrics.is_ipv4());
        // With port 0 each takes a free one.
        (same && main.port() == metrics.port() && main.port() != 0).then(|| ConfigError {
            key: "metrics_listen".to_owned(),
            value: Some(quoted(&metrics.to_string())),
            origin: Some(self.origin("metrics_listen").clone()),
            problem: format!(
                "listen is {main} already ({}); choose another port, or leave metrics_listen empty: /metrics is on listen then",
                self.origin("listen")
            ),
        })
    }

    /// The configuration's part in a registration that failed, if it has one: a constant label
    /// may be one that a metric has itself.
    pub fn mistake(&self, error: &HttpMetricsError) -> Option<ConfigError> {
        let HttpMetricsError::Register(
            RegisterError::DuplicateLabel { name, label }
            | RegisterError::ReservedLabel { name, label, .. },
        ) = error
        else {
            return None;
        };
        let value = self.constant_labels.get(label)?;
        Some(ConfigError {
            key: format!("constant_labels.{label}"),
            value: Some(format!("{value:?}")),
            origin: Some(self.origin("constant_labels").clone()),
            problem: format!(
                "{name} has a label of this name itself; give the constant label another name"
            ),
        })
    }

    /// The first endpoint with bounds of its own that is none of these patterns, and so would
    /// have no effect.
    pub fn unknown_endpoint(&self, patterns: &BTreeSet<String>) -> Option<ConfigError> {
        let mut endpoints = self.http.endpoints.keys();
        let pattern = endpoints.find(|pattern| !patterns.contains(*pattern))?;
        let section = format!("{ENDPOINTS}.{}", quoted(pattern));
        let mut keys = ENDPOINT_KEYS.iter();
        let origin = keys.find_map(|key| self.origins.get(&endpoint_key(pattern, key.name)));
        let near = nearest(pattern, patterns.iter().cloned())
            .map(|near| format!(" (did you mean {near}?)"))
            .unwrap_or_default();
        let known: Vec<&str> = patterns.iter().map(String::as_str).collect();
        Some(ConfigError {
            key: section,
            value: None,
            origin: origin.cloned(),
            problem: format!(
                "no route has this pattern{near}; give one of {}",
                known.join(", ")
            ),
        })
    }
}

/// The path of the file, and who asked for it.
fn file_to_read(
    flag: Option<&Path>,
    environment: &[(OsString, OsString)],
    directory: &Path,
) -> Option<(PathBuf, Option<Origin>)> {
    if let Some(path) = flag {
        return Some((path.to_owned(), Some(Origin::Flag("--config".to_owned()))));
    }
    let variable = environment::FILE;
    if let Some((_, path)) = environment.iter().find(|(name, _)| name == variable) {
        return Some((path.into(), Some(Origin::Variable(variable.to_owned()))));
    }
    let path = directory.join(FILE);
    // Whatever stands there was meant: what is no file, or cannot be read, is a mistake to tell.
    path.symlink_metadata().is_ok().then_some((path, None))
}
