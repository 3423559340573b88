//! Runs the benches and writes what they found: `benches/RESULTS.md`.
//!
//! The figures come over as files, in a directory that is emptied before each run: criterion's own, and a table of each bench
//! that is not criterion's. A missed target is printed, and fails nothing: the figures belong to the machine, and to what else
//! it did meanwhile.

pub(crate) mod machine;
pub(crate) mod markdown;
mod results;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use self::machine::Machine;
use self::results::Tables;
use crate::cargo;
use crate::report::{ok, seconds};
use crate::workspace::Workspace;

/// What is measured with one command, and reported in one section.
struct Group {
    name: &'static str,
    bench: &'static str,
    filter: Option<&'static str>,
    /// In the report, above its tables.
    about: &'static str,
}

const GROUPS: [Group; 11] = [
    Group::of_recording("counter", "^counter/"),
    Group::of_recording("histogram", "^histogram/"),
    Group::of_recording("lookup", "^lookup/"),
    Group::of_recording("handle", "^handle/"),
    Group::bench(
        "encoding",
        "One document in a fresh buffer. An endpoint is a histogram with two labels and 11 bounds and a\n\
         counter with three labels: 15 lines.",
    ),
    Group::bench(
        "interference",
        "Nanoseconds an operation on a kept handle, while the other core runs a loop or scrapes 10,000\n\
         histograms. The ratio is the median over pairs of slices. Every scrape had the written histogram\nwhole.",
    ),
    Group::bench("memory", "Resident bytes a series, two labels each."),
    Group::bench("heap", "64 bytes allocated and deallocated."),
    Group::bench("computed", "10,000 values that are computed at the scrape."),
    Group::bench(
        "collectors",
        "The figures of the process and the host, as a document of them alone.",
    ),
    Group::bench(
        "hoop",
        "Nanoseconds a request on each thread, in process, through `salvo::Service::handle` and axum's\n\
         `Router::call`: a GET on `/items/{id}` with a small whole body, and one that streams three frames.\n\
         What is added is the median of the differences to the bare service of the same framework in the\n\
         same round; the peers are salvo-otel and axum-prometheus. `next` is a hoop or layer that does nothing.",
    ),
];

impl Group {
    const fn of_recording(name: &'static str, filter: &'static str) -> Self {
        Self {
            name,
            bench: "recording",
            filter: Some(filter),
            about: "Nanoseconds an operation on each thread.",
        }
    }

    const fn bench(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            bench: name,
            filter: None,
            about,
        }
    }

    fn arguments(&self, quick: bool) -> Vec<&'static str> {
        let mut arguments = vec!["bench", "-p", "tallied-benches", "--bench", self.bench];
        if self.filter.is_some() || quick {
            arguments.push("--");
        }
        arguments.extend(self.filter);
        arguments.extend(quick.then_some("--quick"));
        arguments
    }
}

pub(crate) fn group_names() -> [&'static str; GROUPS.len()] {
    GROUPS.map(|group| group.name)
}

/// Where the report goes: a file that is kept in the repository is a whole run's, at full length.
pub(crate) fn destination<'a>(
    whole: bool,
    quick: bool,
    output: Option<&'a Path>,
    default: &'a Path,
) -> Option<&'a Path> {
    output.or((whole && !quick).then_some(default))
}

pub(crate) fn run(
    workspace: &Workspace,
    only: &[String],
    quick: bool,
    output: Option<&Path>,
) -> Result<()> {
    let selected: Vec<&Group> = GROUPS
        .iter()
        .filter(|group| only.is_empty() || only.iter().any(|name| name == group.name))
        .collect();
    // Before the benches, whose load and whose report would show in it.
    let machine = Machine::inspect(workspace, "tallied-benches")?;
    let home = fresh_home(workspace)?;
    let start = Instant::now();
    for (index, group) in selected.iter().enumerate() {
        let label = format!("[{}/{}] {}", index + 1, selected.len(), group.name);
        println!("{label} …");
        let group_start = Instant::now();
        let mut command = cargo::in_workspace(workspace, &group.arguments(quick));
        command.env("CRITERION_HOME", &home);
        cargo::run_command(&mut command)?;
        println!("{label} … done {}", seconds(group_start.elapsed()));
    }

    let report = render(&machine, &results::read(&home)?, &selected, quick);
    println!("\n{report}");
    let default = workspace.root.join("benches/RESULTS.md");
    match destination(only.is_empty(), quick, output, &default) {
        Some(path) => {
            fs::write(path, &report).with_context(|| format!("cannot write {}", path.display()))?;
            ok(format!(
                "{} groups in {}, written to {}",
                selected.len(),
                seconds(start.elapsed()),
                path.display()
            ));
        }
        None => ok(format!(
            "{} groups in {}; benches/RESULTS.md is left alone, for it is of a whole run",
            selected.len(),
            seconds(start.elapsed())
        )),
    }
    Ok(())
}

/// A head, the targets, and a section for each group.
fn render(machine: &Machine, tables: &Tables, groups: &[&Group], quick: bool) -> String {
    let mut text = "# Results of the benches\n\n\
        Written by `cargo xtask bench`; what is measured, and how to read it, is in the\n\
        documentation of `tallied-benches` (`benches/src/lib.rs`). Compare ratios of one run; the\n\
        nanoseconds belong to the machine.\n"
        .to_owned();
    if quick {
        text.push_str("\n**A quick run: the figures are rough.**\n");
    }
    text.push_str("\n## Machine\n\n");
    text.push_str(&machine.list());
    text.push_str(&targets::section(tables));
    for group in groups {
        let command = group.arguments(quick).join(" ");
        text.push_str(&format!(
            "\n## {}\n\n`cargo {command}`\n\n{}\n",
            group.name, group.about
        ));
        let mut of_group: Vec<_> = tables
            .iter()
            .filter(|(name, _)| name.split(',').next() == Some(group.name))
            .collect();
        // 10,000 endpoints after 100.
        of_group.sort_by_key(|(name, _)| name.len());
        for (name, table) in of_group {
            if name != group.name {
                text.push_str(&format!("\n{name}:\n"));
            }
            text.push_str(&format!("\n{}", table.markdown()));
        }
    }
    text
}

/// An empty directory for the figures: what an earlier run left would be taken for this one's.
fn fresh_home(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target.join("bench-results");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    Ok(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_or_a_quick_run_does_not_replace_the_report() {
        let default = Path::new("d");
        assert_eq!(destination(true, false, None, default), Some(default));
        assert_eq!(destination(false, false, None, default), None);
        assert_eq!(destination(true, true, None, default), None);
        let named = Some(Path::new("o"));
        assert_eq!(destination(false, true, named, default), named);
    }

    #[test]
    fn the_command_of_a_group_can_be_pasted() {
        let line = |group: &Group, quick| group.arguments(quick).join(" ");
        assert_eq!(
            line(&GROUPS[0], false),
            "bench -p tallied-benches --bench recording -- ^counter/"
        );
        assert_eq!(
            line(&GROUPS[6], false),
            "bench -p tallied-benches --bench memory"
        );
        assert_eq!(
            line(&GROUPS[6], true),
            "bench -p tallied-benches --bench memory -- --quick"
        );
    }
}
