//! Unpacks a package of the distribution below the target directory, without installing it and without root.
//!
//! apt-get works on lists and a cache of its own there, so the machine's package state stays as it is, and
//! lists that are empty (an image that deleted them) or old do not matter. The sources, keys and proxies are the
//! machine's own, and apt checks the signatures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::child::ChildGuard;

/// A package that has tools of ours.
pub(crate) struct Package {
    /// As apt knows it; the folder that it is unpacked in, too.
    pub(crate) name: &'static str,
    /// As brew knows it.
    pub(crate) homebrew: &'static str,
    /// What newer releases have in a package of its own: the file, and that package.
    pub(crate) split_off: Option<(&'static str, &'static str)>,
    /// Whether its programs are linked to libraries that the machine may lack.
    pub(crate) has_libraries: bool,
}

impl Package {
    /// Where the binaries are after [`Self::unpack`].
    pub(crate) fn binaries(&self, target: &Path) -> PathBuf {
        self.unpacked(target).join("usr/bin")
    }

    fn unpacked(&self, target: &Path) -> PathBuf {
        target.join("tools").join(self.name)
    }

    /// What its programs need as `LD_LIBRARY_PATH`, if they were unpacked with libraries.
    pub(crate) fn library_path(&self, target: &Path) -> Option<OsString> {
        if !self.has_libraries {
            return None;
        }
        // Debian has a folder below for each architecture.
        let lib = self.unpacked(target).join("usr/lib");
        let entries = fs::read_dir(&lib).ok()?.filter_map(Result::ok);
        let below = entries.map(|entry| entry.path()).filter(|p| p.is_dir());
        let set = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        // An empty entry would mean the current directory.
        let set = env::split_paths(&set).filter(|folder| !folder.as_os_str().is_empty());
        env::join_paths([lib.clone()].into_iter().chain(below).chain(set)).ok()
    }

    pub(crate) fn unpack(&self, target: &Path) -> Result<()> {
        let name = self.name;
        for program in ["apt-get", "dpkg"] {
            let runs = Command::new(program).arg("--version").output();
            ensure!(
                runs.is_ok_and(|output| output.status.success()),
                "there is no {program} here"
            );
        }
        println!("{name}: unpacking the distribution's package below the target directory …");
        let tools = target.join("tools");
        fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
        let work = tempfile::Builder::new()
            .prefix(".unpack-")
            .tempdir_in(&tools)
            .with_context(|| format!("cannot create a folder in {}", tools.display()))?;
        for folder in [
            "lists/partial",
            "cache/archives/partial",
            "packages",
            "root",
        ] {
            fs::create_dir_all(work.path().join(folder)).context("cannot create apt's folders")?;
        }
        fs::write(work.path().join("apt.conf"), apt_configuration(work.path()))
            .context("cannot write apt's configuration")?;

        // One broken source among the machine's makes `update` fail while the one we need works:
        // the download tells, so that its outcome counts, with both outputs when it fails.
        let (_, update_log) = apt(work.path(), &["update"])?;
        download(work.path(), name)
            .with_context(|| format!("apt-get update said: {update_log}"))?;
        if self.has_libraries {
            for alternatives in missing_libraries(work.path())? {
                download_any(work.path(), &alternatives)?;
            }
        }
        extract(work.path())?;
        let root = work.path().join("root");
        if let Some((_, package)) = self.split_off.filter(|(file, _)| !root.join(file).exists()) {
            download(work.path(), package)?;
            extract(work.path())?;
        }

        // A rename, so that nobody ever finds half of it. What is there did not run, or somebody was faster.
        let unpacked = self.unpacked(target);
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)
                .with_context(|| format!("cannot replace {}", unpacked.display()))?;
        }
        fs::rename(&root, &unpacked)
            .with_context(|| format!("cannot create {}", unpacked.display()))
    }
}

