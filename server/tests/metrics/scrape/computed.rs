//! Collectors of the application that hang while they are scraped.

use std::sync::Arc;

use tallied::{Counter, GaugeFn, Registry};
use tallied_salvo::{Scrape, ScrapeMetrics};

use super::collectors::Gate;
use super::{serve, wait_for};
use crate::support::TestServer;

const TIMEOUTS: &str = "tallied_scrape_collector_timeouts_total{collector=\"stuck\"}";

/// A function that hangs at the gate, between two metrics that do not.
fn start() -> (Registry, Arc<Gate>, TestServer) {
    let registry = Registry::default();
    let metrics = ScrapeMetrics::register(&registry).unwrap();
    let gate = Arc::new(Gate::default());
    let reached = Arc::clone(&gate);
    let stuck = GaugeFn::new(move || {
        reached.pass();
        1_u64
    });
    registry
        .register("before", "B", GaugeFn::new(|| 1_u64))
        .unwrap();
    registry.register("stuck", "S", stuck).unwrap();
    registry.register("after", "A", Counter::default()).unwrap();
    let server = serve(Scrape::new(registry.clone()).with_metrics(metrics));
    (registry, gate, server)
}

fn assert_only_stuck_is_missing(document: &str) {
    assert!(document.contains("\nbefore 1\n"), "{document}");
    assert!(document.contains("\nafter_total 0\n"), "{document}");
    assert!(!document.contains("\nstuck"), "{document}");
}

#[test]
fn one_that_hangs_is_missing_and_holds_up_no_scrape_and_no_stop() {
    let (registry, gate, server) = start();
    let answer = server.connect().get("/metrics?format=text");
    assert_eq!(answer.status, 200);
    assert_only_stuck_is_missing(answer.text());
    for format in ["text", "openmetrics", "text"] {
        let answer = server.connect().get(&format!("/metrics?format={format}"));
        assert_eq!(answer.status, 200);
        assert_only_stuck_is_missing(answer.text());
    }
    // It was called once: the later scrapes do not wait for it, and those that left it out count it.
    assert_eq!(gate.arrived(), 1);
    wait_for(&registry, &format!("{TIMEOUTS} 5"));
    // The runtime ends while the function hangs.
    drop(server);
    gate.open();
    wait_for(&registry, "stuck 1");
}

#[test]
fn the_time_of_a_scrape_that_is_over_sooner_is_kept() {
    let (registry, gate, server) = start();
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.5\r\n";
    let answer = server.connect().request("GET", "/metrics", header, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_only_stuck_is_missing(answer.text());
    // What is not asked for is not missed; reading the registry itself counts one more.
    let answer = server.connect().get("/metrics?name[]=after");
    assert_only_stuck_is_missing(&format!("\nbefore 1\n{}", answer.text()));
    assert!(registry.text().contains(&format!("{TIMEOUTS} 2\n")));
    gate.open();
}
