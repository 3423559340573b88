//! A real Alertmanager.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::foreign_server::ForeignServer;
use crate::http::Client;
use crate::poll::Try;
use crate::prometheus::api::Labels;

/// Where Debian's build reads the templates of notifications, which other builds have in them.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager";

/// Puts the unpacked templates there, for itself alone: in a mount namespace in which `/usr/share` has nothing else.
const WITH_TEMPLATES: &str = r#"mount -t tmpfs none /usr/share && mkdir /usr/share/prometheus &&
ln -s "$1" "$2" && shift 2 && exec "$@""#;

pub(super) fn start(
    binary: &Path,
    config: &Path,
    folder: &Path,
    client: &Client,
) -> Result<ForeignServer> {
    let started = ForeignServer::start(
        "Alertmanager",
        &folder.join("alertmanager.log"),
        |address| {
            let mut command = command(binary);
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.path={}",
                    folder.join("alertmanager").display()
                ))
                .arg(format!("--web.listen-address={address}"))
                // Alone, so without a port for others.
                .arg("--cluster.listen-address=")
                .arg("--log.level=warn");
            command
        },
        |url| {
            let answer = client.get(&format!("{url}/-/ready"));
            Ok(match answer {
                Ok(answer) if answer.status == 200 => Try::Done(()),
                _ => Try::NotYet("it is not ready".to_owned()),
            })
        },
    );
    started.with_context(|| match moved_templates(binary) {
        None => "cannot drill without it",
        Some(_) => {
            "Debian's package reads its templates in /usr/share, and was unpacked elsewhere, which takes a user \
             namespace: install it (apt-get install prometheus-alertmanager), or set XTASK_ALERTMANAGER to another build"
        }
    })
}

fn command(binary: &Path) -> Command {
    match moved_templates(binary) {
        None => Command::new(binary),
        Some(templates) => {
            let mut command = Command::new("unshare");
            command
                .args(["--map-root-user", "--mount", "sh", "-c", WITH_TEMPLATES])
                .arg("sh")
                .arg(templates)
                .arg(TEMPLATES)
                .arg(binary);
            command
        }
    }
}

/// Beside a binary of a package that was unpacked, and not installed.
fn moved_templates(binary: &Path) -> Option<PathBuf> {
    if Path::new(TEMPLATES).exists() {
        return None;
    }
    let usr = binary.canonicalize().ok()?.parent()?.parent()?.to_owned();
    let templates = usr.join("share/prometheus/alertmanager");
    templates
        .join("default.tmpl")
        .is_file()
        .then_some(templates)
}

/// Whether it is there and answers.
pub(super) fn check(url: &str, client: &Client) -> Result<()> {
    let answer = client.get(&format!("{url}/-/ready"))?;
    ensure!(
        answer.status == 200,
        "Alertmanager is not ready any more: {}",
        answer.status
    );
    Ok(())
}

#[derive(Deserialize)]
struct Shown {
    labels: Labels,
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    inhibited_by: Vec<String>,
}

/// The alerts that it has and does not tell of, because another says it already.
pub(super) fn inhibited(server: &ForeignServer, client: &Client) -> Result<Vec<Labels>> {
    let answer = client.get(&format!("{}/api/v2/alerts", server.url()))?;
    let shown: Vec<Shown> =
        serde_json::from_str(&answer.body).context("Alertmanager's alerts are not as expected")?;
    let inhibited = shown
        .into_iter()
        .filter(|alert| !alert.status.inhibited_by.is_empty());
    Ok(inhibited.map(|alert| alert.labels).collect())
}
