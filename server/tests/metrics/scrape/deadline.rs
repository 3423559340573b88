//! Scrapes that nobody waits for any longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry as TheirRegistry;
use tallied::Registry;
use tallied_salvo::{Scrape, ScrapeMetrics};

use super::collectors::{self, Gate};
use super::{get_until, serve, wait_for};
use crate::support::TestServer;

/// A handler for one scrape at a time, with a collector that waits at the gate and one behind it.
struct Stuck {
    registry: Registry,
    gate: Arc<Gate>,
    behind: Arc<AtomicUsize>,
    server: TestServer,
}

impl Stuck {
    fn start(timeout: Option<Duration>) -> Self {
        let registry = Registry::default();
        let metrics = ScrapeMetrics::register(&registry).unwrap();
        let gate = Arc::new(Gate::default());
        let reached = Arc::clone(&gate);
        let behind = Arc::new(AtomicUsize::new(0));
        let scrape = Scrape::new(registry.clone())
            .with_metrics(metrics)
            .with_max_documents(1)
            .with_prometheus_client(collectors::running(move |_| {
                reached.pass();
                Ok(())
            }))
            .with_prometheus_client(counting(&behind));
        let scrape = match timeout {
            Some(timeout) => scrape.with_timeout(timeout),
            None => scrape,
        };
        Self {
            registry,
            gate,
            behind,
            server: serve(scrape),
        }
    }

    /// When the collector is stuck no more, the rendering ends at once, and lets go of its slot.
    fn ends_early(&self) {
        // It still has it.
        let text = self.server.connect().get("/metrics").text().to_owned();
        assert!(text.contains("too many documents"), "{text}");
        self.gate.open();
        get_until(&self.server, "/metrics", 200);
        // Of this scrape alone.
        assert_eq!(self.behind.load(Ordering::SeqCst), 1);
    }
}

fn counting(count: &Arc<AtomicUsize>) -> Arc<TheirRegistry> {
    let count = Arc::clone(count);
    collectors::running(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
}

#[test]
fn a_scrape_has_the_time_that_its_header_gives() {
    let stuck = Stuck::start(None);
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n";
    let answer = stuck
        .server
        .connect()
        .request("GET", "/metrics", header, "");
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().starts_with("scrape timed out after 90ms"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    wait_for(
        &stuck.registry,
        "tallied_scrapes_total{result=\"timeout\"} 1",
    );
    stuck.ends_early();
}

#[test]
fn a_scrape_has_the_longest_time_where_there_is_no_header_or_a_longer_one() {
    for header in ["", "X-Prometheus-Scrape-Timeout-Seconds: 1000\r\n"] {
        let stuck = Stuck::start(Some(Duration::from_millis(50)));
        let mut client = stuck.server.connect();
        let answer = client.request("GET", "/metrics", header, "");
        assert_eq!(answer.status, 503);
        let text = answer.text();
        assert!(text.starts_with("scrape timed out after 50ms"), "{text}");
        stuck.gate.open();
    }
}

#[test]
fn a_client_that_leaves_cancels_its_scrape() {
    let stuck = Stuck::start(None);
    let mut client = stuck.server.connect();
    client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    stuck.gate.wait_for(1);
    drop(client);
    wait_for(
        &stuck.registry,
        "tallied_scrapes_total{result=\"cancelled\"} 1",
    );
    stuck.ends_early();
}

#[test]
fn a_collector_without_end_ends_in_either_format() {
    for format in ["text", "openmetrics"] {
        a_collector_without_end_ends(format);
    }
}

fn a_collector_without_end_ends(format: &str) {
    let ended = Arc::new(Gate::default());
    let end = Arc::clone(&ended);
    end.open();
    let theirs = collectors::running(move |encoder| {
        let written = loop {
            if let Err(error) = collectors::family(encoder, "endless") {
                break error;
            }
            // Should it not be stopped, it must not fill the memory before the test fails.
            std::thread::sleep(Duration::from_micros(100));
        };
        end.pass();
        Err(written)
    });
    let registry = Registry::default();
    let metrics = ScrapeMetrics::register(&registry).unwrap();
    let scrape = Scrape::new(registry.clone()).with_metrics(metrics);
    let server = serve(scrape.with_prometheus_client(theirs));
    let path = format!("/metrics?format={format}");
    let headers = "X-Prometheus-Scrape-Timeout-Seconds: 0.05\r\n";
    let answer = server.connect().request("GET", &path, headers, "");
    assert_eq!(answer.status, 503);
    ended.wait_for(1);
    // It did not fail of its own accord.
    wait_for(&registry, "tallied_scrapes_total{result=\"timeout\"} 1");
    wait_for(&registry, "tallied_scrape_collector_errors_total 0");
}
