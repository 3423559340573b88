//! A real Prometheus on a free port of loopback, stopped on every way out.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::foreign_server::ForeignServer;
use crate::http::Client;
use crate::poll::Try;
use crate::prometheus::api::Api;

pub(crate) struct PrometheusProcess {
    server: ForeignServer,
}

impl PrometheusProcess {
    /// Starts it with `config` and waits until it is ready. `folder` gets its data and its stderr.
    pub(crate) fn start(
        binary: &Path,
        config: &Path,
        folder: &Path,
        client: &Client,
    ) -> Result<Self> {
        Self::start_with(binary, config, folder, client, &[])
    }

    /// The same with more flags.
    pub(crate) fn start_with(
        binary: &Path,
        config: &Path,
        folder: &Path,
        client: &Client,
        flags: &[&str],
    ) -> Result<Self> {
        let data = folder.join("data");
        let server = ForeignServer::start(
            "Prometheus",
            &folder.join("prometheus.log"),
            |address| {
                let mut command = Command::new(binary);
                command
                    .arg(format!("--config.file={}", config.display()))
                    .arg(format!("--storage.tsdb.path={}", data.display()))
                    .arg(format!("--web.listen-address={address}"))
                    .arg("--log.level=warn")
                    .args(flags);
                command
            },
            |url| is_ready(&Api::new(client, url), &data),
        )?;
        Ok(Self { server })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    pub(crate) fn print_log(&self) {
        self.server.print_log();
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }
}

fn is_ready(api: &Api, data: &Path) -> Result<Try<()>> {
    if !api.is_ready() {
        return Ok(Try::NotYet("it is not ready".to_owned()));
    }
    // Whoever took the port may be a Prometheus too. Ours then ends, which the next try sees.
    let answering = api.flag("storage.tsdb.path")?;
    Ok(if Path::new(&answering) == data {
        Try::Done(())
    } else {
        Try::NotYet(format!("another Prometheus, of {answering}, has its port"))
    })
}
