//! Whether the tests notice: each number, window, operator, matcher and label of each rule is changed, one at a time, and
//! promtool runs the tests. One of them has to fail.
//!
//! A mutant is killed by a test that fails, and by nothing else: not by promtool's refusing to load it, and not by the
//! clock. A survivor means that a test is missing, or that the rule says something that nobody needs.

mod edits;
mod equivalent;
mod mutant;
mod table;
mod trial;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use self::mutant::Mutant;
use self::table::Table;
use self::trial::{Scratch, Verdict};
use super::Kit;
use super::parallel::{WORKERS, in_parallel};
use crate::report::{ok, seconds};

/// The mutants whose name contains one of `only`, or all; and how many there are.
fn chosen(kit: &Kit, only: &[String]) -> Result<Vec<Mutant>> {
    let mut mutants = mutant::all(&kit.rules)?;
    let count = mutants.len();
    equivalent::check(&mutants)?;
    mutants.retain(|mutant| only.is_empty() || only.iter().any(|part| mutant.name.contains(part)));
    ensure!(
        !mutants.is_empty(),
        "none of the {count} mutants has {only:?} in its name; `cargo xtask alerts --list` prints them"
    );
    Ok(mutants)
}

pub(crate) fn list(kit: &Kit, only: &[String]) -> Result<()> {
    for mutant in chosen(kit, only)? {
        match equivalent::reason(&mutant.name) {
            Some(reason) => println!("{} (equivalent: {reason})", mutant.name),
            None => println!("{}", mutant.name),
        }
    }
    Ok(())
}

/// That the tests notice anything at all: the first alert with another threshold.
pub(crate) fn control(kit: &Kit, promtool: &Path) -> Result<()> {
    let mutants = mutant::all(&kit.rules)?;
    let mutant = mutants
        .into_iter()
        .find(|mutant| mutant.kind == mutant::Kind::Number)
        .filter(|mutant| equivalent::reason(&mutant.name).is_none());
    let Some(mutant) = mutant else {
        bail!("no rule has a number: are these the rules?")
    };
    let file = &kit.rules[mutant.at.0];
    let tests = trial::order(kit, &file.name, &vec![Duration::ZERO; kit.tests.len()]);
    match Scratch::new(kit, promtool)?.try_out(&mutant, &tests)? {
        Verdict::Killed(test) => ok(format_args!(
            "a wrong threshold is noticed: {}, by {test}",
            mutant.name
        )),
        verdict => bail!(
            "{}: {}: a wrong threshold must fail a test; it is {verdict:?}",
            file.shown,
            mutant.name
        ),
    }
    Ok(())
}

/// `times` has what each test file took.
pub(crate) fn run(kit: &Kit, promtool: &Path, times: &[Duration], only: &[String]) -> Result<()> {
    let start = Instant::now();
    let mutants = chosen(kit, only)?;
    let (equivalent, tried): (Vec<_>, Vec<_>) = mutants
        .into_iter()
        .partition(|mutant| equivalent::reason(&mutant.name).is_some());
    let scratches = (0..WORKERS).map(|_| Scratch::new(kit, promtool));
    let scratches: Vec<Scratch> = scratches.collect::<Result<_>>()?;
    baseline(kit, &scratches)?;

    // A rule is a unit of work: its mutants are tried by one worker, and are one line of progress.
    let mut rules: Vec<&[Mutant]> = Vec::new();
    for of_rule in tried.chunk_by(|a, b| a.at == b.at) {
        rules.push(of_rule);
    }
    println!(
        "{} mutants of {} rules, two at a time …",
        tried.len(),
        rules.len()
    );
    let verdicts = in_parallel(&scratches, &rules, |scratch, index, of_rule| {
        let begun = Instant::now();
        let file = &kit.rules[of_rule[0].at.0];
        let tests = trial::order(kit, &file.name, times);
        let mut verdicts = Vec::new();
        for mutant in *of_rule {
            let verdict = scratch.try_out(mutant, &tests)?;
            if !matches!(verdict, Verdict::Killed(_)) {
                println!(
                    "{}: {} … {verdict:?}: {}",
                    file.shown, mutant.name, mutant.rule.expr
                );
            }
            verdicts.push(verdict);
        }
        let killed = verdicts
            .iter()
            .filter(|v| matches!(v, Verdict::Killed(_)))
            .count();
        println!(
            "[{}/{}] {} … {killed} of {} killed, {} ({} in all)",
            index + 1,
            rules.len(),
            of_rule[0].rule.name,
            of_rule.len(),
            seconds(begun.elapsed()),
            seconds(start.elapsed())
        );
        Ok(verdicts)
    })?;

    let mut table = Table::default();
    for (mutant, verdict) in tried.iter().zip(verdicts.into_iter().flatten()) {
        table.add(mutant, verdict);
    }
    for mutant in &equivalent {
        table.add_equivalent(mutant.kind);
    }
    println!("\n{}", table.text());
    for mutant in &equivalent {
        let reason = equivalent::reason(&mutant.name).unwrap_or_default();
        println!("equivalent: {}: {reason}", mutant.name);
    }
    for survivor in table.survivors() {
        eprintln!("error: {survivor}");
    }
    ensure!(
        table.survivors().is_empty(),
        "{} of {} mutants were not killed by a test: write the test that fails, or give the reason in \
         xtask/src/alerts/mutation/equivalent.rs; one rule alone: cargo xtask alerts --only NAME",
        table.survivors().len(),
        tried.len()
    );
    println!(
        "mutants: all {} killed in {}",
        tried.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

/// The rules in the form that the mutants have must pass, or every mutant would be killed by that.
fn baseline(kit: &Kit, scratches: &[Scratch]) -> Result<()> {
    in_parallel(scratches, &kit.tests, |scratch, _, test| {
        let outcome = scratch.test_as_it_is(&test.name)?;
        ensure!(
            outcome.passed,
            "{} fails with the rules written as a tree, though nothing was changed:\n{}",
            test.shown,
            outcome.output
        );
        Ok(())
    })?;
    ok("the rules written as trees pass the same tests");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a change of the rules meets the table of equivalent mutants in the tests, and not in the chore.
    #[test]
    fn the_table_fits_the_rules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let kit = Kit::read(&root.join("deploy"), "deploy").unwrap();
        let mutants = chosen(&kit, &[]).unwrap();
        assert!(mutants.len() > 500, "{}", mutants.len());
        let error = chosen(&kit, &["nothing".to_owned()]).err().unwrap();
        assert!(error.to_string().contains("--list"), "{error}");
    }
}
