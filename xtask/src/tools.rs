//! Finds promtool, prometheus, amtool, Alertmanager and wrk: where an environment variable says, on PATH, in an earlier
//! unpack, or in the distribution's package, unpacked now. A tool that is not found fails the chore; nothing is skipped.
//!
//! A package is unpacked below the target directory, without installing it and without root. apt-get works on lists and a
//! cache of its own there, so the machine's package state stays as it is, and lists that are empty (an image that deleted
//! them) or old do not matter. The sources, keys and proxies are the machine's own, and apt checks the signatures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, anyhow, ensure};

use crate::workspace::Workspace;

pub(crate) struct Tools {
    pub(crate) promtool: PathBuf,
    pub(crate) prometheus: PathBuf,
}

/// Finds both and prints a line for each.
pub(crate) fn find(workspace: &Workspace) -> Result<Tools> {
    Ok(Tools {
        promtool: find_promtool(workspace)?,
        prometheus: PROMETHEUS.find(workspace)?.path,
    })
}

pub(crate) fn find_promtool(workspace: &Workspace) -> Result<PathBuf> {
    Ok(PROMTOOL.find(workspace)?.path)
}

pub(crate) fn find_amtool(workspace: &Workspace) -> Result<PathBuf> {
    Ok(AMTOOL.find(workspace)?.path)
}

pub(crate) fn find_alertmanager(workspace: &Workspace) -> Result<PathBuf> {
    Ok(ALERTMANAGER.find(workspace)?.path)
}

pub(crate) fn find_wrk(workspace: &Workspace) -> Result<Binary> {
    WRK.find(workspace)
}

struct Tool {
    /// What it calls itself.
    name: &'static str,
    /// Of the program in Debian, where that is another.
    debian: Option<&'static str>,
    /// The environment variable that names it.
    variable: &'static str,
    /// As apt knows them: the first that has it. Newer releases have promtool in a package of its own, not in prometheus's.
    packages: &'static [&'static str],
}

const PROMTOOL: Tool = Tool {
    name: "promtool",
    debian: None,
    variable: "XTASK_PROMTOOL",
    packages: &["prometheus", "promtool"],
};

const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    debian: None,
    variable: "XTASK_PROMETHEUS",
    packages: &["prometheus"],
};

const AMTOOL: Tool = Tool {
    name: "amtool",
    debian: None,
    variable: "XTASK_AMTOOL",
    packages: &["prometheus-alertmanager"],
};

const ALERTMANAGER: Tool = Tool {
    name: "alertmanager",
    debian: Some("prometheus-alertmanager"),
    variable: "XTASK_ALERTMANAGER",
    packages: &["prometheus-alertmanager"],
};

const WRK: Tool = Tool {
    name: "wrk",
    debian: None,
    variable: "XTASK_WRK",
    packages: &["wrk"],
};

/// A program that was found, and runs.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
    pub(crate) version: String,
    /// `LD_LIBRARY_PATH`, for one that was unpacked with libraries.
    library_path: Option<OsString>,
}

impl Binary {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(library_path) = &self.library_path {
            command.env("LD_LIBRARY_PATH", library_path);
        }
        command
    }
}

impl Tool {
    /// Finds it and prints a line.
    fn find(&self, workspace: &Workspace) -> Result<Binary> {
        let (name, variable) = (self.name, self.variable);
        if let Some(named) = env::var_os(variable) {
            return self.binary(Path::new(&named), variable, None).with_context(|| {
                format!(
                    "{variable} is set to `{}`, which is not a {name} that runs: correct it or unset it",
                    named.display()
                )
            });
        }
        let path = env::var_os("PATH").unwrap_or_default();
        // An empty entry of PATH means the current directory; nobody means that.
        let folders = env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty());
        for folder in folders {
            if let Some(binary) = self.among(&folder, "PATH", None) {
                return Ok(binary);
            }
        }
        let tools = workspace.target.join("tools");
        let unpacked = |package: &str, origin: &str| {
            let root = tools.join(package);
            self.among(&root.join("usr/bin"), origin, libraries(&root).as_ref())
        };
        if let Some(binary) = self
            .packages
            .iter()
            .find_map(|p| unpacked(p, "unpacked earlier"))
        {
            return Ok(binary);
        }
        let mut outcome = Ok(());
        for package in self.packages {
            outcome = unpack(&tools, package);
            if let Some(binary) = unpacked(package, "unpacked now") {
                return Ok(binary);
            }
        }
        let error = outcome
            .err()
            .unwrap_or_else(|| anyhow!("the package has none"));
        Err(anyhow!(
            "{name} is not on PATH and could not be unpacked ({error:#}). Install it (`apt-get install {}`; \
             Homebrew has it as well), or set {variable}=/path/to/{name}",
            self.packages[0]
        ))
    }

    /// The one in a folder, if it works.
    fn among(
        &self,
        folder: &Path,
        origin: &str,
        library_path: Option<&OsString>,
    ) -> Option<Binary> {
        for name in self.debian.into_iter().chain([self.name]) {
            let path = folder.join(name);
            if path.is_file() {
                match self.binary(&path, origin, library_path.cloned()) {
                    Ok(binary) => return Some(binary),
                    Err(error) => println!("{name}: not {}: {error:#}", path.display()),
                }
            }
        }
        None
    }

    /// Runs it, so that a binary for another machine or another program of that name is not taken.
    fn binary(&self, path: &Path, origin: &str, library_path: Option<OsString>) -> Result<Binary> {
        let mut binary = Binary {
            path: path.to_owned(),
            version: String::new(),
            library_path,
        };
        // To wrk that is a mistake, and it says its version.
        let (_, text) = output(binary.command().arg("--version"))?;
        let first = text.lines().next().unwrap_or("nothing");
        let version = version(self.name, first);
        let version =
            version.with_context(|| format!("`{} --version` says: {first}", path.display()))?;
        println!("{} {version} ({origin}: {})", self.name, path.display());
        version.clone_into(&mut binary.version);
        Ok(binary)
    }
}

