//! Mistakes made on purpose, one at a time, in a copy of the sources: somebody has to notice each.
//!
//! Each is a patch. `cargo xtask mutants` and `cargo xtask wrong-servers` say which patches there are, and who has to
//! notice.

mod copy;
mod patch;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};

pub(crate) use self::copy::Copy;
pub(crate) use self::patch::{Patch, read_folder};
use crate::report::seconds;

/// What came of a mistake.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) noticed: bool,
    /// By whom, or what happened instead.
    pub(crate) text: String,
}

/// Those whose name contains one of `only`; `None` when they were only to be listed.
pub(crate) fn choose(
    chore: &str,
    all: Vec<Patch>,
    only: &[String],
    list: bool,
) -> Result<Option<Vec<Patch>>> {
    let count = all.len();
    let is_chosen =
        |patch: &Patch| only.is_empty() || only.iter().any(|part| patch.name.contains(part));
    let chosen: Vec<Patch> = all.into_iter().filter(is_chosen).collect();
    ensure!(
        !chosen.is_empty(),
        "none of the {count} has {only:?} in its name; `cargo xtask {chore} --list` prints them"
    );
    if list {
        for patch in &chosen {
            println!("{}", patch.name);
        }
        return Ok(None);
    }
    Ok(Some(chosen))
}

/// Where a trial's output goes.
pub(crate) fn log(folder: &Path, name: &str) -> PathBuf {
    let name: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    folder.join("logs").join(format!("{name}.log"))
}

/// Tries one after the other, prints the table, and fails if one was not noticed.
pub(crate) fn run(
    chore: &str,
    chosen: &[Patch],
    folder: &Path,
    try_out: impl Fn(&Patch, &Path) -> Result<Verdict>,
) -> Result<()> {
    let start = Instant::now();
    let mut table = "| mistake | noticed by |\n| --- | --- |\n".to_owned();
    let mut missed = Vec::new();
    for (index, patch) in chosen.iter().enumerate() {
        let begun = Instant::now();
        let name = &*patch.name;
        let log = log(folder, name);
        let Verdict { noticed, text } = try_out(patch, &log)?;
        println!(
            "[{}/{}] {name} … {}{text}, {} ({} in all)",
            index + 1,
            chosen.len(),
            if noticed { "" } else { "NOT NOTICED: " },
            seconds(begun.elapsed()),
            seconds(start.elapsed())
        );
        let text = if noticed {
            text
        } else {
            missed.push(format!("{name} ({})", log.display()));
            format!("NOBODY: {text}")
        };
        table.push_str(&format!("| {name} | {text} |\n"));
    }
    println!("\n{table}");
    ensure!(
        missed.is_empty(),
        "{} of {} were not noticed: {}. Make somebody look there, or correct the patch; one alone: \
         cargo xtask {chore} --only NAME",
        missed.len(),
        chosen.len(),
        missed.join("; ")
    );
    println!(
        "{chore}: all {} noticed in {}",
        chosen.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_out(noticed: bool) -> Result<()> {
        let patch = Patch::new("a: b", String::new());
        run("mutants", &[patch], Path::new("/t"), |_, _| {
            Ok(Verdict {
                noticed,
                text: "x".to_owned(),
            })
        })
    }

    #[test]
    fn one_that_nobody_notices_fails_and_is_named() {
        assert!(try_out(true).is_ok());
        let error = try_out(false).unwrap_err().to_string();
        assert!(
            error.starts_with("1 of 1 were not noticed: a: b (/t/logs/a--b.log)"),
            "{error}"
        );
    }
}
