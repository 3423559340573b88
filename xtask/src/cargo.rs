//! Runs cargo as a person would, and says which command line it was.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};

use crate::child::ChildGuard;
use crate::workspace::{self, Programs, Workspace};

pub(crate) fn in_workspace(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace::cargo();
    command.current_dir(&workspace.root).args(args);
    command
}

/// Runs to the end with its output in ours.
pub(crate) fn run(workspace: &Workspace, args: &[&str]) -> Result<()> {
    run_command(&mut in_workspace(workspace, args))
}

pub(crate) fn run_command(command: &mut Command) -> Result<()> {
    let line = announce(command);
    let status = ChildGuard::spawn("cargo", command)?.wait()?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// Runs to the end; its stdout goes to ours line by line, and each line to `on_line` too.
pub(crate) fn run_reading(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
    let line = announce(command);
    let mut child = ChildGuard::spawn("cargo", command.stdout(Stdio::piped()))?;
    let status = child.wait_reading(|text| {
        println!("{text}");
        on_line(text);
    })?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// The server that was named, or else the one that is built now.
pub(crate) fn server(workspace: &Workspace, named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("there is no server at {}", path.display())),
        None => build_server(workspace),
    }
}

/// Builds the server, and says where the binary is.
pub(crate) fn build_server(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "tallied-server").context("or name a binary with --server PATH")
}

/// The packages that have tests, with the features that they are tested with. The others stand beside peers of ours, which
/// take long to build; `clippy` compiles them.
pub(crate) const TESTED: [&str; 4] = [
    "--workspace",
    "--exclude=tallied-benches",
    "--exclude=tallied-services",
    "--all-features",
];

/// Builds the program of a package that has its name, and says where the binary is.
pub(crate) fn program(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    built(workspace, package, &["-p", package])
}

/// Builds an example of `tallied-tower`, and says where it is.
pub(crate) fn example(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let which = ["-p", "tallied-tower", "--all-features", "--example", name];
    built(workspace, name, &which)
}

/// `which` is left out where all that is tested is built.
fn built(workspace: &Workspace, name: &str, which: &[&str]) -> Result<PathBuf> {
    let args = match workspace.programs {
        Programs::Shipped => [&["build", "--release"], which].concat(),
        Programs::OfTheTests => [&["test", "--no-run"], &TESTED[..]].concat(),
    };
    let (status, executable) = build_binary(&mut in_workspace(workspace, &args), name)?;
    ensure!(status.success(), "{name} does not build ({status})");
    executable.with_context(|| format!("cargo built no `{name}` binary"))
}

/// Runs a `cargo build`, and says how it ended and where the binary of this name is.
pub(crate) fn build_binary(
    command: &mut Command,
    name: &str,
) -> Result<(ExitStatus, Option<PathBuf>)> {
    announce(command);
    // Cargo is asked where it put the binary: `target/release` is wrong under `--target` or `build.target`.
    command
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped());
    let mut executable = None;
    let status = ChildGuard::spawn("cargo", command)?.wait_reading(|message| {
        if let Some(built) = built_in(message, name) {
            executable = Some(built.executable);
        }
    })?;
    Ok((status, executable))
}

/// An executable that cargo has built.
#[derive(Debug, PartialEq)]
pub(crate) struct Built {
    pub(crate) executable: PathBuf,
    /// It was there already.
    pub(crate) fresh: bool,
}

/// The executable of this name, if it is what one of cargo's messages is about.
pub(crate) fn built_in(message: &str, name: &str) -> Option<Built> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_it = message["reason"] == "compiler-artifact"
        && message["target"]["name"] == name
        && message["profile"]["test"] != true;
    let executable = message["executable"].as_str().filter(|_| is_it)?;
    Some(Built {
        executable: executable.into(),
        fresh: message["fresh"] == true,
    })
}

/// Adds flags to those that the environment has, where cargo would read them: it looks at
/// `CARGO_ENCODED_<NAME>` first and then does not look at `<NAME>`.
pub(crate) fn append_flags(command: &mut Command, name: &str, flags: &[&str]) {
    let encoded_name = format!("CARGO_ENCODED_{name}");
    if let Some(existing) = env::var_os(&encoded_name) {
        command.env(&encoded_name, joined(Some(existing), "\u{1f}", flags));
    } else {
        command.env(name, joined(env::var_os(name), " ", flags));
    }
}

fn joined(existing: Option<OsString>, separator: &str, flags: &[&str]) -> OsString {
    let mut all = existing.unwrap_or_default();
    for flag in flags {
        if !all.is_empty() {
            all.push(separator);
        }
        all.push(flag);
    }
    all
}

/// Prints the command line in a form that a shell takes, and returns it.
pub(crate) fn announce(command: &Command) -> String {
    let line = shell_line(command);
    println!("$ {line}");
    line
}

fn shell_line(command: &Command) -> String {
    let environment = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(value?))));
    let args = command.get_args().map(quoted);
    environment
        .chain(["cargo".to_owned()])
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=/.,:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_after_those_of_the_environment() {
        let flags = ["--cfg", "loom"];
        assert_eq!(joined(None, " ", &flags), "--cfg loom");
        assert_eq!(joined(Some("".into()), " ", &flags), "--cfg loom");
        assert_eq!(
            joined(Some("-C debuginfo=2".into()), " ", &flags),
            "-C debuginfo=2 --cfg loom"
        );
        assert_eq!(
            joined(Some("-C\u{1f}opt-level=1".into()), "\u{1f}", &flags),
            "-C\u{1f}opt-level=1\u{1f}--cfg\u{1f}loom"
        );
    }

    #[test]
    fn the_printed_command_can_be_pasted() {
        let mut command = Command::new("/some/toolchain/cargo");
        command
            .env("RUSTFLAGS", "--cfg loom")
            .args(["test", "it's"]);
        assert_eq!(
            shell_line(&command),
            r"RUSTFLAGS='--cfg loom' cargo test 'it'\''s'"
        );
    }

    #[test]
    fn only_the_executable_of_that_name_counts() {
        let message = |name: &str, kind: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},"executable":{executable},"fresh":true}}"#
            )
        };
        let found = |message: &str| built_in(message, "tallied-server");
        assert_eq!(
            found(&message("tallied-server", "bin", r#""/t/tallied-server""#)),
            Some(Built {
                executable: "/t/tallied-server".into(),
                fresh: true
            })
        );
        assert_eq!(found(&message("tallied-server", "lib", "null")), None);
        assert_eq!(found(&message("other", "bin", r#""/t/other""#)), None);
        assert_eq!(found("not JSON"), None);
    }
}