/// `promtool, version 2.42.0+ds (branch: …`; Debian puts its own name before wrk's number.
fn version<'a>(name: &str, line: &'a str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    let rest = rest.strip_prefix(", version ").or(rest.strip_prefix(' '))?;
    let version = rest.split_whitespace().next()?;
    Some(version.strip_prefix("debian/").unwrap_or(version))
}

/// Debian has a folder below for each architecture.
fn libraries(root: &Path) -> Option<OsString> {
    let entries = fs::read_dir(root.join("usr/lib"))
        .ok()?
        .filter_map(Result::ok);
    let folders = entries.map(|entry| entry.path()).filter(|p| p.is_dir());
    let set = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let set = env::split_paths(&set).filter(|folder| !folder.as_os_str().is_empty());
    env::join_paths(folders.chain(set)).ok()
}

/// Unpacks a package, and what it depends on and the machine lacks.
fn unpack(tools: &Path, package: &str) -> Result<()> {
    println!("{package}: unpacking the distribution's package below the target directory …");
    fs::create_dir_all(tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let work = tempfile::Builder::new()
        .prefix(".unpack-")
        .tempdir_in(tools)
        .with_context(|| format!("cannot create a folder in {}", tools.display()))?;
    let work = work.path();
    for folder in ["lists/partial", "archives/partial", "root"] {
        fs::create_dir_all(work.join(folder)).context("cannot create apt's folders")?;
    }
    // The folders of our own, and none of the machine's hooks: some of those clean the machine's cache.
    let configuration = format!(
        r#"Dir::State::Lists "{0}/lists";
Dir::Cache "{0}";
APT::Sandbox::User "root";
Debug::NoLocking "true";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
"#,
        work.display()
    );
    fs::write(work.join("apt.conf"), configuration).context("cannot write apt's configuration")?;
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        // Read after the machine's own configuration, where APT_CONFIG would be read before it.
        command.arg(format!("--config-file={}", work.join("apt.conf").display()));
        output(command.arg("-q").args(args))
    };
    // One broken source among the machine's makes `update` fail while the one we need works:
    // the download tells, so that its outcome counts, with both outputs when it fails.
    let (_, update) = apt(&["update"])?;
    let install = [
        "install",
        "--yes",
        "--download-only",
        "--no-install-recommends",
        package,
    ];
    let (downloaded, log) = apt(&install)?;
    ensure!(
        downloaded,
        "apt-get could not download `{package}`:\n{log}\napt-get update said: {update}"
    );

    let root = work.join("root");
    for entry in fs::read_dir(work.join("archives")).context("cannot list the packages")? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            let (extracted, log) = output(Command::new("dpkg").arg("-x").arg(&file).arg(&root))?;
            ensure!(extracted, "dpkg cannot unpack {}:\n{log}", file.display());
        }
    }
    // A rename, so that nobody ever finds half of it. What is there did not run, or somebody was faster.
    let unpacked = tools.join(package);
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)
            .with_context(|| format!("cannot replace {}", unpacked.display()))?;
    }
    fs::rename(&root, &unpacked).with_context(|| format!("cannot create {}", unpacked.display()))
}

/// Success and everything it wrote.
fn output(command: &mut Command) -> Result<(bool, String)> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_the_program_alone() {
        let text = "promtool, version 2.42.0+ds (branch: x, revision: y)";
        assert_eq!(version("promtool", text), Some("2.42.0+ds"));
        assert_eq!(version("prometheus", text), None);
        let debian = "wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer";
        assert_eq!(version("wrk", debian), Some("4.1.0-3+b2"));
        assert_eq!(
            version("wrk", "wrk 4.2.0 [kqueue] Copyright"),
            Some("4.2.0")
        );
        assert_eq!(version("wrk", "nothing"), None);
    }
}
