//! Runs named steps in order, says when each starts and ends, and stops at the first that fails.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::report::seconds;

pub(crate) struct Step<C> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&C) -> Result<()>,
}

/// Which of the steps to run.
pub(crate) fn selected(names: &[&'static str], only: &[String], from: Option<&str>) -> Vec<bool> {
    let start = from
        .and_then(|from| names.iter().position(|&name| name == from))
        .unwrap_or(0);
    names
        .iter()
        .enumerate()
        .map(|(index, name)| index >= start && (only.is_empty() || only.iter().any(|o| o == name)))
        .collect()
}

/// `rerun` makes the command that runs one step alone. The numbers are the step's place among all steps,
/// so that a log of a part reads like a log of the whole.
pub(crate) fn run<C>(
    steps: &[Step<C>],
    selected: &[bool],
    context: &C,
    rerun: impl Fn(&str) -> String,
) -> Result<()> {
    let total = Instant::now();
    let mut count = 0;
    for (index, step) in steps.iter().enumerate().filter(|(i, _)| selected[*i]) {
        let label = format!("[{}/{}] {}", index + 1, steps.len(), step.name);
        let start = Instant::now();
        println!("{label} …");
        let outcome = (step.run)(context);
        let time = seconds(start.elapsed());
        if let Err(error) = outcome {
            // The cause first, so that the last line of the log is what to do.
            eprintln!("error: {error:#}");
            let rerun = rerun(step.name);
            return Err(anyhow!(
                "{label} … failed after {time}; this step alone: {rerun}"
            ));
        }
        println!("{label} … ok {time}");
        count += 1;
    }
    println!(
        "passed: {count} of {} steps in {}",
        steps.len(),
        seconds(total.elapsed())
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    #[test]
    fn selects_all_some_or_a_tail() {
        assert_eq!(selected(&NAMES, &[], None), [true, true, true]);
        let only = ["a".to_owned(), "c".to_owned()];
        assert_eq!(selected(&NAMES, &only, None), [true, false, true]);
        assert_eq!(selected(&NAMES, &[], Some("b")), [false, true, true]);
    }

    #[test]
    fn stops_at_the_first_failure_and_says_how_to_rerun_it() {
        type Log = RefCell<Vec<&'static str>>;
        let steps: [Step<Log>; 3] = [
            Step {
                name: "a",
                run: |log| {
                    log.borrow_mut().push("a");
                    Ok(())
                },
            },
            Step {
                name: "b",
                run: |_| Err(anyhow!("no")),
            },
            Step {
                name: "c",
                run: |log| {
                    log.borrow_mut().push("c");
                    Ok(())
                },
            },
        ];
        let log = Log::default();
        let error = run(&steps, &[true; 3], &log, |name| format!("x {name}")).unwrap_err();
        assert_eq!(*log.borrow(), ["a"]);
        let error = error.to_string();
        assert!(error.starts_with("[2/3] b … failed after "), "{error}");
        assert!(error.ends_with("this step alone: x b"), "{error}");
    }
}
