//! A scraper that stalls must not cost a healthy one its scrape: on Salvo's own server, where it has
//! no other defence, and on ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use salvo::conn::tcp::TcpAcceptor;
use salvo::{Router, Service};
use tallied::{Counter, Registry};
use tallied_salvo::{HttpMetrics, Instrument, Scrape, ScrapeMetrics};

use super::attackers::{self, Attack, Attacker};
use super::collectors::{self, Gate};
use super::wait_for;
use crate::support::{Client, DEADLINE, Server, TestServer, ends, listens};

/// A server as `examples/minimal` has it.
struct Plain {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    scrape: Scrape,
    /// Of the requests and of the scrapes.
    registry: Registry,
}

impl Plain {
    fn start(scrape: Scrape) -> Self {
        let registry = Registry::default();
        let metrics = HttpMetrics::register(&registry).unwrap();
        let scrape = scrape.with_metrics(ScrapeMetrics::register(&registry).unwrap());
        let handler = scrape.clone();
        let service: Service =
            metrics.instrument(Router::new().push(Router::with_path("metrics").get(handler)));
        let listener = listens();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let acceptor = TcpAcceptor::try_from(listener).unwrap();
                // Dropping the runtime ends what is left.
                tokio::select! {
                    served = salvo::Server::new(acceptor).try_serve(service) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
            scrape,
            registry,
        }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.stop = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A document that an attacker does not get in one piece.
fn registry(attack: Attack) -> Registry {
    match attack {
        // More than a window.
        Attack::NoWindow | Attack::Sips => registry_of(256 << 10),
        Attack::Drips => registry_of(LARGE),
    }
}

/// More than the sockets keep, when the client's keeps little.
const LARGE: usize = 1 << 20;

fn registry_of(size: usize) -> Registry {
    let registry = Registry::default();
    let help = "x".repeat(size);
    registry
        .register("large", &help, Counter::default())
        .unwrap();
    registry
}

/// What an attack leaves to healthy scrapers, which ask one after the other.
fn healthy(address: SocketAddr, attack: Attack, path: &'static str, line: &str) {
    let attacker = Attacker::start(attack, address, path);
    let mut refused = Vec::new();
    for _ in 0..SCRAPES {
        let answer = Client::connect(address).get("/metrics?format=text");
        if answer.status == 200 {
            assert!(answer.text().contains(line));
        } else {
            refused.push(answer.status);
        }
        // So that the attack goes on for a while.
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(attacker);
    assert!(
        refused.is_empty(),
        "{attack:?} {path}: {} of {SCRAPES}: {refused:?}",
        refused.len()
    );
}

const SCRAPES: usize = 6;

/// Documents that the attacker's scrapes share, and one for each of them.
const PATHS: [&str; 2] = [
    "/metrics?format=text&",
    "/metrics?format=text&name[]=large&name[]=none",
];

fn on_salvo(attack: Attack) {
    for path in PATHS {
        let server = Plain::start(Scrape::new(registry(attack)));
        healthy(server.address, attack, path, "\nlarge_total 0\n");
    }
}

fn on_ours(attack: Attack) {
    for path in PATHS {
        let router = Router::with_path("metrics").goal(Scrape::new(registry(attack)));
        let server = TestServer::start(router);
        healthy(server.address, attack, path, "\nlarge_total 0\n");
    }
}

#[test]
fn http2_that_stalls_costs_no_scrape_of_the_binary() {
    for attack in [Attack::NoWindow, Attack::Sips] {
        let server = Server::start();
        // Of several pieces, and less than everything.
        let path = "/metrics?format=text&name[]=http_request_duration_seconds\
                    &name[]=http_response_start_seconds&name[]=http_request_size_bytes\
                    &name[]=http_response_size_bytes&name[]=none";
        healthy(server.address, attack, path, "\ntallied_build_info");
    }
}

#[test]
fn closed_windows_cost_no_scrape_on_salvo() {
    on_salvo(Attack::NoWindow);
}

#[test]
fn closed_windows_cost_no_scrape_on_ours() {
    on_ours(Attack::NoWindow);
}

#[test]
fn sips_cost_no_scrape_on_salvo() {
    on_salvo(Attack::Sips);
}

#[test]
fn sips_cost_no_scrape_on_ours() {
    on_ours(Attack::Sips);
}

#[test]
fn drips_cost_no_scrape_on_salvo() {
    on_salvo(Attack::Drips);
}

#[test]
fn drips_cost_no_scrape_on_ours() {
    on_ours(Attack::Drips);
}

/// A reader that takes nothing of its answer, over HTTP/1.
fn stalled(address: SocketAddr) -> Client {
    let mut client = Client::connect_with_buffer(address, 4_096);
    client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    client
}

fn wait_for_cut_off(registry: &Registry, reason: &str, count: usize) {
    let line = format!("tallied_scrapes_cut_off_total{{reason=\"{reason}\"}} {count}");
    wait_for(registry, &line);
    let metrics = "method=\"GET\",endpoint=\"/metrics\"";
    wait_for(
        registry,
        &format!("http_requests_aborted_total{{{metrics},reason=\"client_disconnect\"}} {count}"),
    );
    wait_for(
        registry,
        &format!("http_requests_total{{{metrics},status_code=\"499\"}} {count}"),
    );
}

#[test]
fn a_document_that_is_not_taken_in_time_ends_with_its_connection() {
    let scrape = Scrape::new(registry_of(LARGE)).with_write_timeout(MOMENTS);
    let server = Plain::start(scrape);
    let clients = [(); 2].map(|()| stalled(server.address));
    wait_for_cut_off(&server.registry, "write_timeout", 2);
    assert!(clients.iter().all(|client| ends(&client.stream)));
    wait_for(&server.registry, IDLE);
}

/// Longer than a rendering, and short for a test.
const MOMENTS: Duration = Duration::from_millis(500);

#[test]
fn over_http2_a_stream_ends_when_it_takes_something_and_with_its_connection_when_it_does_not() {
    // So long is one stream after its document before its connection ends, too.
    let scrape = Scrape::new(registry(Attack::Sips)).with_write_timeout(2 * MOMENTS);
    let server = Plain::start(scrape);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let get = async |window| {
        let mut client = attackers::connect(server.address, window).await;
        let answer = attackers::ask(&mut client, server.address, "/metrics");
        answer.await.unwrap().into_body()
    };
    let both = async {
        let (mut sips, mut takes_nothing) = (get(16_384).await, get(0).await);
        wait_for(
            &server.registry,
            "tallied_scrapes_cut_off_total{reason=\"write_timeout\"} 2",
        );
        let error = loop {
            match sips.data().await.unwrap() {
                Ok(data) => sips.flow_control().release_capacity(data.len()).unwrap(),
                Err(error) => break error,
            }
        };
        assert!(error.is_reset(), "{error}");
        let error = takes_nothing.data().await.unwrap().unwrap_err();
        assert!(error.is_io() || error.is_go_away(), "{error}");
    };
    let in_time = runtime.block_on(async { tokio::time::timeout(DEADLINE, both).await });
    in_time.unwrap();
    wait_for_cut_off(&server.registry, "write_timeout", 2);
    wait_for(&server.registry, IDLE);
}

#[test]
fn the_document_that_stalled_longest_makes_room_and_its_connection_ends() {
    let scrape = Scrape::new(registry_of(LARGE)).with_max_documents(2);
    let server = Plain::start(scrape);
    let mut clients = [(); 3].map(|()| {
        let mut client = stalled(server.address);
        let head = client.head();
        assert_eq!(head.status, 200);
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        // On a slow machine the sockets take so long to fill that it seems to be read.
        std::thread::sleep(MOMENTS);
        (client, length)
    });
    wait_for_cut_off(&server.registry, "evicted", 1);
    assert!(ends(&clients[0].0.stream));
    for (client, length) in &mut clients[1..] {
        assert!(client.take(*length).ends_with(b"\nlarge_total 0\n"));
    }
    wait_for(&server.registry, IDLE);
    wait_for_cut_off(&server.registry, "evicted", 1);
}

const IDLE: &str = "http_requests_in_flight{method=\"GET\"} 0";

#[test]
fn readers_that_share_a_document_are_not_counted() {
    const READERS: usize = 20;
    let gate = Arc::new(Gate::default());
    let reached = Arc::clone(&gate);
    let theirs = collectors::running(move |_| {
        reached.pass();
        if reached.arrived() > 1 {
            // The first one has stalled longest, however slow the machine is at filling its sockets.
            std::thread::sleep(MOMENTS);
        }
        Ok(())
    });
    let scrape = Scrape::new(registry_of(LARGE))
        .with_prometheus_client(theirs)
        .with_max_documents(2);
    let server = Plain::start(scrape);
    let mut clients = vec![stalled(server.address)];
    gate.wait_for(1);
    clients.extend((0..READERS).map(|_| stalled(server.address)));
    let start = std::time::Instant::now();
    while format!("{:?}", server.scrape).matches("Waiter").count() < READERS {
        assert!(start.elapsed() < DEADLINE, "{:?}", server.scrape);
        std::thread::sleep(Duration::from_millis(2));
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.head().status, 200);
    }
    // One makes room, and the other one stays whole for all who share it.
    let mut healthy = Client::connect(server.address);
    assert_eq!(healthy.get("/metrics?name[]=none").status, 200);
    assert!(ends(&clients.remove(0).stream));
    for client in &mut clients[READERS - 2..] {
        let body = client.take(LARGE);
        assert!(body.starts_with(b"# HELP large"));
    }
    assert_eq!(gate.arrived(), 3);
}
