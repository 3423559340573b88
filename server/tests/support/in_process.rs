//! A server on a free port, in the process of the test.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use salvo::{Router, Service};
use tallied::{HistogramSnapshot, Registry, Value};
use tallied_salvo::{HttpMetrics, Instrument, MetricsHoop};
use tallied_server::App;
use tallied_server::health::Readiness;
use tallied_server::serve::{ListenerOptions, Listeners, listen, serve};

use super::{Client, DEADLINE};

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
            live: None,
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
