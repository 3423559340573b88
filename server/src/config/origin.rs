//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// The place where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File {
        /// As it was given.
        path: PathBuf,
        /// Counting from 1.
        line: usize,
    },
    /// An environment variable of this name.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => {
                let path = one_line(&path.display().to_string());
                write!(f, "file {path}, line {line}")
            }
            Self::Variable(name) => write!(f, "environment variable {}", one_line(name)),
            Self::Flag(flag) => write!(f, "flag {}", one_line(flag)),
        }
    }
}

/// The text on one line: runs of white space that hold a line's end become a space, other control
/// characters are escaped.
pub(super) fn one_line(text: &str) -> String {
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        // U+2028 and U+2029 end a line for some readers.
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
