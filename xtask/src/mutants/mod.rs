//! Whether the models notice: each required ordering of the kernel is weakened and each required step
//! left out, one at a time, in a copy, and the loom models are run. One of them has to fail.
//!
//! A mutant is killed by a model that fails, and by nothing else: not by the compiler, and not by the
//! clock. A survivor means that a model is missing, or that the kernel asks for more than it needs.

mod models;
mod mutant;
mod orderings;
mod removed;
mod trial;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use self::models::Build;
use self::mutant::Mutant;
use self::trial::Verdict;
use crate::loom;
use crate::report::seconds;
use crate::scratch::{self, Edit, Scratch, Source};
use crate::workspace::Workspace;

const KERNEL: &str = "core/src/shard";

pub(crate) fn run(workspace: &Workspace, only: &[String], list: bool) -> Result<()> {
    let all = all(&workspace.root)?;
    let count = all.len();
    let chosen: Vec<Mutant> = all
        .into_iter()
        .filter(|mutant| only.is_empty() || only.iter().any(|part| mutant.name.contains(part)))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "none of the {count} mutants has {only:?} in its name; `cargo xtask mutants --list` prints them"
    );
    if list {
        for mutant in &chosen {
            println!("{}", mutant.name);
        }
        return Ok(());
    }
    loom::check_environment()?;

    let start = Instant::now();
    let scratch = Scratch::new(workspace, "mutants", &["core"])?;
    let logs = workspace.target.join("mutants").join("logs");
    println!(
        "the kernel as it is, in {}",
        scratch.folder("core").display()
    );
    match try_out(&scratch, &[], &logs.join("baseline.log"))? {
        Verdict::Survived(models) if models > 0 => {
            println!(
                "{models} models pass, {} after the start",
                seconds(start.elapsed())
            );
        }
        verdict => bail!(
            "the models have to pass before anything is changed: {}; see `cargo xtask loom`",
            verdict.text()
        ),
    }

    let mut verdicts = Vec::new();
    for (index, mutant) in chosen.iter().enumerate() {
        let begun = Instant::now();
        let log = logs.join(format!("{:02}.log", index + 1));
        let verdict = try_out(&scratch, &mutant.edits, &log)?;
        let outcome = match &verdict {
            Verdict::Killed(tests) => format!("killed by {} of the models", tests.len()),
            verdict => format!("{}; {}", verdict.text(), log.display()),
        };
        println!(
            "[{}/{}] {} … {outcome}, {} ({} in all)",
            index + 1,
            chosen.len(),
            mutant.name,
            seconds(begun.elapsed()),
            seconds(start.elapsed())
        );
        verdicts.push(verdict);
    }

    println!("\n{}", table(&chosen, &verdicts));
    let alive = verdicts.iter().filter(|verdict| !verdict.is_kill()).count();
    ensure!(
        alive == 0,
        "{alive} of {} mutants were not killed by a model: write the model that fails, or correct the \
         mutant; one alone: cargo xtask mutants --only NAME",
        chosen.len()
    );
    println!(
        "mutants: all {} killed in {}",
        chosen.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

/// The models of the file that was changed come first, for they mostly notice, and take a part of the time.
/// The others run when these have not.
fn try_out(scratch: &Scratch, edits: &[Edit], log: &Path) -> Result<Verdict> {
    let executable = match models::build(scratch, edits)? {
        Build::Executable(executable) => executable,
        Build::Refused => return Ok(Verdict::DidNotCompile),
    };
    if let Some(own) = edits.last().and_then(|edit| own_models(&edit.file)) {
        let verdict = trial::run(&executable, &own, &scratch.folder("core"), log)?;
        if verdict.is_kill() {
            return Ok(verdict);
        }
    }
    trial::run(&executable, "", &scratch.folder("core"), log)
}

/// What the paths of a file's own models begin with: `shard::cell::`.
fn own_models(file: &Path) -> Option<String> {
    let module = file.strip_prefix("core/src").ok()?.with_extension("");
    let parts: Vec<_> = module.iter().map(|part| part.to_string_lossy()).collect();
    Some(format!("{}::", parts.join("::")))
}

/// Every mutant of the kernel below `root`, in the order of the files.
fn all(root: &Path) -> Result<Vec<Mutant>> {
    let sources = kernel(root)?;
    let mut mutants = Vec::new();
    for (file, source) in &sources {
        mutants.extend(orderings::mutants(file, source)?);
    }
    ensure!(
        !mutants.is_empty(),
        "{KERNEL} has no orderings: has the kernel moved?"
    );
    mutants.extend(removed::mutants(&sources)?);
    Ok(mutants)
}

/// The files of the kernel by their paths from the root, but for those that are tests alone.
fn kernel(root: &Path) -> Result<BTreeMap<PathBuf, Source>> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![PathBuf::from(KERNEL)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder))
            .with_context(|| format!("cannot list {}", folder.display()))?;
        let mut tests = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = folder.join(entry.file_name());
            if root.join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = scratch::read(&root.join(&path))?;
                tests.extend(scratch::test_modules(&text));
                sources.insert(path, Source::new(text));
            }
        }
        for test in tests {
            sources.remove(&folder.join(test).with_extension("rs"));
        }
    }
    Ok(sources)
}

fn table(mutants: &[Mutant], verdicts: &[Verdict]) -> String {
    let mut text = "| site | mutation | killed by |\n| --- | --- | --- |\n".to_owned();
    for (mutant, verdict) in mutants.iter().zip(verdicts) {
        let row = format!(
            "| {} | {} | {} |\n",
            mutant.site,
            mutant.mutation,
            verdict.text()
        );
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a change of the kernel meets the list in the tests, and not in the chore that few run.
    #[test]
    fn the_list_fits_the_kernel() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let names: Vec<String> = all(&root).unwrap().into_iter().map(|m| m.name).collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("cell.rs:")));
        let kernel = kernel(&root).unwrap();
        assert!(!kernel.contains_key(Path::new("core/src/shard/model.rs")));
    }

    #[test]
    fn a_files_models_have_its_path() {
        let own = own_models(Path::new("core/src/shard/cell.rs"));
        assert_eq!(own.as_deref(), Some("shard::cell::"));
    }

    #[test]
    fn the_table_names_survivors() {
        let mutant = Mutant {
            name: String::new(),
            site: "x.rs:1 (f)".to_owned(),
            mutation: "Release → Relaxed".to_owned(),
            edits: Vec::new(),
        };
        let table = table(&[mutant], &[Verdict::Survived(3)]);
        assert!(table.ends_with("| x.rs:1 (f) | Release → Relaxed | SURVIVED 3 models |\n"));
    }
}
