//! Whether the load test notices: servers that are wrong on purpose are built in a copy, one at a time, and put under a load.
//! The reconciliation has to fail (exit status 5), and to name the series that is wrong.
//!
//! A wrong server is caught by that alone: not by the compiler, and not by a run that came to no end. One that is not caught
//! means that the load test does not look where it should, or that the load does not go there.

mod list;
mod load;
mod report;
mod server;
mod trial;
mod wrong;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use self::load::Load;
use self::trial::{Ended, Paths};
use self::wrong::Wrong;
use crate::loadtest;
use crate::report::seconds;
use crate::scratch::{Edit, Scratch};
use crate::workspace::Workspace;

/// What came of a wrong server.
#[derive(Debug, PartialEq)]
enum Verdict {
    DidNotCompile,
    Ran(Ended),
}

pub(crate) fn run(workspace: &Workspace, only: &[String], list: bool) -> Result<()> {
    let all = wrong::all(&workspace.root)?;
    let count = all.len();
    let chosen: Vec<(&Wrong, Vec<Edit>)> = all
        .into_iter()
        .filter(|(wrong, _)| only.is_empty() || only.iter().any(|part| wrong.name.contains(part)))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "none of the {count} wrong servers has {only:?} in its name; `cargo xtask wrong-servers --list` prints them"
    );
    if list {
        for (wrong, _) in &chosen {
            println!("{}", wrong.name);
        }
        return Ok(());
    }

    let start = Instant::now();
    let folder = workspace.target.join("wrong-servers");
    let load_test = loadtest::build(workspace)?;
    let scratch = Scratch::new(workspace, "wrong-servers", &["core", "server"])?;
    let loads = loads(&chosen);
    unchanged(&scratch, &load_test, &loads, &folder, start)?;

    let mut rows = Vec::new();
    for (index, (wrong, edits)) in chosen.iter().enumerate() {
        let begun = Instant::now();
        let paths = Paths::new(&folder, &format!("{:02}", index + 1));
        let verdict = match server::build(&scratch, edits)? {
            None => Verdict::DidNotCompile,
            Some(server) => Verdict::Ran(trial::run(&load_test, &server, wrong.load, &paths)?),
        };
        let row = Row::new(wrong, &verdict);
        println!(
            "[{}/{}] {} … {}, {} ({} in all){}",
            index + 1,
            chosen.len(),
            wrong.name,
            if row.caught { "caught" } else { "NOT CAUGHT" },
            seconds(begun.elapsed()),
            seconds(start.elapsed()),
            if row.caught {
                String::new()
            } else {
                format!("; {}: {}", row.exit, paths.log.display())
            }
        );
        rows.push(row);
    }

    println!("\n{}", table(&rows));
    let alive: Vec<&str> = rows
        .iter()
        .filter(|row| !row.caught)
        .map(|row| row.name)
        .collect();
    ensure!(
        alive.is_empty(),
        "{} of {} wrong servers were not caught: {}. Make the load test look there, or correct the list; \
         one alone: cargo xtask wrong-servers --only NAME",
        alive.len(),
        rows.len(),
        alive.join("; ")
    );
    println!(
        "wrong-servers: all {} caught in {}",
        rows.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

/// Those that are needed, each once.
fn loads(chosen: &[(&Wrong, Vec<Edit>)]) -> Vec<Load> {
    let mut loads: Vec<Load> = Vec::new();
    for (wrong, _) in chosen {
        if !loads.contains(&wrong.load) {
            loads.push(wrong.load);
        }
    }
    loads
}

/// Without a server that passes, one that fails says nothing.
fn unchanged(
    scratch: &Scratch,
    load_test: &Path,
    loads: &[Load],
    folder: &Path,
    start: Instant,
) -> Result<()> {
    println!(
        "the server as it is, in {}",
        scratch.folder("server").display()
    );
    let Some(server) = server::build(scratch, &[])? else {
        bail!("the server has to compile before anything is changed");
    };
    for (index, &load) in loads.iter().enumerate() {
        let paths = Paths::new(folder, &format!("unchanged-{}", index + 1));
        let ended = trial::run(load_test, &server, load, &paths)?;
        ensure!(
            ended.is_reconciled(),
            "the server as it is has to agree with its clients before anything is changed; under {} the load test ended \
             with {}{}; see {}",
            load.text(),
            ended.exit_text(),
            ended
                .findings
                .first()
                .map_or_else(String::new, |finding| format!(": {}", finding.text())),
            paths.log.display()
        );
        println!(
            "[unchanged] {} … exit {}, {} after the start",
            load.text(),
            ended.exit_text(),
            seconds(start.elapsed())
        );
    }
    Ok(())
}

/// A line of the table.
#[derive(Debug, PartialEq)]
struct Row {
    name: &'static str,
    caught: bool,
    exit: String,
    finding: String,
}

impl Row {
    fn new(wrong: &Wrong, verdict: &Verdict) -> Self {
        let (caught, exit, finding) = match verdict {
            Verdict::DidNotCompile => (false, "DID NOT COMPILE".to_owned(), String::new()),
            Verdict::Ran(ended) => match ended.named(wrong.named) {
                Some(finding) => (true, ended.exit_text(), finding.text()),
                None => {
                    let first = ended.findings.first().map(report::Finding::text);
                    let wanted = wrong.named.join(" … ");
                    let exit = format!("NOT CAUGHT: {}", ended.exit_text());
                    let first = first.unwrap_or_else(|| "nothing".to_owned());
                    (false, exit, format!("{first}, and not {wanted}"))
                }
            },
        };
        Self {
            name: wrong.name,
            caught,
            exit,
            finding,
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "| wrong server | exit | first finding that names it |\n| --- | --- | --- |\n".to_owned();
    for row in rows {
        let line = format!("| {} | {} | {} |\n", row.name, row.exit, row.finding);
        text.push_str(&line);
    }
    text
}
