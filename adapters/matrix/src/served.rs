//! A server whose every record is known.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tallied::{Registry, Value};
use tallied_http::HttpMetrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::record::{Ledger, equal, ledger_of, read};
use crate::{Client, DEADLINE, Record};

/// How long the requests in progress still have when a test is done.
const DRAIN: Duration = Duration::from_millis(100);

/// Tells a server to drain.
pub type Stop = oneshot::Receiver<()>;

/// A server on a free port, in this process, until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub registry: Registry,
    /// How the framework writes a pattern.
    label: fn(&str) -> String,
    drain: Option<oneshot::Sender<()>>,
    limit: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Runs `serve`, which drains when it is told to; what is not done at the limit is cut off.
    pub fn start<F: Future<Output = ()>>(
        label: fn(&str) -> String,
        serve: impl FnOnce(HttpMetrics, TcpListener, Stop) -> F + Send + 'static,
    ) -> Self {
        let registry = Registry::default();
        let metrics = HttpMetrics::register(&registry).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        // Accepted sockets inherit it.
        let socket = socket2::SockRef::from(&listener);
        socket.set_tcp_nodelay(true).unwrap();
        let (drain, draining) = oneshot::channel();
        let (limit, limited) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let limit = async {
                    let _ = limited.await;
                    tokio::time::sleep(DRAIN).await;
                    metrics.drain_timed_out();
                };
                tokio::select! {
                    () = serve(metrics, listener, draining) => {}
                    () = limit => {}
                }
            });
            // The runtime goes, and with it every future.
        });
        Self {
            address,
            registry,
            label,
            drain: Some(drain),
            limit: Some(limit),
            thread: Some(thread),
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Waits until so many requests of a method are in flight.
    pub fn wait_in_flight(&self, method: &str, requests: i64) {
        self.wait(|| self.in_flight(method) == requests);
    }

    fn in_flight(&self, method: &str) -> i64 {
        let families = self.registry.snapshot().families;
        let mut families = families.into_iter();
        let family = families.find(|family| family.descriptor.name() == "http_requests_in_flight");
        let mut series = family.unwrap().series.into_iter();
        match series.find(|series| series.labels.values().eq([method])) {
            None => 0,
            Some(series) => match series.value {
                Value::IntegerGauge(value) => value,
                other => panic!("the requests in flight are {other:?}"),
            },
        }
    }

    fn wait(&self, until: impl Fn() -> bool) {
        let start = Instant::now();
        while !until() {
            assert!(
                start.elapsed() < DEADLINE,
                "does not come; all:\n{}",
                self.registry.text()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn expected(&self, records: &[Record]) -> Ledger {
        ledger_of(records, self.label)
    }

    /// These requests, whose last bytes are here, are recorded, and nothing else is.
    #[track_caller]
    pub fn holds(&self, records: &[Record]) {
        equal(&read(&self.registry.text()), &self.expected(records));
    }

    /// These requests come to be recorded, and nothing else does. For those whose client cannot know
    /// when they have ended.
    #[track_caller]
    pub fn comes_to_hold(&self, records: &[Record]) {
        let expected = self.expected(records);
        let start = Instant::now();
        while read(&self.registry.text()) != expected && start.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.holds(records);
    }

    /// Stops the server, after which nothing more can be recorded: these requests are.
    #[track_caller]
    pub fn ends_with(mut self, records: &[Record]) {
        self.stop();
        self.holds(records);
    }

    /// Tells the server to drain, however long that takes.
    pub fn begin_drain(&mut self) {
        drop(self.drain.take());
    }

    /// Stops, and waits for the end of the drain, which has a limit now.
    pub fn stop(&mut self) {
        self.begin_drain();
        drop(self.limit.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}
