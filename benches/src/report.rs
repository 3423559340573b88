//! What the benches leave for who collects results, beside criterion's own files; and how those
//! that are not criterion's are called.

use std::io;
use std::path::Path;

use serde_json::json;

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

/// A line of a table: its name, and a figure for each column.
pub type Row = (String, Vec<f64>);

/// Leaves the table of a bench as `<bench>.json` where criterion's results go, if `CRITERION_HOME`
/// says where that is: who collects results sets it.
///
/// # Errors
/// When the file cannot be written.
pub fn leave(bench: &str, head: &[&str], rows: &[Row]) -> io::Result<()> {
    let Some(home) = std::env::var_os("CRITERION_HOME") else {
        return Ok(());
    };
    let row = |(name, figures): &Row| json!({ "name": name, "figures": figures });
    let rows: Vec<_> = rows.iter().map(row).collect();
    let file = Path::new(&home).join(bench).with_extension("json");
    std::fs::write(file, json!({ "head": head, "rows": rows }).to_string())
}
