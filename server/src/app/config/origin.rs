//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

use super::error::one_line;

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
