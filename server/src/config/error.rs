//! What is wrong with a configuration, in one line.

use std::fmt;

use super::origin::{Origin, one_line};

/// A mistake in the configuration. It displays as one line that names the key, the value, where
/// it was set, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) key: String,
    /// As it was written.
    pub(super) value: Option<String>,
    pub(super) origin: Option<Origin>,
    /// What is wrong and what to do about it.
    pub(super) problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.key))?;
        if let Some(value) = &self.value {
            write!(f, " = {}", clipped(&one_line(value)))?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", one_line(&self.problem))
    }
}

impl std::error::Error for ConfigError {}

/// The longest value that an error repeats, in characters.
const SHOWN: usize = 200;

fn clipped(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{clipped, one_line};

    #[test]
    fn nothing_makes_a_second_line() {
        assert_eq!(one_line("[\n  0.1,\r\n  0.5,\n]"), "[ 0.1, 0.5, ]");
        assert_eq!(
            one_line("a\rb\u{1b}[31m\u{2028}c"),
            "a\\rb\\u{1b}[31m\\u{2028}c"
        );
        assert_eq!(clipped(&"é".repeat(1_000)).chars().count(), 201);
    }
}
