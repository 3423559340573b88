//! The configuration file: a tree of keys, each with its line.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::error::ConfigError;
use super::keys::{ENDPOINT_KEYS, ENDPOINTS, KEYS, endpoint_key, named, quoted};
use super::origin::Origin;
use super::raw_value::RawValue;
use super::suggestion::suggestion;

/// The largest file that is read: a configuration is a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// The file's text.
///
/// # Errors
/// What is wrong, and the remedy.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let remedy = "give the path of a TOML file that can be read";
    let read = || {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes =
        read().map_err(|error: std::io::Error| format!("cannot be read: {error}; {remedy}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is larger than {MAX_BYTES} bytes; {remedy}"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("is not UTF-8 text (byte {at}); {remedy}")
    })
}

/// What the parser says of a key or a section that is there already.
const DUPLICATE: &str = "duplicate key";

/// Sets what the file sets.
pub(super) fn apply(config: &mut Config, path: &Path, text: &str) -> Result<(), ConfigError> {
    let file = File { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let duplicate = (error.message() == DUPLICATE).then(|| file.key_at(span.clone()));
        let (key, problem) = match duplicate {
            Some(key) => (key, "set twice; remove one of the two".to_owned()),
            None => (
                "configuration file".to_owned(),
                format!(
                    "not TOML: {}; correct the line, or compare server/tallied.example.toml",
                    error.message()
                ),
            ),
        };
        ConfigError {
            key,
            value: None,
            origin: Some(file.origin(span)),
            problem,
        }
    })?;
    file.section(config, "", document.get_ref())
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

type Entry<'t, 'i> = (
    &'t Spanned<std::borrow::Cow<'i, str>>,
    &'t Spanned<DeValue<'i>>,
);

impl File<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        Origin::File {
            path: self.path.to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        }
    }

    /// The key or the section's head that stands here, with the section that it stands in.
    fn key_at(&self, span: Range<usize>) -> String {
        let key = self.text.get(span.clone()).unwrap_or_default();
        let before = self.text.get(..span.start).unwrap_or_default();
        let mut lines = before.rsplit('\n');
        let own = lines.next().unwrap_or_default().trim_start();
        let head = |line: &str| line.trim().strip_prefix('[').map(str::to_owned);
        match lines.find_map(head) {
            // A head's own sections stand before it.
            _ if own.starts_with('[') => format!("{}{key}", own.trim_start_matches('[')),
            Some(head) => join_sections(head.split(']').next().unwrap_or_default(), own, key),
            None => join_sections("", own, key),
        }
    }

    fn section(
        &self,
        config: &mut Config,
        above: &str,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        for (key, value) in in_order(table) {
            let name = join(above, key.get_ref());
            if let Some(known) = named(&name) {
                (known.set)(config, &RawValue::Toml(value.get_ref()))
                    .map_err(|problem| self.wrong(&name, (key, value), problem))?;
                config.origins.insert(name, self.origin(key.span()));
            } else if name == ENDPOINTS {
                self.endpoints(config, self.table(&name, (key, value))?)?;
            } else if KEYS.iter().any(|known| is_in(known.name, &name)) {
                self.section(config, &name, self.table(&name, (key, value))?)?;
            } else {
                let known = KEYS.iter().map(|key| key.name).chain([ENDPOINTS]);
                let (what, hint) = match value.get_ref() {
                    DeValue::Table(_) => {
                        let sections = KEYS.iter().filter_map(|key| key.name.rsplit_once('.'));
                        let known = known.chain(sections.map(|(section, _)| section));
                        ("section", suggestion(&name, known.map(str::to_owned)))
                    }
                    _ => ("key", suggestion(&name, known.map(str::to_owned))),
                };
                return Err(self.wrong(&name, (key, value), format!("unknown {what}; {hint}")));
            }
        }
        Ok(())
    }

    fn endpoints(&self, config: &mut Config, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (pattern, value) in in_order(table) {
            let name = format!("{ENDPOINTS}.{}", quoted(pattern.get_ref()));
            if !pattern.get_ref().starts_with('/') {
                let problem = format!(
                    "an endpoint begins with `/`; give the pattern of a route, as in [{ENDPOINTS}.\"/data\"]"
                );
                return Err(self.wrong(&name, (pattern, value), problem));
            }
            for (key, value) in in_order(self.table(&name, (pattern, value))?) {
                let name = endpoint_key(pattern.get_ref(), key.get_ref());
                let known = ENDPOINT_KEYS
                    .iter()
                    .find(|known| known.name == key.get_ref().as_ref())
                    .ok_or_else(|| {
                        let known = ENDPOINT_KEYS.iter().map(|key| key.name.to_owned());
                        let hint = suggestion(key.get_ref(), known);
                        self.wrong(&name, (key, value), format!("unknown key; {hint}"))
                    })?;
                let buckets = RawValue::Toml(value.get_ref())
                    .buckets()
                    .map_err(|problem| self.wrong(&name, (key, value), problem))?;
                let endpoints = &mut config.http.endpoints;
                let endpoint = endpoints.entry(pattern.get_ref().to_string()).or_default();
                *(known.of)(endpoint) = Some(buckets);
                config.origins.insert(name, self.origin(key.span()));
            }
        }
        Ok(())
    }

    fn table<'t, 'i>(
        &self,
        name: &str,
        (key, value): Entry<'t, 'i>,
    ) -> Result<&'t DeTable<'i>, ConfigError> {
        value.get_ref().as_table().ok_or_else(|| {
            let problem = format!("this is a section; write its keys below a line [{name}]");
            self.wrong(name, (key, value), problem)
        })
    }

    fn wrong(&self, name: &str, (key, value): Entry<'_, '_>, problem: String) -> ConfigError {
        // A section's text is its head alone, which says nothing.
        let written = match value.get_ref() {
            DeValue::Table(_) => None,
            _ => self.text.get(value.span()).map(str::to_owned),
        };
        ConfigError {
            key: name.to_owned(),
            value: written,
            origin: Some(self.origin(key.span())),
            problem,
        }
    }
}

/// The entries as they stand in the file, so that the first mistake is the first one there.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A key with the section that it stands in, and with what is before it in its line: `a.` of `a.b`.
fn join_sections(section: &str, before: &str, key: &str) -> String {
    let dot = if section.is_empty() { "" } else { "." };
    format!("{section}{dot}{before}{key}")
}

/// Whether a key is in a section.
fn is_in(name: &str, section: &str) -> bool {
    name.strip_prefix(section)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// A key's name with its sections. One that TOML wants quoted stays quoted: `"log.level"` at the
/// top is no `log.level`.
fn join(above: &str, key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let key = if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        quoted(key)
    };
    if above.is_empty() {
        key
    } else {
        format!("{above}.{key}")
    }
}
