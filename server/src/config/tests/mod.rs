//! What a place sets, and what each mistake says.

mod addresses;
mod keys;
mod mistakes;
mod places;

use std::path::Path;

use super::{Config, ConfigError, KEYS, Key, file};

const EXAMPLE: &str = include_str!("../../../tallied.example.toml");

fn from_toml(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    file::apply(&mut config, Path::new("tallied.toml"), text)?;
    Ok(config)
}

fn from_variable(name: &str, value: &str) -> Result<Config, ConfigError> {
    let environment = [(name.into(), value.into())];
    Config::load(None, &[], &environment, Path::new("no such folder"))
}

fn key(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap()
}

fn from_flag(name: &str, value: &str) -> Result<Config, ConfigError> {
    let flags = [(key(name), value.to_owned())];
    Config::load(None, &flags, &[], Path::new("no such folder"))
}

/// Without the places, which differ where the values are the same.
fn values(mut config: Config) -> Config {
    config.origins.clear();
    config
}

/// One line that holds every one of these words.
fn assert_says(error: &ConfigError, words: &[&str]) {
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}
