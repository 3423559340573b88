//! The program on a free port, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::Client;
use super::{DEADLINE, JSON};

/// A running server, killed when it is dropped.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    /// Where /metrics is.
    pub metrics: SocketAddr,
}

impl Server {
    pub fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
        Self::spawn(command.args(["--listen", "127.0.0.1:0"]))
    }

    /// Waits until the server of this command listens.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_saying(2, command)
    }

    /// Waits until the program of this command has said so many lines, each with an address.
    pub fn spawn_saying(lines: usize, command: &mut Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // From here on it is stopped, whatever happens.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            child,
            address: unknown,
            metrics: unknown,
        };
        let said = BufReader::new(server.child.stdout.as_mut().unwrap()).lines();
        let addresses: Vec<_> = said
            .take(lines)
            .map(|line| {
                let line = line.unwrap();
                let url = line.rsplit_once("http://").expect(&line).1;
                // A JSON log has the line in quotes.
                let address = url.split(['/', '"']).next().unwrap();
                address.parse().expect(&line)
            })
            .collect();
        assert_eq!(addresses.len(), lines, "{addresses:?}");
        server.address = addresses[0];
        server.metrics = addresses[lines - 1];
        server
    }

    /// Starts one with these arguments, on a free port.
    pub fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallied-server"));
        Self::spawn(command.args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// A scrape, on a connection of its own.
    pub fn scrape(&self) -> String {
        let answer = Client::connect(self.metrics).get("/metrics?format=text");
        assert_eq!(answer.status, 200);
        answer.text().to_owned()
    }

    /// The value of a series, by its whole name.
    pub fn sample(&self, series: &str) -> Option<f64> {
        sample(&self.scrape(), series)
    }

    /// Waits until a series has a value.
    pub fn wait_for(&self, series: &str, value: f64) {
        let start = Instant::now();
        loop {
            let scrape = self.scrape();
            if sample(&scrape, series) == Some(value) {
                return;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "{series} never was {value}:\n{scrape}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The status that it exits with.
    pub fn exit(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < DEADLINE, "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// What it says on standard error from now on.
    pub fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }

    pub fn signal(&self, name: &str) {
        // The shell's own: a slim system has no kill command.
        let kill = format!("kill {name} {}", self.child.id());
        let kill = Command::new("sh").args(["-c", &kill]).status();
        assert!(kill.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An upload in progress: the server is reading its body.
pub fn upload(server: &Server, others: usize) -> Client {
    let mut client = server.connect();
    client.send(format!(
        "POST /data HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 28\r\n\r\n{{"
    ));
    let in_flight = r#"http_requests_in_flight{method="POST"}"#;
    server.wait_for(in_flight, others as f64 + 1.0);
    client
}

pub fn finish_upload(client: &mut Client) {
    client.send(r#""name":"late","values":[1]}"#);
    assert_eq!(client.answer(false).status, 201);
}

/// The value of a series in a scrape, by its whole name.
pub fn sample(scrape: &str, series: &str) -> Option<f64> {
    let mut lines = scrape.lines();
    lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}
