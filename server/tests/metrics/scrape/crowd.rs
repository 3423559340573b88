//! Many scrapes at once.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tallied::{Counter, Registry};
use tallied_salvo::{Scrape, ScrapeMetrics};

use super::collectors::{self, Gate};
use super::{get_until, serve, wait_for};
use crate::support::{Answer, Client, DEADLINE};

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(
        answer.text().contains("too many documents"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_document_is_shared_by_those_who_came_before_its_rendering_began() {
    const LATER: u64 = 5;
    let registry = Registry::default();
    let events = Counter::default();
    registry.register("events", "E", events.clone()).unwrap();
    let gate = Arc::new(Gate::default());
    let reached = Arc::clone(&gate);
    let theirs = collectors::running(move |_| {
        reached.pass();
        Ok(())
    });
    let scrape = Scrape::new(registry)
        .with_prometheus_client(theirs)
        .with_max_documents(2);
    let server = serve(scrape.clone());
    let get = || {
        let mut client = server.connect();
        client.send(GET);
        client
    };
    // It has read the counter, and is in the collector.
    let mut first = get();
    gate.wait_for(1);
    let mut later: Vec<(u64, Client)> = Vec::new();
    for _ in 0..LATER {
        events.inc();
        later.push((events.get(), get()));
    }
    // The handler's Debug lists who waits; they arrive when they arrive.
    let start = Instant::now();
    while format!("{scrape:?}").matches("Waiter").count() < LATER as usize {
        assert!(start.elapsed() < DEADLINE, "{scrape:?}");
        thread::sleep(Duration::from_millis(2));
    }
    // One is rendered and one is due, for all of the later ones.
    assert_refused(&server.connect().get("/metrics?name[]=events"));
    assert_eq!(gate.arrived(), 1);
    gate.open();
    assert!(first.answer(false).text().contains("events_total 0\n"));
    for (before, client) in &mut later {
        let text = client.answer(false).text().to_owned();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("events_total "));
        let seen: u64 = line.unwrap().parse().unwrap();
        assert!(seen >= *before, "{seen} of {before}");
        assert_eq!(seen, LATER, "all of one document");
    }
    assert_eq!(gate.arrived(), 2, "one rendering for all of the later ones");
}

#[test]
fn a_hundred_at_once_are_served_or_refused() {
    let registry = Registry::default();
    let metrics = ScrapeMetrics::register(&registry).unwrap();
    let events = Counter::default();
    registry.register("events", "E", events.clone()).unwrap();
    let server = serve(
        Scrape::new(registry.clone())
            .with_metrics(metrics)
            .with_max_documents(4),
    );
    let (mut served, mut refused) = (0, 0);
    thread::scope(|scope| {
        let scrapes: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    events.inc();
                    let before = events.get();
                    (before, client.get("/metrics"))
                })
            })
            .collect();
        for scrape in scrapes {
            let (before, answer) = scrape.join().unwrap();
            if answer.status == 200 {
                let text = answer.text();
                let line = text
                    .lines()
                    .find_map(|line| line.strip_prefix("events_total "));
                assert!(line.unwrap().parse::<u64>().unwrap() >= before);
                served += 1;
            } else {
                assert_refused(&answer);
                refused += 1;
            }
        }
    });
    assert!(served >= 4, "{served}");
    wait_for(
        &registry,
        &format!("tallied_scrapes_total{{result=\"ok\"}} {served}"),
    );
    wait_for(
        &registry,
        &format!("tallied_scrapes_total{{result=\"refused\"}} {refused}"),
    );
    // … and afterwards there is room for all of the four.
    assert_eq!(get_until(&server, "/metrics", 200).status, 200);
}

#[test]
fn a_hundred_at_once_are_all_served_where_that_many_may_be() {
    let registry = Registry::default();
    registry
        .register("events", "E", Counter::default())
        .unwrap();
    let server = serve(Scrape::new(registry).with_max_documents(100));
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let headers = "Accept-Encoding: gzip\r\n";
                let answer = server.connect().request("GET", "/metrics", headers, "");
                assert_eq!(answer.status, 200);
                assert!(super::decoded(&answer).contains("events_total 0\n"));
            });
        }
    });
}

#[test]
fn a_handler_with_other_sources_shares_no_documents() {
    let gate = Arc::new(Gate::default());
    let reached = Arc::clone(&gate);
    let scrape =
        Scrape::new(Registry::default()).with_prometheus_client(collectors::running(move |_| {
            reached.pass();
            Ok(())
        }));
    let more = collectors::running(|encoder| collectors::family(encoder, "more"));
    let with_more = serve(scrape.clone().with_prometheus_client(more));
    let server = serve(scrape);
    let mut clients = [server.connect(), with_more.connect()];
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(GET);
        gate.wait_for(i + 1);
    }
    gate.open();
    let more = clients.map(|mut client| client.answer(false).text().contains("more_total 1\n"));
    assert_eq!(more, [false, true]);
}

#[test]
fn clones_of_a_handler_share_its_limit() {
    let gate = Arc::new(Gate::default());
    let reached = Arc::clone(&gate);
    let theirs = collectors::running(move |_| {
        reached.pass();
        Ok(())
    });
    let scrape = Scrape::new(Registry::default())
        .with_prometheus_client(theirs)
        .with_max_documents(1);
    let servers = [serve(scrape.clone()), serve(scrape)];
    let mut client = servers[0].connect();
    client.send(GET);
    gate.wait_for(1);
    assert_refused(&servers[1].connect().get("/metrics"));
    gate.open();
    assert_eq!(client.answer(false).status, 200);
}
