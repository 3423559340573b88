//! A server on a free port, and clients that speak HTTP/1.1 byte by byte.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and fails by a panic"
)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use salvo::{Router, Service};
use tallied::{HistogramSnapshot, Registry, Value};
use tallied_salvo::{HttpMetrics, Instrument, MetricsHoop};
use tallied_server::App;
use tallied_server::health::Readiness;
use tallied_server::serve::{ListenerOptions, Listeners, listen, serve};

/// Long enough for the slowest machine; a test that waits so long has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The header line of a body in JSON.
pub const JSON: &str = "Content-Type: application/json\r\n";

/// A listener on a free port, whose connections keep little of what their clients do not take.
pub fn listens() -> TcpListener {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let socket = socket2::SockRef::from(&listener);
    socket.set_send_buffer_size(64 << 10).unwrap();
    listener
}

/// An application that is served in this process, until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Serves what `app` makes, inside of the runtime, on a free port.
    pub fn start(app: impl FnOnce() -> App + Send + 'static, drain: Duration) -> Self {
        Self::start_at_edge(app, ListenerOptions::default(), drain)
    }

    /// … with limits and metrics of the connections.
    pub fn start_at_edge(
        app: impl FnOnce() -> App + Send + 'static,
        options: ListenerOptions,
        drain: Duration,
    ) -> Self {
        let listener = listens();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let mut stopped = Some(stopped);
            let stop = async || match stopped.take() {
                Some(stopped) => drop(stopped.await),
                None => std::future::pending().await,
            };
            let listeners = Listeners {
                options,
                ..listener.into()
            };
            let serving = async { serve(app(), listeners, stop, drain).await };
            runtime.block_on(serving).unwrap();
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Begins a stop.
    pub fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Stops, and waits for the end of the drain.
    pub fn stop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A service of a test's own, with the hoop around it, and its registry.
pub struct TestServer {
    running: Running,
    pub registry: Registry,
}

impl std::ops::Deref for TestServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl TestServer {
    /// Serves a router with the hoop around it.
    pub fn start(router: Router) -> Self {
        Self::start_service(Service::new(router), Duration::from_millis(100))
    }

    /// Serves a service, which is instrumented.
    pub fn start_service(service: Service, drain: Duration) -> Self {
        Self::start_with(|http| http.instrument(service), drain)
    }

    /// Serves a service that puts the hoop where it likes.
    pub fn start_with_hoop(service: impl FnOnce(MetricsHoop) -> Service, drain: Duration) -> Self {
        Self::start_with(|http| service(http.hoop()), drain)
    }

    /// Serves a service that is made of the metrics.
    pub fn start_with(service: impl FnOnce(HttpMetrics) -> Service, drain: Duration) -> Self {
        let registry = Registry::default();
        let http = HttpMetrics::register(&registry).unwrap();
        let service = service(http);
        let app = move || App {
            service,
            http,
            readiness: Readiness::default(),
        };
        let running = Running::start(app, drain);
        Self { running, registry }
    }

    /// Stops the server, and waits for the end of its drain.
    pub fn stop(&mut self) {
        self.running.stop();
    }

    /// The value of a series; 0 where it does not exist.
    pub fn value(&self, name: &str, labels: &[&str]) -> i64 {
        match find(&self.registry, name, labels) {
            None => 0,
            Some(Value::Counter(value)) => value as i64,
            Some(Value::IntegerGauge(value)) => value,
            Some(other) => panic!("{name} holds {other:?}"),
        }
    }

    pub fn histogram(&self, name: &str, labels: &[&str]) -> HistogramSnapshot {
        match find(&self.registry, name, labels) {
            Some(Value::Histogram(histogram)) => histogram,
            other => panic!("{name} {labels:?} holds {other:?}"),
        }
    }

    /// Waits until a series holds a value.
    pub fn wait_for(&self, name: &str, labels: &[&str], value: i64) {
        let start = Instant::now();
        while self.value(name, labels) != value {
            assert!(
                start.elapsed() < DEADLINE,
                "{name} {labels:?} is {} and not {value}; all:\n{}",
                self.value(name, labels),
                self.registry.text()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The sum of all `http_requests_total`.
    pub fn requests(&self) -> u64 {
        let snapshot = self.registry.snapshot();
        let family = snapshot
            .families
            .iter()
            .find(|f| f.descriptor.name() == "http_requests");
        let series = family.unwrap().series.iter();
        series
            .map(|series| {
                if let Value::Counter(n) = series.value {
                    n
                } else {
                    0
                }
            })
            .sum()
    }
}

fn find(registry: &Registry, name: &str, labels: &[&str]) -> Option<Value> {
    let snapshot = registry.snapshot();
    let family = snapshot
        .families
        .into_iter()
        .find(|f| f.descriptor.name() == name)?;
    let mut series = family.series.into_iter();
    series
        .find(|series| series.labels.values().eq(labels.iter().copied()))
        .map(|s| s.value)
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A connection that is kept alive.
pub struct Client {
    pub stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// … whose kernel keeps hardly more than so many bytes for it.
    pub fn connect_with_buffer(address: SocketAddr, bytes: usize) -> Self {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, "", "")
    }

    pub fn request(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        self.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}{length}\r\n{body}"
        ));
        self.answer(method == "HEAD")
    }

    /// Reads more; `false` at the end of the connection.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.receive(),
            Ok(0) => false,
            Ok(n) => {
                self.received.extend_from_slice(&buffer[..n]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes what comes up to and with `end`; `None` where the connection ends before.
    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let mut windows = self.received.windows(end.len());
            if let Some(at) = windows.position(|bytes| bytes == end) {
                return Some(self.received.drain(..at + end.len()).collect());
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// The next bytes, as many as these.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(
                self.receive(),
                "the connection ended in the middle of a body"
            );
        }
        self.received.drain(..count).collect()
    }

    /// The head of an answer.
    pub fn head(&mut self) -> Answer {
        self.try_head()
            .expect("the connection ended before the end of a head")
    }

    /// The head of an answer, if one comes.
    pub fn try_head(&mut self) -> Option<Answer> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer {
            status,
            head,
            body: Vec::new(),
        })
    }

    /// A chunk of a chunked body; empty at its end.
    pub fn chunk(&mut self) -> Vec<u8> {
        self.try_chunk()
            .expect("the connection ended in the middle of an answer")
    }

    /// A chunk of a chunked body, unless the connection ends where its size would stand.
    pub fn try_chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n")?).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let chunk = self.take(size);
        self.take(2);
        Some(chunk)
    }

    /// An answer, to its last byte and not further.
    pub fn answer(&mut self, no_body: bool) -> Answer {
        let mut answer = self.head();
        if no_body || answer.status == 204 || answer.status == 304 {
            return answer;
        }
        if answer.header("transfer-encoding").is_some() {
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    return answer;
                }
                answer.body.extend(chunk);
            }
        }
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        answer.body = self.take(length);
        answer
    }

    /// Whether the server closes the connection without another byte.
    pub fn is_closed(&mut self) -> bool {
        !self.receive() && self.received.is_empty()
    }
}

/// Whether the other side closes the connection, whatever it says before.
pub fn ends(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
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
