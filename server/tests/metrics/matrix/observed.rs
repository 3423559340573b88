//! A server whose every record is known.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use salvo::{Router, Service};
use tallied::Registry;
use tallied_salvo::{HttpMetrics, MetricsHoop, Scrape};
use tallied_server::App;
use tallied_server::health::Readiness;

use crate::support::{Client, DEADLINE, Running, TestServer};

/// All that is recorded of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
    pub(crate) aborted: Option<&'static str>,
    /// Whether the answer's head was ready.
    pub(crate) head: bool,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

impl Record {
    /// A `GET` that was answered.
    pub(crate) fn get(endpoint: &'static str, status: u16, response_bytes: u64) -> Self {
        Self {
            method: "GET",
            endpoint,
            status,
            aborted: None,
            head: true,
            request_bytes: 0,
            response_bytes,
        }
    }

    pub(crate) fn aborted(self, reason: &'static str) -> Self {
        Self {
            aborted: Some(reason),
            ..self
        }
    }

    /// It ended before the answer's head.
    pub(crate) fn without_head(self) -> Self {
        Self {
            head: false,
            ..self
        }
    }
}

/// The `http_…` series of a scrape that are not 0, but for buckets and the sums of the durations: so
/// a request in flight is one series too many.
type Ledger = BTreeMap<String, f64>;

fn read(exposition: &str) -> Ledger {
    exposition
        .lines()
        .filter(|line| line.starts_with("http_") && !line.contains("_bucket{"))
        .filter(|line| !line.contains("_seconds_sum{"))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

fn ledger_of(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::new();
    let mut add = |series: String, value: u64| {
        if value > 0 {
            *ledger.entry(series).or_default() += value as f64;
        }
    };
    for record in records {
        let Record {
            method,
            endpoint,
            status,
            ..
        } = record;
        let labels = format!("method=\"{method}\",endpoint=\"{endpoint}\"");
        add(
            format!("http_requests_total{{{labels},status_code=\"{status}\"}}"),
            1,
        );
        if let Some(reason) = record.aborted {
            add(
                format!("http_requests_aborted_total{{{labels},reason=\"{reason}\"}}"),
                1,
            );
        }
        add(
            format!("http_request_duration_seconds_count{{{labels}}}"),
            1,
        );
        add(
            format!("http_response_start_seconds_count{{{labels}}}"),
            record.head.into(),
        );
        for (name, bytes) in [
            ("http_request_size_bytes", record.request_bytes),
            ("http_response_size_bytes", record.response_bytes),
        ] {
            add(format!("{name}_count{{{labels}}}"), 1);
            add(format!("{name}_sum{{{labels}}}"), bytes);
        }
    }
    ledger
}

/// A server under observation: a second one, which is not counted, answers its scrapes.
pub(crate) struct Observed {
    server: TestServer,
    scrapes: Running,
}

impl Observed {
    /// Serves a router inside of the hoop.
    pub(crate) fn router(router: Router) -> Self {
        Self::service(Service::new(router))
    }

    /// Serves a service whose first hoop becomes ours.
    pub(crate) fn service(mut service: Service) -> Self {
        if super::super::INSTRUMENTED {
            let drain = Duration::from_millis(100);
            return Self::observe(TestServer::start_service(service, drain));
        }
        Self::with_hoop(|hoop| {
            service.hoops.insert(0, Arc::new(hoop));
            service
        })
    }

    /// Serves a service that puts the hoop where it likes.
    pub(crate) fn with_hoop(service: impl FnOnce(MetricsHoop) -> Service) -> Self {
        Self::observe(TestServer::start_with_hoop(
            service,
            Duration::from_millis(100),
        ))
    }

    fn observe(server: TestServer) -> Self {
        let scrape = Scrape::new(server.registry.clone());
        let unused = Registry::default();
        let app = App {
            service: Service::new(Router::with_path("metrics").get(scrape)),
            http: HttpMetrics::register(&unused).unwrap(),
            readiness: Readiness::default(),
            live: None,
        };
        let scrapes = Running::start(|| app, Duration::from_millis(100));
        Self { server, scrapes }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn connect(&self) -> Client {
        self.server.connect()
    }

    /// Waits until so many requests of a method are in flight.
    pub(crate) fn wait_in_flight(&self, method: &str, requests: i64) {
        self.server
            .wait_for("http_requests_in_flight", &[method], requests);
    }

    fn scrape(&self) -> Ledger {
        read(self.scrapes.connect().get("/metrics").text())
    }

    /// These requests, whose last bytes are here, are in the next scrape, and nothing else is.
    #[track_caller]
    pub(crate) fn holds(&self, records: &[Record]) {
        equal(&self.scrape(), &ledger_of(records));
    }

    /// These requests get into a scrape, and nothing else does. For those whose client cannot know
    /// when they have ended.
    #[track_caller]
    pub(crate) fn comes_to_hold(&self, records: &[Record]) {
        let expected = ledger_of(records);
        let start = Instant::now();
        while self.scrape() != expected && start.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(2));
        }
        equal(&self.scrape(), &expected);
    }

    /// Stops the server, after which nothing more can be recorded: these requests are.
    #[track_caller]
    pub(crate) fn ends_with(mut self, records: &[Record]) {
        self.server.stop();
        equal(&read(&self.server.registry.text()), &ledger_of(records));
    }
}

#[track_caller]
fn equal(recorded: &Ledger, expected: &Ledger) {
    assert!(
        recorded == expected,
        "recorded {recorded:#?}, and not {expected:#?}"
    );
}
