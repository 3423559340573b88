//! Whether the models notice: each required ordering of the kernel is weakened (`orderings.rs`) and each required step
//! left out, done twice or done too early (`xtask/mutants/*.patch`: whoever changes the kernel adds what the change
//! stands on), and the loom models are run. One of them has to fail.
//!
//! A mutant is killed by a model that fails, and by nothing else: not by the compiler, and not by the
//! clock. A survivor means that a model is missing, or that the kernel asks for more than it needs.

mod orderings;
mod trial;

use std::path::Path;

use anyhow::{Result, bail, ensure};

use self::trial::Outcome;
use crate::loom;
use crate::mistakes::{self, Copy, Patch, Verdict};
use crate::workspace::Workspace;

const CHORE: &str = "mutants";
const PACKAGE: &str = "tallied";

pub(crate) fn run(workspace: &Workspace, only: &[String], list: bool) -> Result<()> {
    let all = all(&workspace.root)?;
    let Some(chosen) = mistakes::choose(CHORE, all, only, list)? else {
        return Ok(());
    };
    loom::check_environment()?;
    let copy = Copy::new(workspace, CHORE)?;
    let folder = workspace.target.join(CHORE);
    println!("the kernel as it is, in {}", copy.folder("core").display());
    match try_out(&copy, None, &mistakes::log(&folder, "baseline"))? {
        Outcome::Survived(models) if models > 0 => println!("{models} models pass"),
        outcome => bail!(
            "the models have to pass before anything is changed: {}; see `cargo loom`",
            outcome.text()
        ),
    }
    mistakes::run(CHORE, &chosen, &folder, |patch, log| {
        let outcome = try_out(&copy, Some(patch), log)?;
        Ok(Verdict {
            noticed: outcome.is_kill(),
            text: outcome.text(),
        })
    })
}

/// The models of the file that was changed come first, for they mostly notice, and take a part of the time.
/// The others run when these have not.
fn try_out(copy: &Copy, patch: Option<&Patch>, log: &Path) -> Result<Outcome> {
    let args = ["test", "--lib", "--no-run"];
    let Some(executable) = copy.build(patch, PACKAGE, &args, &["--cfg", "loom"])? else {
        return Ok(Outcome::DidNotCompile);
    };
    if let Some(own) = patch.and_then(Patch::last_file).and_then(own_models) {
        let outcome = trial::run(&executable, &own, &copy.folder("core"), log)?;
        if outcome.is_kill() {
            return Ok(outcome);
        }
    }
    trial::run(&executable, "", &copy.folder("core"), log)
}

/// What the paths of a file's own models begin with: `shard::cell::`.
fn own_models(file: &str) -> Option<String> {
    let module = file.strip_prefix("core/src/")?.strip_suffix(".rs")?;
    Some(format!("{}::", module.replace('/', "::")))
}

/// Every mutant of the kernel below `root`.
fn all(root: &Path) -> Result<Vec<Patch>> {
    let mut mutants = orderings::mutants(root)?;
    ensure!(
        !mutants.is_empty(),
        "the kernel has no orderings: has it moved?"
    );
    mutants.extend(mistakes::read_folder(root, "xtask/mutants")?);
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// So that a change of the kernel meets the patches in the tests, and not in the chore that few run.
    #[test]
    fn the_patches_fit_the_kernel() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let all = all(root).unwrap();
        let names: BTreeSet<&str> = all.iter().map(|patch| &*patch.name).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("cell.rs:")));
        assert!(names.contains("record-the-bucket-before-the-sum"));
        assert!(!names.iter().any(|name| name.starts_with("model.rs")));
    }

    #[test]
    fn a_files_models_have_its_path() {
        let own = own_models("core/src/shard/cell.rs");
        assert_eq!(own.as_deref(), Some("shard::cell::"));
    }
}
