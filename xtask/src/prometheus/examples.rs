//! The examples of `tallied-tower`: a real Prometheus scrapes them, and counts what was sent to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::api::Api;
use super::process::PrometheusProcess;
use super::{SCRAPE_TIMEOUT, expect};
use crate::alerts::tool;
use crate::http::Client;
use crate::poll::{self, Try};
use crate::server_process::ServerProcess;
use crate::tools::Tools;
use crate::traffic::{self, Kind};
use crate::workspace::Workspace;
use crate::{cargo, exposition};

const fn kind(
    body: Option<&'static str>,
    path: &'static str,
    endpoint: &'static str,
    status: u16,
    count: u32,
) -> Kind {
    Kind {
        name: path,
        body,
        path,
        endpoint,
        status,
        count,
    }
}

const AXUM: [Kind; 4] = [
    kind(None, "/api/hello/you", "/api/hello/{name}", 200, 5),
    kind(Some("x"), "/api/hello/x", "/api/hello/{name}", 405, 2),
    kind(Some("x"), "/api/shout", "/api/shout", 200, 3),
    kind(None, "/nowhere", "unmatched", 404, 4),
];

const HYPER: [Kind; 3] = [
    kind(None, "/hello/you", "/hello/{name}", 200, 6),
    kind(Some("x"), "/echo", "/echo", 200, 2),
    kind(None, "/nowhere", "unmatched", 404, 3),
];

/// The service that is asked about, the status of the call, and how often.
const CALLS: [(&str, &str, u32); 2] = [("", "OK", 4), ("some.Service", "NOT_FOUND", 3)];
const CALLED: &str = "/grpc.health.v1.Health/Check";

/// Each is a job of its own.
const EXAMPLES: [(&str, &[Kind]); 3] = [("axum", &AXUM), ("hyper", &HYPER), ("tonic", &[])];

pub(super) fn build(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let built = EXAMPLES.map(|(name, _)| cargo::example(workspace, name));
    built.into_iter().collect()
}

/// `binaries` are those that [`build`] gives; `folder` is a new one.
pub(super) fn run(folder: &Path, tools: &Tools, binaries: &[PathBuf]) -> Result<()> {
    let client = Client::new();
    let mut configuration =
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n".to_owned();
    let mut servers = Vec::new();
    for ((name, kinds), binary) in EXAMPLES.iter().zip(binaries) {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).context("cannot create a folder")?;
        let mut command = Command::new(binary);
        command.arg("127.0.0.1:0");
        let server = ServerProcess::start_command(command, &folder)?;
        let address = server.address();
        configuration.push_str(&format!(
            "  - job_name: {name}\n    static_configs:\n      - targets: ['{address}']\n"
        ));
        for kind in *kinds {
            (0..kind.count).try_for_each(|_| traffic::request(&client, server.url(), kind))?;
        }
        if *name == "tonic" {
            call(binary, server.url())?;
        }
        servers.push(server);
    }
    let config = folder.join("prometheus.yml");
    fs::write(&config, configuration).context("cannot write prometheus.yml")?;
    exposition::check_config(&tools.promtool, &config)?;
    let mut prometheus = PrometheusProcess::start(&tools.prometheus, &config, folder, &client)?;
    let api = Api::new(&client, prometheus.url());
    let checked = wait_for_scrapes(&api).and_then(|()| check(&api));
    if checked.is_err() {
        servers.iter().for_each(ServerProcess::print_log);
        prometheus.print_log();
    }
    checked.and_then(|()| prometheus.stop())
}

/// By the example itself, which is a client, too.
fn call(binary: &Path, url: &str) -> Result<()> {
    for (service, _, count) in CALLS {
        let mut command = Command::new(binary);
        command.args(["call", url, service]);
        (0..count).try_for_each(|_| tool::must_pass(&mut command))?;
    }
    Ok(())
}

/// All was sent before: one of each is enough.
fn wait_for_scrapes(api: &Api) -> Result<()> {
    poll::until("the examples' scrapes", SCRAPE_TIMEOUT, || {
        let up = api.query("up == 1")?;
        Ok(match up.len() == EXAMPLES.len() {
            true => Try::Done(()),
            false => Try::NotYet(format!("up: {up:?}")),
        })
    })
}

fn check(api: &Api) -> Result<()> {
    for (job, kinds) in EXAMPLES {
        for kind in kinds {
            let (method, endpoint, status) = (kind.method(), kind.endpoint, kind.status);
            let query = format!(
                "http_requests_total{{job=\"{job}\",method=\"{method}\",endpoint=\"{endpoint}\",status_code=\"{status}\"}}"
            );
            expect(api, &query, kind.count)?;
        }
    }
    for (_, status, count) in CALLS {
        let labels = format!("endpoint=\"{CALLED}\",grpc_status=\"{status}\"");
        expect(api, &format!("grpc_requests_total{{{labels}}}"), count)?;
    }
    let calls = CALLS.iter().map(|(_, _, count)| count).sum();
    let labels = format!("job=\"tonic\",method=\"POST\",endpoint=\"{CALLED}\",status_code=\"200\"");
    expect(api, &format!("http_requests_total{{{labels}}}"), calls)?;
    // And nothing was counted under labels that nobody asked about.
    for (job, kinds) in EXAMPLES {
        let sent: u32 = kinds.iter().map(|kind| kind.count).sum();
        let sent = if job == "tonic" { calls } else { sent };
        let query = format!("sum(http_requests_total{{job=\"{job}\",endpoint!=\"/metrics\"}})");
        expect(api, &query, sent)?;
    }
    Ok(())
}
