//! The table of keys, and the documents that repeat it.

use super::{EXAMPLE, from_toml, key, values};
use crate::config::{Config, KEYS, Origin};

#[test]
fn names_are_plain_and_sections_stand_together() {
    let mut sections: Vec<&str> = Vec::new();
    for (i, key) in KEYS.iter().enumerate() {
        for other in &KEYS[..i] {
            assert_ne!(key.variable(), other.variable());
            assert_ne!(key.flag(), other.flag());
        }
        let section = key.name.rsplit_once('.').map_or("", |(section, _)| section);
        if sections.last() != Some(&section) {
            assert!(!sections.contains(&section), "{section} is torn apart");
            sections.push(section);
        }
    }
    assert_eq!(sections[0], "");
    assert_eq!(key("log.level").variable(), "TALLIED_LOG_LEVEL");
    assert_eq!(key("log.level").flag(), "log-level");
}

#[test]
fn the_example_names_every_key_at_its_default() {
    let config = from_toml(EXAMPLE).unwrap();
    for key in KEYS {
        assert!(
            matches!(config.origin(key.name), Origin::File { .. }),
            "the example lacks {}",
            key.name
        );
    }
    assert_eq!(values(config), Config::default());

    // A key in a comment counts, too.
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| !c.is_whitespace()) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = from_toml(&uncommented).unwrap();
    let data = &config.http.endpoints["/data"];
    assert_eq!(data.duration.as_ref().unwrap().bounds(), [0.001, 0.01, 0.1]);
    assert!(data.request_size.is_some() && data.response_size.is_some());
}

#[test]
fn the_defaults_of_the_help_are_those_in_force() {
    for key in KEYS {
        let section = key.name.rsplit_once('.');
        let (head, name) = section.map_or((String::new(), key.name), |(section, name)| {
            (format!("[{section}]\n"), name)
        });
        let toml = format!("{head}{name} = {}", key.default_value());
        let config = from_toml(&toml).unwrap_or_else(|error| panic!("{toml}: {error}"));
        assert_eq!(values(config), Config::default(), "{toml}");
    }
}

#[test]
fn the_readme_has_a_row_for_every_key() {
    let readme = include_str!("../../../../README.md");
    for key in KEYS {
        let row = format!(
            "| `{}` | `{}` | `{}` | `--{}` | ",
            key.name,
            key.default_value(),
            key.variable(),
            key.flag()
        );
        assert!(
            readme.lines().any(|line| line.starts_with(&row)),
            "the README lacks: {row}"
        );
    }
}
