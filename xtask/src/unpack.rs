//! Unpacks the distribution's Prometheus below the target directory, without installing it and without root.
//!
//! apt-get works on lists and a cache of its own there, so the machine's package state stays as it is, and
//! lists that are empty (an image that deleted them) or old do not matter. The sources, keys and proxies are the
//! machine's own, and apt checks the signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::child::ChildGuard;

/// Where the binaries are after [`unpack`].
pub(crate) fn binaries(target: &Path) -> PathBuf {
    unpacked(target).join("usr/bin")
}

fn unpacked(target: &Path) -> PathBuf {
    target.join("tools/prometheus")
}

pub(crate) fn unpack(target: &Path) -> Result<()> {
    for program in ["apt-get", "dpkg"] {
        let runs = Command::new(program).arg("--version").output();
        ensure!(
            runs.is_ok_and(|output| output.status.success()),
            "there is no {program} here"
        );
    }
    println!("prometheus: unpacking the distribution's package below the target directory …");
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
    let (downloaded, log) = apt(work.path(), &["download", "prometheus"])?;
    ensure!(
        downloaded,
        "apt-get could not download `prometheus`:\n{update_log}{log}"
    );
    extract(work.path())?;
    let root = work.path().join("root");
    if !root.join("usr/bin/promtool").exists() {
        // Newer releases have it in a package of its own.
        let (downloaded, log) = apt(work.path(), &["download", "promtool"])?;
        ensure!(downloaded, "apt-get could not download `promtool`:\n{log}");
        extract(work.path())?;
    }

    // A rename, so that nobody ever finds half of it. What is there did not run, or somebody was faster.
    let unpacked = unpacked(target);
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)
            .with_context(|| format!("cannot replace {}", unpacked.display()))?;
    }
    fs::rename(&root, &unpacked).with_context(|| format!("cannot create {}", unpacked.display()))
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

fn extract(work: &Path) -> Result<()> {
    let packages = work.join("packages");
    let mut count = 0;
    for entry in fs::read_dir(&packages).context("cannot list the downloaded packages")? {
        let package = entry.context("cannot list the downloaded packages")?.path();
        let mut command = Command::new("dpkg");
        command.arg("-x").arg(&package).arg(work.join("root"));
        let (extracted, log) = run(&mut command)?;
        ensure!(
            extracted,
            "dpkg cannot unpack {}:\n{log}",
            package.display()
        );
        fs::remove_file(&package).context("cannot remove an unpacked package")?;
        count += 1;
    }
    if count == 0 {
        bail!("apt-get said that it downloaded a package, and there is none");
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
