//! Finds promtool, prometheus, amtool, Alertmanager, VictoriaMetrics and wrk: where an environment variable says, on PATH, in an earlier unpack, or
//! in the distribution's package, unpacked now. A tool that is not found fails the chore; nothing is skipped.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::unpack::Package;
use crate::workspace::Workspace;

pub(crate) struct Tools {
    pub(crate) promtool: PathBuf,
    pub(crate) prometheus: PathBuf,
}

/// Finds both and prints a line for each.
pub(crate) fn find(workspace: &Workspace) -> Result<Tools> {
    Ok(Tools {
        promtool: PROMTOOL.find(workspace)?.path,
        prometheus: PROMETHEUS.find(workspace)?.path,
    })
}

/// Finds it and prints a line.
pub(crate) fn find_promtool(workspace: &Workspace) -> Result<PathBuf> {
    Ok(PROMTOOL.find(workspace)?.path)
}

/// Finds it and prints a line.
pub(crate) fn find_amtool(workspace: &Workspace) -> Result<PathBuf> {
    Ok(AMTOOL.find(workspace)?.path)
}

/// Finds it and prints a line.
pub(crate) fn find_alertmanager(workspace: &Workspace) -> Result<PathBuf> {
    Ok(ALERTMANAGER.find(workspace)?.path)
}

/// Finds it and prints a line.
pub(crate) fn find_victoria_metrics(workspace: &Workspace) -> Result<Binary> {
    VICTORIA_METRICS.find(workspace)
}

/// Finds it and prints a line.
pub(crate) fn find_wrk(workspace: &Workspace) -> Result<Binary> {
    WRK.find(workspace)
}

struct Tool {
    /// Of the program: as Debian has it, and others after that.
    names: &'static [&'static str],
    /// The environment variable that names it.
    variable: &'static str,
    package: Package,
    /// What makes it say its version, and the exit status with which it then ends.
    asked: (&'static str, i32),
    version_in: fn(&str) -> Option<&str>,
}

const PROMETHEUS_PACKAGE: Package = Package {
    name: "prometheus",
    homebrew: "prometheus",
    split_off: Some(("usr/bin/promtool", "promtool")),
    has_libraries: false,
};

const ALERTMANAGER_PACKAGE: Package = Package {
    name: "prometheus-alertmanager",
    homebrew: "alertmanager",
    split_off: None,
    has_libraries: false,
};

const PROMTOOL: Tool = Tool {
    names: &["promtool"],
    variable: "XTASK_PROMTOOL",
    package: PROMETHEUS_PACKAGE,
    asked: ("--version", 0),
    version_in: |text| comma_version("promtool", text),
};

const PROMETHEUS: Tool = Tool {
    names: &["prometheus"],
    variable: "XTASK_PROMETHEUS",
    package: PROMETHEUS_PACKAGE,
    asked: ("--version", 0),
    version_in: |text| comma_version("prometheus", text),
};

const AMTOOL: Tool = Tool {
    names: &["amtool"],
    variable: "XTASK_AMTOOL",
    package: ALERTMANAGER_PACKAGE,
    asked: ("--version", 0),
    version_in: |text| comma_version("amtool", text),
};

const ALERTMANAGER: Tool = Tool {
    names: &["prometheus-alertmanager", "alertmanager"],
    variable: "XTASK_ALERTMANAGER",
    package: ALERTMANAGER_PACKAGE,
    asked: ("--version", 0),
    version_in: |text| comma_version("alertmanager", text),
};

const VICTORIA_METRICS: Tool = Tool {
    names: &["victoria-metrics", "victoria-metrics-prod"],
    variable: "XTASK_VICTORIA_METRICS",
    package: Package {
        name: "victoria-metrics",
        homebrew: "victoriametrics",
        split_off: None,
        has_libraries: true,
    },
    // Debian's has an empty line for a version.
    asked: ("-help", 0),
    version_in: |text| {
        let known = text.contains("victoria-metrics is a time series database");
        known.then_some("of some version")
    },
};

const WRK: Tool = Tool {
    names: &["wrk"],
    variable: "XTASK_WRK",
    package: Package {
        name: "wrk",
        homebrew: "wrk",
        split_off: None,
        has_libraries: true,
    },
    // It has no URL, which is a mistake to it.
    asked: ("--version", 1),
    version_in: wrk_version,
};

/// A program that was found, and runs.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
    pub(crate) version: String,
    /// `LD_LIBRARY_PATH`, for one that was unpacked.
    library_path: Option<OsString>,
}

impl Binary {
    pub(crate) fn command(&self) -> Command {
        command(&self.path, self.library_path.as_deref())
    }
}

fn command(path: &Path, library_path: Option<&OsStr>) -> Command {
    let mut command = Command::new(path);
    if let Some(library_path) = library_path {
        command.env("LD_LIBRARY_PATH", library_path);
    }
    command
}

/// Where to look, decided without looking.
#[derive(Debug, PartialEq)]
enum Search {
    /// Somebody named this one: it works, or that is the error.
    Named(PathBuf),
    /// The first that works.
    Among(Vec<PathBuf>),
}

