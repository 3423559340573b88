//! Finds promtool and prometheus: where an environment variable says, on PATH, in an earlier unpack, or
//! in the distribution's package, unpacked now. A tool that is not found fails the chore; nothing is skipped.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::unpack;
use crate::workspace::Workspace;

pub(crate) struct Tools {
    pub(crate) promtool: PathBuf,
    pub(crate) prometheus: PathBuf,
}

/// Finds both and prints a line for each.
pub(crate) fn find(workspace: &Workspace) -> Result<Tools> {
    Ok(Tools {
        promtool: find_one("promtool", "XTASK_PROMTOOL", workspace)?,
        prometheus: find_one("prometheus", "XTASK_PROMETHEUS", workspace)?,
    })
}

/// Where to look, decided without looking.
#[derive(Debug, PartialEq)]
enum Search {
    /// Somebody named this one: it works, or that is the error.
    Named(PathBuf),
    /// The first that works.
    Among(Vec<PathBuf>),
}

fn search(name: &str, named: Option<OsString>, path: &OsStr, unpacked: &Path) -> Search {
    if let Some(named) = named {
        return Search::Named(named.into());
    }
    let on_path = env::split_paths(path)
        // An empty entry of PATH means the current directory; nobody means that.
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| folder.join(name));
    Search::Among(on_path.chain([unpacked.join(name)]).collect())
}

fn find_one(name: &str, variable: &str, workspace: &Workspace) -> Result<PathBuf> {
    let unpacked = unpack::binaries(&workspace.target);
    let path = env::var_os("PATH").unwrap_or_default();
    match search(name, env::var_os(variable), &path, &unpacked) {
        Search::Named(named) => {
            let version = version(name, &named).with_context(|| {
                format!(
                    "{variable} is set to `{}`, which is not a {name} that runs: correct it or unset it",
                    named.display()
                )
            })?;
            found(name, &version, &named, variable);
            return Ok(named);
        }
        Search::Among(places) => {
            for place in places.iter().filter(|place| place.is_file()) {
                match version(name, place) {
                    Ok(version) => {
                        let earlier = place.starts_with(&unpacked);
                        let origin = if earlier { "unpacked earlier" } else { "PATH" };
                        found(name, &version, place, origin);
                        return Ok(place.clone());
                    }
                    Err(error) => println!("{name}: not {}: {error:#}", place.display()),
                }
            }
        }
    }
    let binary = unpack::unpack(&workspace.target)
        .map(|()| unpacked.join(name))
        .and_then(|binary| Ok((version(name, &binary)?, binary)));
    match binary {
        Ok((version, binary)) => {
            found(name, &version, &binary, "unpacked now");
            Ok(binary)
        }
        Err(error) => Err(anyhow!(
            "{name} is not on PATH and could not be unpacked ({error:#}). Install it \
             (`apt-get install prometheus` or `brew install prometheus`), or set \
             {variable}=/path/to/{name}"
        )),
    }
}

fn found(name: &str, version: &str, path: &Path, origin: &str) {
    println!("{name} {version} ({origin}: {})", path.display());
}

/// Runs it, so that a binary for another machine or another program of that name is not taken.
fn version(name: &str, binary: &Path) -> Result<String> {
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    // Some releases print it to stderr.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    match version_in(name, &text) {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => bail!(
            "`{} --version` ended with {} and says: {}",
            binary.display(),
            output.status,
            text.lines().next().unwrap_or("nothing")
        ),
    }
}

fn version_in<'a>(name: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?.strip_prefix(", version ")?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_tool_is_the_only_candidate() {
        assert_eq!(
            search("t", Some("/my/t".into()), OsStr::new("/a"), Path::new("/u")),
            Search::Named("/my/t".into())
        );
        // Set but empty is a mistake to show, not a wish to search.
        assert_eq!(
            search("t", Some("".into()), OsStr::new("/a"), Path::new("/u")),
            Search::Named("".into())
        );
    }

    #[test]
    fn path_comes_before_an_earlier_unpack() {
        assert_eq!(
            search("t", None, OsStr::new("/a::/b"), Path::new("/u")),
            Search::Among(vec!["/a/t".into(), "/b/t".into(), "/u/t".into()])
        );
    }

    #[test]
    fn reads_the_version() {
        let text = "promtool, version 2.42.0+ds (branch: x, revision: y)\n  build user: z\n";
        assert_eq!(version_in("promtool", text), Some("2.42.0+ds"));
        assert_eq!(version_in("prometheus", text), None);
        assert_eq!(version_in("promtool", ""), None);
    }
}
