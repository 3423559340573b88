//! Whether recording is what it is said to be: the machine code of `Counter::inc`, `UpDownCounter::inc` and
//! `dec`, and `Histogram::observe` in a linked program has no locked instruction, no fence and no call,
//! but for the cold functions. The same program has controls that have them, and these have to be found.

mod image;
mod path;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use self::image::Image;
use self::path::{Kind, Path};
use crate::workspace::Workspace;
use crate::{cargo, report};

const PROGRAM: &str = "hot_paths";
const PROBES: &str = "hot_paths::probe_";
const CONTROLS: &str = "hot_paths::control_";

/// Every control, and one of the kinds that have to be found in it.
const EXPECTED: [(&str, &[Kind]); 6] = [
    ("lock", &[Kind::Lock]),
    ("exchange", &[Kind::Exchange]),
    // Some compilers write a fence as a locked instruction on the stack.
    ("fence", &[Kind::Fence, Kind::Lock]),
    ("call", &[Kind::Call]),
    ("tail_call", &[Kind::Call]),
    ("indirect_call", &[Kind::Call]),
];

/// The probes that have to be there.
const RECORDING: [&str; 4] = [
    "counter_inc",
    "histogram_observe",
    "up_down_counter_dec",
    "up_down_counter_inc",
];

pub(crate) fn run(workspace: &Workspace, listing: bool) -> Result<()> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the rules of `cargo xtask asm` are those of x86-64, and this machine is {}; run it on one",
        std::env::consts::ARCH
    );
    let mut command = cargo::in_workspace(
        workspace,
        &[
            "build",
            "--release",
            "-p",
            "tallied-probes",
            "--bin",
            PROGRAM,
        ],
    );
    let (status, executable) = cargo::build_binary(&mut command, PROGRAM)?;
    ensure!(status.success(), "the probes do not build ({status})");
    let executable = executable.context("cargo built no binary of the probes")?;
    let bytes =
        fs::read(&executable).with_context(|| format!("cannot read {}", executable.display()))?;
    let image = Image::parse(&bytes).with_context(|| format!("in {}", executable.display()))?;
    check_controls(&image)?;
    check_probes(&image, listing)
}

/// A check that finds nothing says something only after it has found something.
fn check_controls(image: &Image<'_>) -> Result<()> {
    for (name, kinds) in EXPECTED {
        let path = walk(image, CONTROLS, name)?;
        ensure!(
            path.findings
                .iter()
                .any(|finding| kinds.contains(&finding.kind)),
            "the control `{name}` has no {kinds:?} in it: the check would not find it in a probe either\n{}",
            path.listing(image, true)
        );
    }
    report::ok(format!(
        "{} controls: what the probes must not have is found in them",
        EXPECTED.len()
    ));
    Ok(())
}

fn check_probes(image: &Image<'_>, listing: bool) -> Result<()> {
    let mut failed = Vec::new();
    for name in RECORDING {
        let path = walk(image, PROBES, name)?;
        if !path.findings.is_empty() {
            eprintln!(
                "{name}, all of it (· is off the hot path):\n{}",
                path.listing(image, true)
            );
            failed.extend(
                path.findings
                    .iter()
                    .map(|finding| format!("{name} {}", finding.what)),
            );
            continue;
        }
        let counted = match (path.branches(), path.loops()) {
            (false, _) => "",
            (true, false) => " on all its branches",
            (true, true) => " on all its branches, loops counted once",
        };
        let cold: Vec<&str> = path.leaves_for.iter().map(String::as_str).collect();
        report::ok(format!(
            "{name}: {} instructions{counted}; no lock, no fence, no call; off the hot path: {}",
            path.hot.len(),
            cold.join(", ")
        ));
        ensure!(
            !path.hot.is_empty(),
            "{name} has no way to its end that calls nothing\n{}",
            path.listing(image, true)
        );
        if listing {
            println!("{}", path.listing(image, false));
        }
    }
    if !failed.is_empty() {
        failed.dedup();
        bail!(
            "a recording path has what it must not have: {}",
            failed.join("; ")
        );
    }
    Ok(())
}

fn walk(image: &Image<'_>, prefix: &str, name: &str) -> Result<Path> {
    let name = format!("{prefix}{name}");
    let at = image.named(&name).with_context(|| {
        format!("the program has no function `{name}`: was it inlined, or renamed?")
    })?;
    Ok(Path::walk(image, at, |name| name.starts_with(prefix)))
}
