//! The binary under clients that are slow, silent or many: on real sockets.

mod bodies;
mod closes_at_once;
mod http2;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{
    Client, DEADLINE, JSON, Running, Server, ends, finish_upload, sample, upload,
};
use salvo::websocket::{Message, WebSocketUpgrade};
use salvo::{Handler, Request, Response, Router, Service, handler};
use tallied::Registry;
use tallied_salvo::HttpMetrics;
use tallied_server::App;
use tallied_server::health::Readiness;
use tallied_server::limits::ConnectionLimits;
use tallied_server::serve::{ConnectionMetrics, ListenerOptions};

fn cut_off(reason: &str) -> String {
    format!("tallied_connections_cut_off_total{{reason=\"{reason}\"}}")
}

const OPEN: &str = "tallied_connections";
const REFUSED: &str = "tallied_connections_refused_total";

/// How many of these clients the test may open: each takes a file descriptor here and one there.
fn as_many_as_possible(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    wanted.min(most.unwrap_or(1_024) - 300)
}

#[test]
fn slow_heads_keep_nobody_out_are_cut_off_and_leave_nothing_behind() {
    let attackers = as_many_as_possible(1_000);
    let server = Server::with(&[
        "--connections-header-seconds=8",
        "--system-metrics-interval-seconds=0.05",
    ]);
    let figures = ["process_open_fds", "rust_heap_live_bytes"];
    let mut before = [0.0; 2];
    // Once round, so that what is made once is made.
    for _ in 0..20 {
        assert_eq!(server.connect().get("/data").status, 200);
        let scrape = server.scrape();
        before = figures.map(|name| sample(&scrape, name).unwrap());
    }
    let mut slow: Vec<_> = (0..attackers)
        .map(|i| {
            let mut client = server.connect();
            if i % 2 == 0 {
                client.send("GET / HTTP/1.1\r\nX-Slow: ");
            }
            client.stream
        })
        .collect();
    // The scraper is one, too.
    server.wait_for(OPEN, attackers as f64 + 1.0);
    let header_timeout = cut_off("header_timeout");
    let (began, mut served) = (Instant::now(), 0);
    while server.sample(&header_timeout) != Some(attackers as f64) {
        assert!(began.elapsed() < DEADLINE, "{}", server.scrape());
        for stream in slow.iter_mut().step_by(2) {
            // It may be cut off already.
            let _ = stream.write(b"x");
        }
        let mut client = server.connect();
        for _ in 0..5 {
            assert_eq!(client.get("/health").status, 200);
            served += 1;
        }
    }
    assert!(served > 5, "the others were served meanwhile");
    for stream in &slow {
        assert!(ends(stream));
    }
    server.wait_for(OPEN, 1.0);
    // No request was made of a head that was not complete.
    let health = r#"http_requests_total{method="GET",endpoint="/health",status_code="200"}"#;
    assert_eq!(server.sample(health), Some(f64::from(served)));
    assert_eq!(server.sample(REFUSED), Some(0.0));
    let began = Instant::now();
    loop {
        let scrape = server.scrape();
        let now = figures.map(|name| sample(&scrape, name).unwrap());
        // A few series are new, and a buffer more or less; the attack took some 33 KB a head.
        if now[0] <= before[0] + 4.0 && now[1] <= before[1] + 500_000.0 {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "{before:?} became {now:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many connections there were, in the eyes of one of them.
fn accepted(client: &mut Client) -> f64 {
    let scrape = client.get("/metrics");
    assert_eq!(scrape.status, 200);
    let value = |series: &str| sample(scrape.text(), series).unwrap();
    value(OPEN) + value(&cut_off("evicted"))
}

#[test]
fn beyond_the_cap_a_client_that_asks_takes_the_place_of_one_that_waits() {
    let server = Server::with(&["--connections-max=20", "--faults"]);
    let mut upload = upload(&server, 0);
    let mut stream = server.connect();
    stream.send(
        "GET /fault?chunks=100000&chunk_bytes=10&pace_seconds=0.005 HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(stream.head().status, 200);
    assert_eq!(stream.chunk().len(), 10);
    // The oldest of those that wait, and yet it goes last, for it asks now and then.
    let mut regular = server.connect();
    // Five times the cap.
    let slow: Vec<_> = (0..100)
        .map(|i| {
            if i % 5 == 0 {
                // Once the others were accepted: what waits in the kernel is no pressure yet.
                let start = Instant::now();
                while accepted(&mut regular) < f64::from(3 + i) {
                    assert!(start.elapsed() < DEADLINE, "{i} were not accepted");
                }
            }
            let mut client = server.connect();
            if i % 2 == 0 {
                let _ = client.stream.write(b"GET / HTTP/1.1\r\nX-Slow: ");
            }
            client.stream
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(server.connect().get("/data").status, 200);
        assert_eq!(regular.get("/health").status, 200);
    }
    let scrape = server.scrape();
    assert!(sample(&scrape, OPEN).unwrap() <= 20.0, "{scrape}");
    assert!(
        sample(&scrape, &cut_off("evicted")).unwrap() >= 80.0,
        "{scrape}"
    );
    assert_eq!(sample(&scrape, REFUSED), Some(0.0));
    // The oldest went first, and whoever has a request in progress did not.
    assert!(slow[..80].iter().all(ends));
    for _ in 0..10 {
        assert_eq!(stream.chunk().len(), 10);
    }
    finish_upload(&mut upload);
}

#[test]
fn where_every_connection_has_a_request_a_new_one_is_refused() {
    let server = Server::with(&["--connections-max=3", "--metrics-listen=127.0.0.1:0"]);
    let mut uploads: Vec<_> = (0..3).map(|others| upload(&server, others)).collect();
    for refused in 1..=5 {
        assert!(ends(&server.connect().stream));
        assert_eq!(server.sample(REFUSED), Some(f64::from(refused)));
    }
    assert_eq!(server.sample(&cut_off("evicted")), Some(0.0));
    // One is done, and waits: its place is free for another.
    finish_upload(&mut uploads[0]);
    assert_eq!(server.connect().get("/data").status, 200);
    assert_eq!(server.sample(&cut_off("evicted")), Some(1.0));
    assert!(ends(&uploads[0].stream));
    for upload in &mut uploads[1..] {
        finish_upload(upload);
    }
}

#[cfg(unix)]
#[test]
fn where_files_are_few_there_are_fewer_connections() {
    let binary = env!("CARGO_BIN_EXE_tallied-server");
    let limited = format!("ulimit -n 200; exec '{binary}' --listen 127.0.0.1:0");
    let mut server = Server::spawn(std::process::Command::new("sh").args(["-c", &limited]));
    let slow: Vec<_> = (0..300).map(|_| server.connect().stream).collect();
    for _ in 0..20 {
        assert_eq!(server.connect().get("/data").status, 200);
    }
    assert!(server.sample(OPEN).unwrap() <= 72.0);
    assert_eq!(server.sample(REFUSED), Some(0.0));
    drop(slow);
    server.child.kill().unwrap();
    let mut said = String::new();
    server.stderr().read_to_string(&mut said).unwrap();
    assert!(
        said.contains("WARN") && said.contains("connections=72"),
        "{said}"
    );
}

#[test]
fn an_idle_connection_is_closed_and_one_that_works_in_silence_is_not() {
    let server = Server::with(&["--connections-idle-seconds=1", "--faults"]);
    let mut working = server.connect();
    working.send("GET /fault?delay_seconds=4 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut streaming = server.connect();
    streaming.send("GET /fault?chunks=2&pace_seconds=4 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut idle = server.connect();
    assert_eq!(idle.get("/health").status, 200);
    assert_eq!(idle.get("/health").status, 200);
    assert!(idle.is_closed());
    server.wait_for(&cut_off("idle_timeout"), 1.0);
    assert_eq!(streaming.answer(false).body.len(), 2_048);
    assert_eq!(working.answer(false).status, 200);
    // … until they have waited as long.
    assert!(working.is_closed() && streaming.is_closed());
    server.wait_for(&cut_off("idle_timeout"), 3.0);
    assert_eq!(server.sample(&cut_off("header_timeout")), Some(0.0));
}

#[test]
fn an_answer_that_is_taken_slowly_is_not_idle() {
    let server = Server::with(&[
        "--connections-idle-seconds=3",
        "--limits-name-characters=10000",
    ]);
    let mut client = server.connect();
    let name = "😀".repeat(10_000);
    for _ in 0..1_000 {
        let record = format!(r#"{{"name":"{name}","values":[1]}}"#);
        assert_eq!(client.request("POST", "/data", JSON, &record).status, 201);
    }
    // Forty megabytes, whole in the server's memory, and more than the sockets hold.
    client.send("GET /data?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    let length: usize = client
        .head()
        .header("content-length")
        .unwrap()
        .parse()
        .unwrap();
    assert!(length > 40_000_000);
    let mut taken = 0;
    while taken < length {
        std::thread::sleep(Duration::from_millis(50));
        let part = (length - taken).min(400_000);
        taken += client.take(part).len();
    }
    assert!(client.is_closed(), "then it is");
}

/// Serves a handler at `/` under these limits; the registry holds the figures of its connections.
fn serve(handler: impl Handler, limits: ConnectionLimits) -> (Running, Registry) {
    let unused = Registry::default();
    let app = App {
        service: Service::new(Router::new().get(handler)),
        http: HttpMetrics::register(&unused).unwrap(),
        readiness: Readiness::default(),
        live: None,
    };
    let registry = Registry::default();
    let options = ListenerOptions {
        limits,
        connections: ConnectionMetrics::register(&registry).unwrap(),
        ..ListenerOptions::default()
    };
    let running = Running::start_at_edge(|| app, options, Duration::from_millis(100));
    (running, registry)
}

#[handler]
async fn echo(req: &mut Request, res: &mut Response) {
    let upgrade = WebSocketUpgrade::new();
    let upgraded = upgrade.upgrade(req, res, |mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if message.is_text() && socket.send(message).await.is_err() {
                break;
            }
        }
        let _ = socket.send(Message::close()).await;
    });
    upgraded.await.unwrap();
}

#[test]
fn a_connection_that_became_a_websocket_may_be_silent() {
    let limits = ConnectionLimits {
        connections: 2,
        idle: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let (server, registry) = serve(echo, limits);
    let mut client = server.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(client.head().status, 101);
    std::thread::sleep(Duration::from_secs(1));
    // Nor does it make room.
    let others: Vec<_> = (0..5).map(|_| server.connect()).collect();
    assert!(others[..4].iter().all(|other| ends(&other.stream)));
    let figures = registry.text();
    assert_eq!(sample(&figures, &cut_off("evicted")), Some(4.0));
    assert_eq!(sample(&figures, REFUSED), Some(0.0), "{figures}");
    // A text of two letters, masked with zeros, comes back unmasked (RFC 6455).
    client.send([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    assert_eq!(client.take(4), [0x81, 2, b'h', b'i']);
}

#[test]
fn each_head_has_the_whole_time() {
    let server = Server::with(&["--connections-header-seconds=4"]);
    let mut client = server.connect();
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(client.get("/health").status, 200);
    // Longer than what the first head has left, and then longer than the limit itself.
    for pause in [2_000, 5_000] {
        std::thread::sleep(Duration::from_millis(pause));
        client.send("GET /health HTTP/1.1\r\nHost");
        std::thread::sleep(Duration::from_millis(2_000));
        client.send(": x\r\n\r\n");
        assert_eq!(client.answer(false).status, 200);
    }
    // A later head is held to it as well.
    client.send("GET /health HTTP/1.1\r\nHost");
    assert!(client.is_closed());
    server.wait_for(&cut_off("header_timeout"), 1.0);
}

#[test]
fn a_body_that_pauses_is_answered_with_408() {
    let server = Server::with(&["--connections-body-gap-seconds=1"]);
    let mut client = upload(&server, 0);
    let answer = client.answer(false);
    assert_eq!(answer.status, 408);
    assert!(answer.text().contains("too slowly"), "{}", answer.text());
    assert!(ends(&client.stream));
    let scrape = server.scrape();
    let total = r#"http_requests_total{method="POST",endpoint="/data",status_code="408"}"#;
    assert_eq!(sample(&scrape, total), Some(1.0), "{scrape}");
    assert!(!scrape.contains("http_requests_aborted_total{"), "{scrape}");
}

#[test]
fn a_body_in_drips_is_answered_with_408() {
    let server = Server::with(&["--limits-body-seconds=2"]);
    let mut client = server.connect();
    client.send(format!(
        "POST /data HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 1000000\r\n\r\n"
    ));
    let mut writer = client.stream.try_clone().unwrap();
    let drips = std::thread::spawn(move || {
        let began = Instant::now();
        while began.elapsed() < DEADLINE && writer.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(client.answer(false).status, 408);
    let total = r#"http_requests_total{method="POST",endpoint="/data",status_code="408"}"#;
    assert_eq!(server.sample(total), Some(1.0));
    drips.join().unwrap();
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let server = Server::with(&["--connections-write-stall-seconds=1", "--faults"]);
    let mut client = server.connect();
    client.send("GET /fault?chunks=1000&chunk_bytes=1048576 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.head().status, 200);
    server.wait_for(&cut_off("write_stall"), 1.0);
    let fault = r#"method="GET",endpoint="/fault""#;
    server.wait_for(
        &format!("http_requests_total{{{fault},status_code=\"499\"}}"),
        1.0,
    );
    server.wait_for(
        &format!("http_requests_aborted_total{{{fault},reason=\"client_disconnect\"}}"),
        1.0,
    );
    assert_eq!(server.sample(&cut_off("idle_timeout")), Some(0.0));
}

#[test]
fn a_head_that_is_too_large_is_answered_with_431() {
    let server = Server::with(&["--connections-header-bytes=8192"]);
    let fits = "a".repeat(7_000);
    assert_eq!(server.connect().get(&format!("/{fits}")).status, 404);
    for end in ["", " HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut client = server.connect();
        let large = "a".repeat(8_192);
        client.send(format!("GET /{large}{end}"));
        assert_eq!(client.head().status, 431, "{end:?}");
        assert!(ends(&client.stream));
    }
    // No hoop saw them.
    let scrape = server.scrape();
    assert!(!scrape.contains(r#"status_code="431""#), "{scrape}");
    // A head may be larger than what is read ahead of a body.
    let server = Server::with(&["--connections-header-bytes=200000"]);
    let large = format!("X-Large: {}\r\n", "a".repeat(150_000));
    let answer = server.connect().request("GET", "/health", &large, "");
    assert_eq!(answer.status, 200);
}
