//! The `TALLIED_…` variables.

use std::ffi::{OsStr, OsString};

use super::Config;
use super::error::ConfigError;
use super::keys::{ENDPOINTS, KEYS};
use super::origin::Origin;
use super::raw_value::RawValue;
use super::suggestion::nearest;

const OURS: &str = "TALLIED_";

/// The variable that names the configuration file.
pub(super) const FILE: &str = "TALLIED_CONFIG";

/// Sets what the environment sets. The path of the file is not among it.
pub(super) fn apply(
    config: &mut Config,
    environment: &[(OsString, OsString)],
) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let name = name.to_string_lossy();
        if !name.starts_with(OURS) || name == FILE {
            continue;
        }
        let key = KEYS.iter().find(|key| key.variable() == name);
        let wrong = |problem: String| ConfigError {
            key: key.map_or_else(|| name.clone().into_owned(), |key| key.name.to_owned()),
            value: Some(format!("{value:?}")),
            origin: Some(Origin::Variable(name.clone().into_owned())),
            problem,
        };
        let Some(key) = key else {
            if is_service_link(&name, value) {
                continue;
            }
            return Err(wrong(unknown(&name)));
        };
        let text = value
            .to_str()
            .ok_or_else(|| wrong("not UTF-8; give text".to_owned()))?;
        (key.set)(config, &RawValue::Text(text)).map_err(wrong)?;
        let origin = Origin::Variable(key.variable());
        config.origins.insert(key.name.to_owned(), origin);
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let endpoints = ENDPOINTS.replace('.', "_").to_uppercase();
    if name.starts_with(&format!("{OURS}{endpoints}")) {
        return format!("no variable sets an endpoint's buckets; set {ENDPOINTS} in the file");
    }
    let known = KEYS.iter().map(|key| key.variable());
    match nearest(name, known.chain([FILE.to_owned()])) {
        Some(near) => format!("unknown variable; unset it, or did you mean {near}?"),
        None => "unknown variable; unset it (tallied-server --help lists the variables)".to_owned(),
    }
}

/// Kubernetes tells each container of the services around it in variables that begin with the
/// service's name, so that a service called `tallied` writes `TALLIED_SERVICE_HOST`,
/// `TALLIED_PORT=tcp://…`, `TALLIED_PORT_8000_TCP_ADDR` and the like.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let address = value.to_string_lossy();
    let is_address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address)
        || name.split_once("_PORT_").is_some_and(|(_, rest)| {
            let mut words = rest.split('_');
            words.next().is_some_and(digits)
                && matches!(words.next(), Some("TCP" | "UDP" | "SCTP"))
                && matches!(words.next(), None | Some("PROTO" | "PORT" | "ADDR"))
        })
}

#[cfg(test)]
mod tests {
    use super::is_service_link;

    #[test]
    fn what_kubernetes_sets_is_not_taken_for_ours() {
        for (name, value) in [
            ("TALLIED_SERVICE_HOST", "10.0.0.11"),
            ("TALLIED_SERVICE_PORT", "8000"),
            ("TALLIED_SERVICE_PORT_HTTP", "8000"),
            ("TALLIED_PORT", "tcp://10.0.0.11:8000"),
            ("TALLIED_PORT_8000_TCP", "tcp://10.0.0.11:8000"),
            ("TALLIED_PORT_8000_TCP_PROTO", "tcp"),
            ("TALLIED_PORT_8000_TCP_PORT", "8000"),
            ("TALLIED_SERVER_PORT_8000_TCP_ADDR", "10.0.0.11"),
        ] {
            assert!(is_service_link(name, value.as_ref()), "{name}");
        }
        for (name, value) in [
            ("TALLIED_PORT", "9000"),
            ("TALLIED_LISTN", "127.0.0.1:1"),
            ("TALLIED_PORT_LISTEN", "9000"),
        ] {
            assert!(!is_service_link(name, value.as_ref()), "{name}");
        }
    }
}
