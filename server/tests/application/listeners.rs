//! The binary's listeners: its stop, and the one that is for /metrics alone.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{Client, DEADLINE, Server, ends, finish_upload, sample, upload};

const OPEN: &str = "tallied_connections";

#[cfg(unix)]
#[test]
fn a_drain_waits_for_requests_alone_and_ends_the_servers_own_streams() {
    let mut server = Server::with(&[
        "--drain-seconds=60",
        "--faults",
        "--metrics-listen=127.0.0.1:0",
    ]);
    let silent = server.connect();
    let mut idle = server.connect();
    assert_eq!(idle.get("/health").status, 200);
    let mut upload = upload(&server, 0);
    let mut stream = server.connect();
    stream.send("GET /fault?chunks=1000&pace_seconds=0.5 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(stream.head().status, 200);
    assert_eq!(stream.chunk().len(), 1_024);

    server.signal("-TERM");
    // Properly, with the chunk that says so.
    while !stream.chunk().is_empty() {}
    assert!(ends(&stream.stream) && ends(&silent.stream) && ends(&idle.stream));
    // New clients are told at once.
    let began = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(began.elapsed() < DEADLINE, "it still listens");
    }
    // What is left is the upload, and the drain can be scraped.
    server.wait_for(OPEN, 2.0);
    let scrape = server.scrape();
    let post = r#"http_requests_in_flight{method="POST"}"#;
    assert_eq!(sample(&scrape, post), Some(1.0));
    let ended = r#"http_requests_total{method="GET",endpoint="/fault",status_code="200"}"#;
    assert_eq!(sample(&scrape, ended), Some(1.0));
    assert!(!scrape.contains("http_requests_aborted_total{"), "{scrape}");
    finish_upload(&mut upload);
    assert_eq!(server.exit(), Some(0));
}

