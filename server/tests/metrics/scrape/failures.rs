//! Collectors that panic or fail.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter as TheirCounter;
use prometheus_client::registry::Registry as TheirRegistry;
use tallied::{Counter, Registry};
use tallied_salvo::{Scrape, ScrapeMetrics};

use super::collectors;
use super::{decoded, serve};

#[test]
fn a_registry_that_panics_or_fails_is_left_out_and_the_others_are_served() {
    let registry = Registry::default();
    registry
        .register("jobs", "Jobs", Counter::default())
        .unwrap();
    // Registered elsewhere, so that the document is the same each time.
    let own = Registry::default();
    let metrics = ScrapeMetrics::register(&own).unwrap();
    let mut sound = TheirRegistry::default();
    sound.register("orders", "Orders", TheirCounter::<u64>::default());
    let scrape = Scrape::new(registry)
        .with_metrics(metrics)
        .with_prometheus_client(collectors::running(|encoder| {
            collectors::family(encoder, "complete")?;
            panic!("on purpose");
        }))
        .with_prometheus_client(collectors::running(|encoder| {
            collectors::family(encoder, "complete")?;
            Err(Error)
        }))
        .with_prometheus_client(Arc::new(sound));
    let server = serve(scrape);
    let mut client = server.connect();
    let text = "# HELP jobs_total Jobs\n# TYPE jobs_total counter\njobs_total 0\n\
                # HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 0\n";
    let openmetrics = "# HELP jobs Jobs\n# TYPE jobs counter\njobs_total 0\n\
                       # HELP orders Orders.\n# TYPE orders counter\norders_total 0\n# EOF\n";
    let mut scrapes = 0;
    for (query, expected) in [
        ("format=text", text),
        ("format=openmetrics", openmetrics),
        // What panics is not asked for; but whether it is there can only be known by reading it.
        ("format=text&name[]=jobs&name[]=orders", text),
        ("format=openmetrics&name[]=jobs&name[]=orders", openmetrics),
    ] {
        for headers in ["", "Accept-Encoding: gzip\r\n"] {
            let answer = client.request("GET", &format!("/metrics?{query}"), headers, "");
            assert_eq!(answer.status, 200);
            assert_eq!(decoded(&answer), expected, "{query} {headers}");
            scrapes += 1;
            let own = own.text();
            for counted in ["panics", "errors"] {
                let line = format!("tallied_scrape_collector_{counted}_total {scrapes}\n");
                assert!(own.contains(&line), "{own}");
            }
        }
    }
    assert!(
        own.text()
            .contains("tallied_scrapes_total{result=\"ok\"} 8\n")
    );
}
