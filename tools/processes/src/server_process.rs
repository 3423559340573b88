//! A real `tallied-server` on a free port of loopback, stopped on every way out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::child::ChildGuard;
use crate::report;

/// Generous: a debug build on a busy CI machine takes well under a second.
const START_TIMEOUT: Duration = Duration::from_secs(15);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A server that runs.
#[derive(Debug)]
pub struct ServerProcess {
    guard: ChildGuard,
    url: String,
    log: PathBuf,
}

impl ServerProcess {
    /// Starts it and waits until it accepts connections. `folder` gets its stderr.
    pub fn start(binary: &Path, folder: &Path) -> Result<Self> {
        // Port 0: the kernel picks a free one, and the server says which. No race.
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0"]);
        Self::start_command(command, folder)
    }

    /// The same with any program that says where it listens as our server does.
    pub fn start_command(mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let stderr =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut guard = ChildGuard::spawn("the server", &mut command)?;
        let url = listening_url(&mut guard).inspect_err(|_| report::print_log("the server", &log));
        let program = command.get_program().display();
        Ok(Self {
            url: url.with_context(|| format!("{program} did not start"))?,
            guard,
            log,
        })
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.guard.id()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The end of what it wrote to stderr.
    pub fn print_log(&self) {
        report::print_log("the server", &self.log);
    }

    /// Fails if it ended by itself.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.guard.exited()? {
            Some(status) => bail!("the server ended by itself: {status}"),
            None => Ok(()),
        }
    }

    /// SIGTERM; it must drain and exit 0. Returns how long that took.
    pub fn stop(&mut self) -> Result<Duration> {
        self.check_alive()?;
        let start = Instant::now();
        let status = self.guard.terminate(STOP_TIMEOUT)?.with_context(|| {
            format!("the server did not end within {STOP_TIMEOUT:?} of a SIGTERM")
        })?;
        ensure!(
            status.code() == Some(0),
            "the server must exit 0 after a SIGTERM; it ended with {status}"
        );
        Ok(start.elapsed())
    }
}

fn listening_url(guard: &mut ChildGuard) -> Result<String> {
    guard.first_line("its `listening on` line", START_TIMEOUT, parse_listening)
}

fn parse_listening(line: &str) -> Option<String> {
    let url = line.trim_end().strip_prefix("listening on ")?;
    let address: std::net::SocketAddr = url.strip_prefix("http://")?.parse().ok()?;
    (address.port() != 0).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_listening_line() {
        assert_eq!(
            parse_listening("listening on http://127.0.0.1:8123\r"),
            Some("http://127.0.0.1:8123".to_owned())
        );
        for other in [
            "",
            "listening on 127.0.0.1:8123",
            "listening on http://127.0.0.1:0",
            "listening on http://localhost",
            "not listening on http://127.0.0.1:8123",
        ] {
            assert_eq!(parse_listening(other), None, "{other}");
        }
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let binary = ["/bin/false", "/usr/bin/false"]
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .unwrap();
        let error = ServerProcess::start(binary, folder.path()).err().unwrap();
        assert!(
            format!("{error:#}").contains("it ended at once"),
            "{error:#}"
        );
    }
}