#[cfg(unix)]
#[test]
fn what_a_drain_cuts_off_can_be_scraped_once() {
    let mut server = Server::with(&[
        "--drain-seconds=0.2",
        // Longer than the test waits for its end.
        "--last-scrape-seconds=600",
        "--faults",
        "--metrics-listen=127.0.0.1:0",
    ]);
    let mut cut_off: Vec<_> = (0..3)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /fault?delay_seconds=600 HTTP/1.1\r\nHost: x\r\n\r\n");
            client
        })
        .collect();
    server.wait_for(r#"http_requests_in_flight{method="GET"}"#, 3.0);
    server.signal("-TERM");
    // A scrape that began before does not count; nor do a part of the metrics, or nothing.
    for client in &mut cut_off {
        assert!(client.is_closed());
    }
    let mut scraper = Client::connect(server.metrics);
    let shutdown =
        r#"http_requests_aborted_total{method="GET",endpoint="/fault",reason="shutdown"}"#;
    // A connection may close a moment before its request is recorded.
    let part = "/metrics?format=text&name[]=http_requests_aborted";
    let began = Instant::now();
    while sample(scraper.get(part).text(), shutdown) != Some(3.0) {
        assert!(began.elapsed() < DEADLINE, "it never is recorded");
    }
    assert_eq!(scraper.request("HEAD", "/metrics", "", "").status, 200);
    assert_eq!(scraper.get("/nothing").status, 404);
    assert_eq!(server.sample(shutdown), Some(3.0));
    assert_eq!(server.exit(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_stop_that_cuts_no_request_off_waits_for_no_scrape() {
    let mut server = Server::with(&[
        "--drain-seconds=0.2",
        "--last-scrape-seconds=600",
        "--metrics-listen=127.0.0.1:0",
    ]);
    let mut partial = server.connect();
    partial.send("GET / HT");
    server.wait_for(OPEN, 2.0);
    server.signal("-TERM");
    assert_eq!(server.exit(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_wait_for_the_last_scrape() {
    let mut server = Server::with(&[
        "--drain-seconds=0",
        "--last-scrape-seconds=600",
        "--faults",
        "--metrics-listen=127.0.0.1:0",
    ]);
    let mut client = server.connect();
    client.send("GET /fault?delay_seconds=600 HTTP/1.1\r\nHost: x\r\n\r\n");
    server.wait_for(r#"http_requests_in_flight{method="GET"}"#, 1.0);
    server.signal("-TERM");
    assert!(client.is_closed());
    assert!(server.child.try_wait().unwrap().is_none());
    server.signal("-TERM");
    assert_eq!(server.exit(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_hangup_is_a_stop_unless_it_was_ignored_from_the_start() {
    let mut server = Server::with(&["--drain-seconds=60"]);
    let mut upload = upload(&server, 0);
    server.signal("-HUP");
    let began = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(began.elapsed() < DEADLINE, "it still listens");
    }
    finish_upload(&mut upload);
    assert_eq!(server.exit(), Some(0));

    let binary = env!("CARGO_BIN_EXE_tallied-server");
    let ignoring = format!("trap '' HUP; exec '{binary}' --listen 127.0.0.1:0");
    let server = Server::spawn(std::process::Command::new("sh").args(["-c", &ignoring]));
    server.signal("-HUP");
    for _ in 0..10 {
        assert_eq!(server.connect().get("/health/ready").status, 200);
    }
}

#[cfg(unix)]
#[test]
fn a_connection_that_was_made_before_the_drain_is_served() {
    // Which of the two the server meets first is chance.
    for _ in 0..20 {
        // It is stopped in its tracks while clients connect and ask, and the signal comes.
        let mut server = Server::with(&["--drain-seconds=60"]);
        server.signal("-STOP");
        let mut clients: Vec<_> = (0..50)
            .map(|_| {
                let mut client = server.connect();
                client.send("GET /data HTTP/1.1\r\nHost: x\r\n\r\n");
                client
            })
            .collect();
        server.signal("-TERM");
        server.signal("-CONT");
        for client in &mut clients {
            assert_eq!(client.answer(false).status, 200);
        }
        assert_eq!(server.exit(), Some(0));
    }
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let server = Server::with(&["--metrics-listen=127.0.0.1:0"]);
    assert_ne!(server.address, server.metrics);
    let mut main = server.connect();
    assert_eq!(main.get("/metrics").status, 404);
    assert!(!main.get("/").text().contains("/metrics"));
    assert!(!main.get("/openapi.json").text().contains("/metrics"));
    let mut metrics = Client::connect(server.metrics);
    for path in ["/", "/data", "/docs", "/health"] {
        assert_eq!(metrics.get(path).status, 404, "{path}");
    }
    assert_eq!(metrics.request("POST", "/metrics", "", "").status, 405);
    for _ in 0..3 {
        assert_eq!(metrics.get("/metrics").status, 200);
    }
    let scrape = server.scrape();
    let total = |endpoint: &str, status: &str| {
        format!(
            "http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status_code=\"{status}\"}}"
        )
    };
    assert_eq!(sample(&scrape, &total("unmatched", "404")), Some(1.0));
    assert_eq!(sample(&scrape, &total("/", "200")), Some(1.0));
    // Nothing of the other listener's is in there.
    assert!(!scrape.contains(r#"endpoint="/metrics""#), "{scrape}");
    assert_eq!(sample(&scrape, OPEN), Some(3.0));
}

#[test]
fn an_address_for_metrics_that_is_taken_is_told() {
    let server = Server::start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tallied-server"))
        .args(["--listen", "127.0.0.1:0"])
        .args(["--metrics-listen", &server.address.to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.contains("(metrics_listen, flag --metrics-listen)")
            && line.contains("for example with --metrics-listen HOST:PORT"),
        "{line}"
    );
    assert!(output.stdout.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn connections_from_one_port_to_two_addresses_are_two() {
    use std::io::{Read, Write};

    use socket2::{Domain, Socket, Type};

    let binary = env!("CARGO_BIN_EXE_tallied-server");
    let mut command = std::process::Command::new(binary);
    let server = Server::spawn(command.args([
        "--listen=0.0.0.0:0",
        "--connections-header-seconds=4",
        "--faults",
    ]));
    let connect = |from: SocketAddr, to: [u8; 4]| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&from.into()).unwrap();
        let to = SocketAddr::from((to, server.address.port()));
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    };
    let mut first = connect((Ipv4Addr::LOCALHOST, 0).into(), [127, 0, 0, 1]);
    let mut second = connect(first.local_addr().unwrap(), [127, 0, 0, 2]);
    assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    // Once both were accepted, one is at work for longer than a head may take, and the other silent.
    let mut scraper = Client::connect((Ipv4Addr::LOCALHOST, server.address.port()).into());
    let open = |scraper: &mut Client| sample(scraper.get("/metrics").text(), OPEN);
    while open(&mut scraper) != Some(3.0) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let work = "GET /fault?delay_seconds=7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    first.write_all(work.as_bytes()).unwrap();
    // Cut off: no request was made on it.
    assert_eq!(second.read_to_end(&mut Vec::new()).unwrap(), 0);
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
}