fn search(names: &[&str], named: Option<OsString>, path: &OsStr, unpacked: &Path) -> Search {
    if let Some(named) = named {
        return Search::Named(named.into());
    }
    let folders = env::split_paths(path)
        // An empty entry of PATH means the current directory; nobody means that.
        .filter(|folder| !folder.as_os_str().is_empty())
        .chain([unpacked.to_owned()]);
    let places = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    Search::Among(places.collect())
}

impl Tool {
    fn find(&self, workspace: &Workspace) -> Result<Binary> {
        let (name, variable) = (self.names[0], self.variable);
        let unpacked = self.package.binaries(&workspace.target);
        let path = env::var_os("PATH").unwrap_or_default();
        match search(self.names, env::var_os(variable), &path, &unpacked) {
            Search::Named(named) => {
                let binary = self.binary(named.clone(), None).with_context(|| {
                    format!(
                        "{variable} is set to `{}`, which is not a {name} that runs: correct it or unset it",
                        named.display()
                    )
                })?;
                return Ok(self.found(binary, variable));
            }
            Search::Among(places) => {
                for place in places.into_iter().filter(|place| place.is_file()) {
                    let earlier = place.starts_with(&unpacked);
                    let origin = if earlier { "unpacked earlier" } else { "PATH" };
                    let library_path =
                        earlier.then(|| self.package.library_path(&workspace.target));
                    match self.binary(place.clone(), library_path.flatten()) {
                        Ok(binary) => return Ok(self.found(binary, origin)),
                        Err(error) => println!("{name}: not {}: {error:#}", place.display()),
                    }
                }
            }
        }
        let binary = self.package.unpack(&workspace.target).and_then(|()| {
            let library_path = self.package.library_path(&workspace.target);
            self.binary(unpacked.join(name), library_path)
        });
        match binary {
            Ok(binary) => Ok(self.found(binary, "unpacked now")),
            Err(error) => Err(anyhow!(
                "{name} is not on PATH and could not be unpacked ({error:#}). Install it \
                 (`apt-get install {}` or `brew install {}`), or set {variable}=/path/to/{name}",
                self.package.name,
                self.package.homebrew
            )),
        }
    }

    fn found(&self, binary: Binary, origin: &str) -> Binary {
        let (name, version, path) = (self.names[0], &binary.version, binary.path.display());
        println!("{name} {version} ({origin}: {path})");
        binary
    }

    /// Runs it, so that a binary for another machine or another program of that name is not taken.
    fn binary(&self, path: PathBuf, library_path: Option<OsString>) -> Result<Binary> {
        let (flag, status) = self.asked;
        let output = command(&path, library_path.as_deref())
            .arg(flag)
            .output()
            .with_context(|| format!("cannot run {}", path.display()))?;
        // Some releases print it to stderr.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        match (self.version_in)(&text) {
            Some(version) if output.status.code() == Some(status) => Ok(Binary {
                version: version.to_owned(),
                path,
                library_path,
            }),
            _ => bail!(
                "`{} {flag}` ended with {} and says: {}",
                path.display(),
                output.status,
                text.lines().next().unwrap_or("nothing")
            ),
        }
    }
}

fn comma_version<'a>(name: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?.strip_prefix(", version ")?;
    rest.split_whitespace().next()
}

/// Debian puts its own name before the number.
fn wrk_version(text: &str) -> Option<&str> {
    let version = text.strip_prefix("wrk ")?.split_whitespace().next()?;
    Some(version.strip_prefix("debian/").unwrap_or(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_tool_is_the_only_candidate() {
        assert_eq!(
            search(
                &["t"],
                Some("/my/t".into()),
                OsStr::new("/a"),
                Path::new("/u")
            ),
            Search::Named("/my/t".into())
        );
        // Set but empty is a mistake to show, not a wish to search.
        assert_eq!(
            search(&["t"], Some("".into()), OsStr::new("/a"), Path::new("/u")),
            Search::Named("".into())
        );
    }

    #[test]
    fn path_comes_before_an_earlier_unpack() {
        assert_eq!(
            search(&["t"], None, OsStr::new("/a::/b"), Path::new("/u")),
            Search::Among(vec!["/a/t".into(), "/b/t".into(), "/u/t".into()])
        );
        assert_eq!(
            search(&["t", "s"], None, OsStr::new("/a"), Path::new("/u")),
            Search::Among(vec![
                "/a/t".into(),
                "/a/s".into(),
                "/u/t".into(),
                "/u/s".into()
            ])
        );
    }

    #[test]
    fn reads_the_version() {
        let text = "promtool, version 2.42.0+ds (branch: x, revision: y)\n  build user: z\n";
        assert_eq!((PROMTOOL.version_in)(text), Some("2.42.0+ds"));
        assert_eq!((PROMETHEUS.version_in)(text), None);
        let text = "amtool, version 0.33.1 (branch: x, revision: y)\n";
        assert_eq!((AMTOOL.version_in)(text), Some("0.33.1"));
        assert_eq!((PROMTOOL.version_in)(""), None);
    }

    #[test]
    fn reads_the_version_of_wrk() {
        let debian = "wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer\nUsage: wrk\n";
        assert_eq!(wrk_version(debian), Some("4.1.0-3+b2"));
        assert_eq!(wrk_version("wrk 4.2.0 [kqueue] Copyright\n"), Some("4.2.0"));
        assert_eq!(wrk_version("other 1"), None);
    }
}
