//! A prometheus-client registry beside ours, on the same route, in every format.

#![cfg(all(feature = "prometheus-client", feature = "server"))]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use salvo::Router;
use support::TestServer;
use tallied_server::Scrape;

#[test]
fn an_applications_own_registry_appears_in_every_format() {
    let mut theirs = prometheus_client::registry::Registry::default();
    let orders: Counter = Counter::default();
    theirs.register("orders", "Orders", orders.clone());
    orders.inc_by(5);
    let ours = tallied::Registry::default();
    let jobs = tallied::Counter::default();
    ours.register("jobs", "Jobs", jobs.clone()).unwrap();
    jobs.inc();
    let scrape = Scrape::new(ours).with_prometheus_client(Arc::new(theirs));
    let server = TestServer::start(Router::with_path("metrics").get(scrape));
    let mut client = server.connect();
    assert_eq!(
        client.get("/metrics?format=text").text(),
        "# HELP jobs_total Jobs\n# TYPE jobs_total counter\njobs_total 1\n\
         # HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 5\n"
    );
    assert_eq!(
        client.get("/metrics?format=openmetrics").text(),
        "# HELP jobs Jobs\n# TYPE jobs counter\njobs_total 1\n\
         # HELP orders Orders.\n# TYPE orders counter\norders_total 5\n# EOF\n"
    );
}
