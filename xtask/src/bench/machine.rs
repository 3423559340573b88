//! What the figures were measured on and of.

use std::process::Command;
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};

use crate::workspace::{self, Workspace};

/// Without the name of the host, which is nobody's business.
pub(crate) struct Machine {
    /// Name and value, in the order of the report.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Name and version of what takes part.
    pub(crate) peers: Vec<(String, String)>,
}

impl Machine {
    /// Those that take part are what `package` depends on.
    pub(crate) fn inspect(workspace: &Workspace, package: &str) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let unknown = || "unknown".to_owned();
        let cores = thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string());
        let kernel = [
            read("/proc/sys/kernel/ostype"),
            read("/proc/sys/kernel/osrelease"),
        ];
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let load = read("/proc/loadavg");
        let facts = vec![
            (
                "CPU",
                cpu_model(&read("/proc/cpuinfo")).unwrap_or_else(unknown),
            ),
            ("cores", cores),
            (
                "kernel",
                kernel.map(|part| part.trim().to_owned()).join(" "),
            ),
            ("governor", or(governor.trim(), "none to be seen")),
            (
                "load before the run",
                or(load.split(' ').next().unwrap_or_default(), "unknown"),
            ),
            ("rustc", rustc_version(workspace)?),
            (
                "date (UTC)",
                output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]))?,
            ),
            ("commit", commit(workspace)?),
        ];
        Ok(Self {
            facts,
            peers: peers(workspace, package)?,
        })
    }

    /// As a list of Markdown.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.facts {
            text.push_str(&format!("- {name}: {value}\n"));
        }
        let peers: Vec<String> = self
            .peers
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        text.push_str(&format!("- versions: {}\n", peers.join(", ")));
        text
    }
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    ensure!(
        output.status.success(),
        "`{program}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn rustc_version(workspace: &Workspace) -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    output(
        Command::new(rustc)
            .arg("--version")
            .current_dir(&workspace.root),
    )
}

fn commit(workspace: &Workspace) -> Result<String> {
    let git = |args: &[&str]| output(Command::new("git").args(args).current_dir(&workspace.root));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The reports themselves are about to change.
    let changes = git(&["status", "--porcelain", "--", ".", ":!benches/*.md"])?;
    let state = if changes.is_empty() {
        "clean"
    } else {
        "with changes that are not committed"
    };
    Ok(format!("{commit}, {state}"))
}

/// The direct dependencies of the package, as they are locked.
fn peers(workspace: &Workspace, package: &str) -> Result<Vec<(String, String)>> {
    let mut command = workspace::cargo();
    command
        .args(["tree", "--depth", "1", "--prefix", "none", "--no-dedupe"])
        .args(["--edges", "normal,dev", "--package", package])
        .current_dir(&workspace.root);
    Ok(peers_in(&output(&mut command)?))
}

fn peers_in(tree: &str) -> Vec<(String, String)> {
    /// What only passes figures or bodies on.
    const NO_PEERS: [&str; 6] = [
        "async-stream",
        "bytes",
        "http-body",
        "serde",
        "serde_json",
        "socket2",
    ];
    let peer = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        // Ours have a path behind them.
        [name, version] if !NO_PEERS.contains(&name) => {
            Some((name.to_owned(), version.trim_start_matches('v').to_owned()))
        }
        _ => None,
    };
    tree.lines().filter_map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_model() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nmodel name\t: A CPU @ 2 GHz\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("A CPU @ 2 GHz"));
        assert_eq!(cpu_model("processor : 0\n"), None);
    }

    #[test]
    fn peers_are_the_dependencies_of_the_package() {
        let tree = "tallied-benches v0.1.0 (/w/benches)\nbytes v1.2.3\npeer v2.3.4\ntallied v0.1.0 (/w/core)\n";
        assert_eq!(peers_in(tree), [("peer".to_owned(), "2.3.4".to_owned())]);
    }
}
