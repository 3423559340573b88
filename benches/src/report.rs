//! What the benches leave for who collects results, beside criterion's own files; and how those
//! that are not criterion's are called.

use std::io;
use std::path::Path;

use serde_json::Value;

/// What cargo and a person say on the command line of a bench.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// Whether to measure at all: a test run of all targets does not, nor does a filter that
    /// names another bench.
    pub measure: bool,
    /// `--quick`, as criterion has it: shorter, and less certain.
    pub quick: bool,
}

/// Reads the arguments of the bench of this name.
pub fn arguments(bench: &str) -> Arguments {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    Arguments {
        // Cargo says --bench when it benches.
        measure: has("--bench") && filter.is_none_or(|filter| bench.contains(filter.as_str())),
        quick: has("--quick"),
    }
}

/// Leaves a figure or figures as `<name>.json` where criterion's results go, if `CRITERION_HOME`
/// says where that is: who collects results sets it.
///
/// # Errors
/// When the file cannot be written.
pub fn leave(name: &str, figures: &Value) -> io::Result<()> {
    let Some(home) = std::env::var_os("CRITERION_HOME") else {
        return Ok(());
    };
    let file = Path::new(&home).join(name).with_extension("json");
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, figures.to_string())
}