/// The folders of our own, and none of the machine's hooks: some of those clean the machine's cache.
fn apt_configuration(work: &Path) -> String {
    let work = work.display();
    format!(
        r#"Dir::State::Lists "{work}/lists";
Dir::Cache "{work}/cache";
APT::Sandbox::User "root";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

fn apt(work: &Path, args: &[&str]) -> Result<(bool, String)> {
    let mut command = Command::new("apt-get");
    command
        .current_dir(work.join("packages"))
        // Read after the machine's own configuration, where APT_CONFIG would be read before it.
        .arg(format!("--config-file={}", work.join("apt.conf").display()))
        .arg("-q")
        .args(args);
    run(&mut command)
}

fn download(work: &Path, package: &str) -> Result<()> {
    let (downloaded, log) = apt(work, &["download", package])?;
    ensure!(downloaded, "apt-get could not download `{package}`:\n{log}");
    Ok(())
}

fn download_any(work: &Path, alternatives: &[String]) -> Result<()> {
    let mut outcome = Ok(());
    for package in alternatives {
        outcome = download(work, package);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The dependencies of the downloaded packages that the machine does not have, each as the packages
/// of which one is enough. Those of theirs are not looked at: what a small program needs besides
/// its own libraries, every machine has.
fn missing_libraries(work: &Path) -> Result<Vec<Vec<String>>> {
    let mut missing = Vec::new();
    for package in downloaded(work)? {
        let mut command = Command::new("dpkg-deb");
        command.arg("--field").arg(&package).arg("Depends");
        let (read, depends) = run(&mut command)?;
        ensure!(
            read,
            "dpkg-deb cannot read {}:\n{depends}",
            package.display()
        );
        for alternatives in dependencies(&depends) {
            if !is_any_installed(&alternatives)? {
                missing.push(alternatives);
            }
        }
    }
    Ok(missing)
}

/// The names in a `Depends` field: one of each inner list is needed.
fn dependencies(field: &str) -> Vec<Vec<String>> {
    let name = |alternative: &str| {
        let name = alternative.split(['(', '[']).next().unwrap_or_default();
        name.trim().to_owned()
    };
    field
        .split(',')
        .map(|one| one.split('|').map(name).filter(|n| !n.is_empty()).collect())
        .filter(|alternatives: &Vec<String>| !alternatives.is_empty())
        .collect()
}

fn is_any_installed(packages: &[String]) -> Result<bool> {
    let mut command = Command::new("dpkg-query");
    command
        .args(["--show", "--showformat=${db:Status-Status}\n"])
        .args(packages);
    // It fails when it does not know one of them; what it says of the others counts.
    let (_, text) = run(&mut command)?;
    Ok(text.lines().any(|line| line == "installed"))
}

fn downloaded(work: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(work.join("packages"))
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .context("cannot list the downloaded packages")
}

fn extract(work: &Path) -> Result<()> {
    let packages = downloaded(work)?;
    if packages.is_empty() {
        bail!("apt-get said that it downloaded a package, and there is none");
    }
    for package in packages {
        let mut command = Command::new("dpkg");
        command.arg("-x").arg(&package).arg(work.join("root"));
        let (extracted, log) = run(&mut command)?;
        ensure!(
            extracted,
            "dpkg cannot unpack {}:\n{log}",
            package.display()
        );
        fs::remove_file(&package).context("cannot remove an unpacked package")?;
    }
    Ok(())
}

/// Success and everything it wrote, which is worth showing only when something failed.
fn run(command: &mut Command) -> Result<(bool, String)> {
    let log = NamedTempFile::new().context("cannot create a temporary file")?;
    let handle = || log.reopen().context("cannot open a temporary file");
    command
        .stdin(Stdio::null())
        .stdout(handle()?)
        .stderr(handle()?);
    let program = command.get_program().display().to_string();
    let status = ChildGuard::spawn(&program, command)?.wait()?;
    let text = fs::read(log.path()).context("cannot read a temporary file")?;
    Ok((
        status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_depends_field() {
        let field = "libc6 (>= 2.14), libluajit-5.1-2 (>= 2.0.4) | libluajit2-5.1-2, libssl3\n";
        assert_eq!(
            dependencies(field),
            [
                vec!["libc6"],
                vec!["libluajit-5.1-2", "libluajit2-5.1-2"],
                vec!["libssl3"]
            ]
        );
        assert!(dependencies("\n").is_empty());
    }
}
