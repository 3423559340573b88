//! What a change must pass: the list of steps behind `cargo xtask test`, cheap ones first.

use anyhow::Result;

#[cfg(target_arch = "x86_64")]
use crate::asm;
use crate::cargo;
use crate::steps::{self, Step};
use crate::workspace::{Programs, Workspace};
use crate::{alerts, attack, dashboards, loadtest, loom, msrv, prometheus, tools};

const COUNT: usize = 14 + cfg!(target_arch = "x86_64") as usize;

const STEPS: [Step<Workspace>; COUNT] = [
    // First, so that what the machine lacks fails with its remedy before the minutes of building.
    Step {
        name: "tools",
        run: |workspace| {
            loom::check_environment()?;
            tools::find(workspace)?;
            tools::find_amtool(workspace).map(drop)
        },
    },
    Step {
        name: "format",
        run: |workspace| {
            cargo::run(workspace, &["fmt", "--all", "--check"])?;
            cargo::run(
                workspace,
                &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
            )
        },
    },
    Step {
        name: "clippy",
        run: |workspace| {
            cargo::run(
                workspace,
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--all-features",
                    "--",
                    "-D",
                    "warnings",
                ],
            )
        },
    },
    Step {
        name: "docs",
        run: |workspace| {
            let mut command = cargo::in_workspace(
                workspace,
                &[
                    "doc",
                    "--no-deps",
                    "--all-features",
                    "-p",
                    "tallied",
                    "-p",
                    "tallied-http",
                    "-p",
                    "tallied-live",
                    "-p",
                    "tallied-salvo",
                    "-p",
                    "tallied-tower",
                    "-p",
                    "tallied-collectors",
                ],
            );
            cargo::append_flags(&mut command, "RUSTDOCFLAGS", &["-D", "warnings"]);
            cargo::run_command(&mut command)
        },
    },
    Step {
        name: "tests",
        run: |workspace| {
            // The examples, which a test runs: `cargo test --tests` leaves them out.
            cargo::run(
                workspace,
                &[&["build", "--examples"], &cargo::TESTED[..]].concat(),
            )?;
            cargo::run(
                workspace,
                &[&["test", "--tests"], &cargo::TESTED[..]].concat(),
            )
        },
    },
    Step {
        name: "doctests",
        run: |workspace| {
            cargo::run(
                workspace,
                &[&["test", "--doc"], &cargo::TESTED[..]].concat(),
            )
        },
    },
    Step {
        name: "msrv",
        run: msrv::run,
    },
    // The rules are those of one architecture; elsewhere there is no such step.
    #[cfg(target_arch = "x86_64")]
    Step {
        name: "asm",
        run: |workspace| asm::run(workspace, false),
    },
    Step {
        name: "loom",
        run: loom::run,
    },
    // Without its default features the fuzz crate needs no C++ compiler and no nightly.
    Step {
        name: "fuzz-targets",
        run: |workspace| {
            cargo::run(
                workspace,
                &[
                    "check",
                    "--manifest-path",
                    "fuzz/Cargo.toml",
                    "--no-default-features",
                ],
            )
        },
    },
    Step {
        name: "prometheus",
        run: |workspace| prometheus::run(workspace, None, false),
    },
    // Without the mutants, which take minutes.
    Step {
        name: "alerts",
        run: alerts::quick,
    },
    Step {
        name: "loadtest",
        run: loadtest::smoke,
    },
    // After the load test, which it starts: some 10 seconds, most of them for Prometheus to have seen something.
    Step {
        name: "dashboards",
        run: dashboards::gate,
    },
    // Small, with the load test that the steps before have built: some 15 seconds.
    Step {
        name: "attack",
        run: |workspace| attack::run(workspace, 20_000, None, None),
    },
];

/// What is worth waiting for at each change.
const QUICK: [&str; 3] = ["format", "clippy", "tests"];

pub(crate) fn step_names() -> [&'static str; STEPS.len()] {
    STEPS.map(|step| step.name)
}

/// `only` names the steps to run, all if there are none.
pub(crate) fn run(
    mut workspace: Workspace,
    quick: bool,
    mut only: Vec<String>,
    from: Option<&str>,
) -> Result<()> {
    workspace.programs = Programs::OfTheTests;
    if quick {
        only = QUICK.map(str::to_owned).to_vec();
    }
    let selected = steps::selected(&step_names(), &only, from);
    steps::run(&STEPS, &selected, &workspace, |name| {
        format!("cargo xtask test --only {name}")
    })
}
