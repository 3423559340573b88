//! What is in force, as TOML that can be read back.

use std::fmt::Write;

use super::Config;
use super::keys::{ENDPOINT_KEYS, ENDPOINTS, KEYS, bounds, endpoint_key, quoted};

impl Config {
    /// Every key with its value, and a comment that says where it came from.
    pub fn to_toml(&self) -> String {
        let mut toml = String::from("# What is in force, and where each value came from.\n");
        let mut section = "";
        for (i, key) in KEYS.iter().enumerate() {
            let (above, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
            if above != section {
                section = above;
                head(&mut toml, section);
            }
            line(&mut toml, name, &(key.show)(self), self.origin(key.name));
            // The endpoints' sections belong to theirs, which ends here.
            let next = KEYS.get(i + 1).map_or("", |next| next.name);
            if above == "http" && !next.starts_with("http.") {
                self.endpoints(&mut toml);
            }
        }
        toml
    }

    /// Every key with its value, as TOML, and where that came from.
    pub(crate) fn rows(&self) -> Vec<(String, String, String)> {
        let mut rows: Vec<_> = KEYS
            .iter()
            .map(|key| {
                let origin = self.origin(key.name).to_string();
                (key.name.to_owned(), (key.show)(self), origin)
            })
            .collect();
        for (pattern, endpoint) in &self.http.endpoints {
            let mut endpoint = endpoint.clone();
            for key in ENDPOINT_KEYS {
                if let Some(buckets) = (key.of)(&mut endpoint) {
                    let name = endpoint_key(pattern, key.name);
                    let origin = self.origin(&name).to_string();
                    rows.push((name, bounds(buckets), origin));
                }
            }
        }
        rows
    }

    fn endpoints(&self, toml: &mut String) {
        for (pattern, endpoint) in &self.http.endpoints {
            head(toml, &format!("{ENDPOINTS}.{}", quoted(pattern)));
            let mut endpoint = endpoint.clone();
            for key in ENDPOINT_KEYS {
                if let Some(buckets) = (key.of)(&mut endpoint) {
                    let origin = self.origin(&endpoint_key(pattern, key.name));
                    line(toml, key.name, &bounds(buckets), origin);
                }
            }
        }
    }
}

fn head(toml: &mut String, section: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(toml, "\n[{section}]");
}

fn line(toml: &mut String, name: &str, value: &str, origin: &super::Origin) {
    let _ = writeln!(toml, "{name} = {value} # {origin}");
}
