//! Runs the fuzz targets in turn, for so many seconds each. What was found stays below the target
//! directory, so that the next run goes on from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::child::ChildGuard;
use crate::nightly::{self, Nightly};
use crate::report::seconds;
use crate::workspace::Workspace;
use crate::{cargo, report};

/// After the time is over libFuzzer writes its figures; an input that hangs it reports itself.
const GRACE: Duration = Duration::from_secs(120);

pub(crate) fn run(workspace: &Workspace, per_target: u64, only: &[String]) -> Result<()> {
    let nightly = Nightly::find()?;
    ensure!(
        nightly.has(workspace, "fuzz"),
        "this chore needs cargo-fuzz; install it: cargo install cargo-fuzz"
    );
    let listed = nightly::output(&mut nightly.in_workspace(workspace, &["fuzz", "list"]))?;
    let targets = chosen(&listed, only)?;

    let folder = workspace.target.join("fuzz");
    let built = folder.join("build");
    let mut found = Vec::new();
    for target in targets {
        let mut build = nightly.in_workspace(workspace, &["fuzz", "build", "--target-dir"]);
        build.arg(&built).arg(target);
        cargo::run_command(&mut build)
            .with_context(|| format!("the target `{target}` does not build"))?;
        // Run without cargo-fuzz in between, so that a Ctrl-C reaches it.
        let run = Run {
            target,
            binary: nightly.release(&built).join(target),
            corpus: folder.join("corpus").join(target),
            crashes: folder.join("crashes").join(target),
        };
        if let Some(crash) = run.for_seconds(per_target)? {
            found.push(crash);
        }
    }
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    Ok(())
}

/// The targets to run, of those that `cargo fuzz list` names.
fn chosen<'a>(listed: &'a str, only: &[String]) -> Result<Vec<&'a str>> {
    let all: Vec<&str> = listed.split_whitespace().collect();
    for name in only {
        ensure!(
            all.contains(&name.as_str()),
            "there is no fuzz target `{name}`; there are {}",
            all.join(", ")
        );
    }
    Ok(all
        .into_iter()
        .filter(|target| only.is_empty() || only.iter().any(|name| name == target))
        .collect())
}

struct Run<'a> {
    target: &'a str,
    binary: PathBuf,
    corpus: PathBuf,
    crashes: PathBuf,
}

impl Run<'_> {
    /// What to do about a crash, if there was one.
    fn for_seconds(&self, limit: u64) -> Result<Option<String>> {
        for folder in [&self.corpus, &self.crashes] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut command = Command::new(&self.binary);
        command
            .arg(format!("-max_total_time={limit}"))
            // With a slash at the end it is a folder.
            .arg(format!("-artifact_prefix={}/", self.crashes.display()))
            .arg("-print_final_stats=1")
            .arg(&self.corpus)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        println!("{}: {limit} s …", self.target);
        let start = Instant::now();
        let mut seen = Seen::default();
        let deadline = start + Duration::from_secs(limit) + GRACE;
        let status = ChildGuard::spawn(self.target, &mut command)?.wait_reading_errors_until(
            deadline,
            |line, _| {
                seen.read(line);
                if is_news(line) {
                    println!("{line}");
                }
            },
        )?;
        let executions = seen.executions.unwrap_or(0);
        let time = seconds(start.elapsed());
        let summary = format!("{}: {executions} executions in {time}", self.target);
        match status {
            Some(status) if status.success() => {
                ensure!(executions > 0, "{summary}: nothing was tried");
                let inputs = entries(&self.corpus)?;
                report::ok(format!("{summary}, {inputs} inputs in the corpus"));
                Ok(None)
            }
            status => {
                let ended = status.map_or("it did not end".to_owned(), |s| s.to_string());
                Ok(Some(format!(
                    "{summary}, {ended}; {}",
                    self.replay(seen.saved.as_deref())
                )))
            }
        }
    }

    fn replay(&self, saved: Option<&str>) -> String {
        match saved {
            Some(input) => format!(
                "the input is in {input}; replay it: cargo +nightly fuzz run {} {input}; then make a \
                 test of it (fuzz/README.md says where)",
                self.target
            ),
            None => "no input was saved; see above".to_owned(),
        }
    }
}

fn entries(folder: &Path) -> Result<usize> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(entries.count())
}

/// What libFuzzer has said that we need.
#[derive(Default)]
struct Seen {
    executions: Option<u64>,
    saved: Option<String>,
}

impl Seen {
    fn read(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = number.trim().parse().ok();
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.saved = Some(path.trim().to_owned());
        }
    }
}

/// Not the lines that each new input makes, of which there are thousands, and not the dictionary at the end.
fn is_news(line: &str) -> bool {
    let new_input = ["\tNEW ", "\tREDUCE", "\tRELOAD"];
    let line = line.trim_start_matches('\t');
    let numbered = line.starts_with('#');
    !(numbered && new_input.iter().any(|word| line.contains(word))
        || line.starts_with("NEW_FUNC")
        || line.contains("# Uses: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_name() {
        let listed = "buckets\nexposition\n";
        assert_eq!(chosen(listed, &[]).unwrap(), ["buckets", "exposition"]);
        let only = ["exposition".to_owned()];
        assert_eq!(chosen(listed, &only).unwrap(), ["exposition"]);
        let error = chosen(listed, &["bucket".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no fuzz target `bucket`; there are buckets, exposition"
        );
    }

    #[test]
    fn reads_what_libfuzzer_says() {
        let mut seen = Seen::default();
        for line in [
            "#2\tINITED cov: 5",
            "stat::number_of_executed_units: 1234",
            "artifact_prefix='/t/'; Test unit written to /t/crash-1",
        ] {
            seen.read(line);
        }
        assert_eq!(seen.executions, Some(1234));
        assert_eq!(seen.saved.as_deref(), Some("/t/crash-1"));
    }

    #[test]
    fn new_inputs_are_no_news() {
        assert!(!is_news("#123\tNEW    cov: 5 ft: 6"));
        assert!(!is_news("#124\tREDUCE cov: 5 ft: 6"));
        assert!(!is_news("\tNEW_FUNC[1/2]: 0x1 in f"));
        assert!(!is_news("\"\\001\" # Uses: 224"));
        assert!(is_news("#4096\tpulse  cov: 5 ft: 6"));
        assert!(is_news("==1== ERROR: NEW "));
    }
}
