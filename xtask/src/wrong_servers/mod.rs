//! Whether the load test notices: servers that are wrong on purpose are built in a copy, one at a time, and put under a load.
//! The reconciliation has to fail (exit status 5), and to name the series that is wrong.
//!
//! A wrong server is caught by that alone: not by the compiler, and not by a run that came to no end. One that is not caught
//! means that the load test does not look where it should, or that the load does not go there.
//!
//! Each is a patch in `xtask/wrong-servers`, of a mistake that is easily made. Its head names the load that is sure to meet
//! it (`LOADS`), and what one finding has to contain, all of it. Whoever changes what is recorded, or how, adds the mistake
//! that would be easiest to make.

mod report;
mod trial;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::trial::{Ended, Paths};
use crate::mistakes::{self, Copy, Patch, Verdict};
use crate::workspace::Workspace;
use crate::{cargo, loadtest};

const CHORE: &str = "wrong-servers";
const PACKAGE: &str = "tallied-server";

/// Options of the load test: each load short, and enough for its mistakes to be certain to show.
const LOADS: [(&str, &str); 5] = [
    // Something of everything, bodies whose sizes are bounds of buckets among it.
    (
        "smoke",
        "--scenario smoke --rate 400 --duration 4s --scrapes-per-second 1",
    ),
    // Has streams that are known to take their time.
    (
        "mixed",
        "--scenario mixed --rate 600 --duration 4s --scrapes-per-second 1",
    ),
    // Clients that leave wherever they can.
    (
        "aborts",
        "--scenario aborts --rate 300 --duration 4s --scrapes-per-second 1",
    ),
    // Some 48,000 requests, half of them to GET /data: of what goes wrong once in 10,000 times there are several.
    (
        "many",
        "--scenario soak --rate 4000 --duration 12s --scrapes-per-second 1",
    ),
    // For what only the scrapes in the middle of a load can tell.
    (
        "scraped",
        "--scenario mixed --rate 1000 --duration 6s --scrapes-per-second 10",
    ),
];

pub(crate) fn run(workspace: &Workspace, only: &[String], list: bool) -> Result<()> {
    let all = all(&workspace.root)?;
    let Some(chosen) = mistakes::choose(CHORE, all, only, list)? else {
        return Ok(());
    };
    let folder = workspace.target.join(CHORE);
    let load_test = cargo::program(workspace, loadtest::PACKAGE)?;
    let copy = Copy::new(workspace, CHORE)?;
    println!(
        "the server as it is, in {}",
        copy.folder("server").display()
    );
    let server = build(&copy, None)?.context("the server has to compile before it is changed")?;
    for (name, load) in LOADS {
        // Without a server that passes, one that fails says nothing.
        if !chosen
            .iter()
            .any(|patch| patch.head("load").any(|of| of == name))
        {
            continue;
        }
        let paths = Paths::new(&folder, &format!("unchanged-{name}"));
        let ended = trial::run(&load_test, &server, load, &paths)?;
        ensure!(
            ended.is_reconciled(),
            "the server as it is has to agree with its clients before anything is changed; under {load} the load test \
             ended with {}; see {}",
            ended.text(),
            paths.log.display()
        );
        println!("[unchanged] {name} … exit {}", ended.text());
    }
    mistakes::run(CHORE, &chosen, &folder, |patch, _| {
        let Some(server) = build(&copy, Some(patch))? else {
            return Ok(Verdict {
                noticed: false,
                text: "it does not compile".to_owned(),
            });
        };
        let (_, load) = load_of(patch)?;
        let ended = trial::run(&load_test, &server, load, &Paths::new(&folder, &patch.name))?;
        Ok(verdict(&ended, &patch.head("names").collect::<Vec<_>>()))
    })
}

fn build(copy: &Copy, patch: Option<&Patch>) -> Result<Option<PathBuf>> {
    copy.build(patch, PACKAGE, &["build"], &[])
}

/// All of them, each with a load and something to be named.
fn all(root: &Path) -> Result<Vec<Patch>> {
    let all = mistakes::read_folder(root, "xtask/wrong-servers")?;
    for patch in &all {
        load_of(patch)?;
        ensure!(
            patch.head("names").next().is_some(),
            "{}.patch says not what has to be named (`names: `)",
            patch.name
        );
    }
    Ok(all)
}

fn load_of(patch: &Patch) -> Result<(&'static str, &'static str)> {
    let name = patch.head("load").next();
    let load = LOADS.into_iter().find(|(load, _)| Some(*load) == name);
    load.with_context(|| {
        format!(
            "{}.patch names no load (`load: `) of {:?}",
            patch.name,
            LOADS.map(|(name, _)| name)
        )
    })
}

fn verdict(ended: &Ended, names: &[&str]) -> Verdict {
    match ended.named(names) {
        Some(finding) => Verdict {
            noticed: true,
            text: finding.clone(),
        },
        None => Verdict {
            noticed: false,
            text: format!("{}, and not {}", ended.text(), names.join(" … ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a change of the server meets the patches in the tests, and not in the chore that few run.
    #[test]
    fn the_patches_fit_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(!all(root).unwrap().is_empty());
    }

    #[test]
    fn a_patch_needs_a_load() {
        let patch = |text: &str| Patch::new("n", text.to_owned());
        assert_eq!(load_of(&patch("load: many\n")).unwrap().0, "many");
        for text in ["", "load: x\n"] {
            assert!(load_of(&patch(text)).is_err(), "{text}");
        }
    }
}
