//! Clients that close, or half-close, right behind their requests: over our listener, and over plain Salvo's with
//! the acceptor that a library's user puts around it.

use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use salvo::conn::TcpListener;
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::*;
use tallied::Registry;
use tallied_salvo::{DeferEofAcceptor, HttpMetrics, Instrument};
use tallied_server::limits::ConnectionLimits;

use super::http2::{HEADERS, PREFACE, SETTINGS, frame, frames, get};
use crate::support::{Client, DEADLINE, Running, TestServer, ends, sample};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[handler]
async fn hello() -> &'static str {
    "hello"
}

/// Is not ready when it is polled first.
#[handler]
async fn later() -> &'static str {
    std::future::pending::<()>().await;
    "later"
}

/// More than the sockets hold.
const LARGE: usize = 32 << 20;

/// Holds up the connection of a client that does not read.
#[handler]
async fn large(res: &mut Response) {
    res.render("x".repeat(LARGE));
}

fn router() -> Router {
    Router::new()
        .get(hello)
        .push(Router::with_path("later").get(later))
        .push(Router::with_path("large").post(large))
        .push(Router::with_path("echo").post(echo))
}

#[handler]
async fn echo(req: &mut Request, res: &mut Response) {
    let body = req.payload().await.unwrap().clone();
    res.render(String::from_utf8(body.to_vec()).unwrap());
}

/// Servers whose requests are all to be counted.
enum Under {
    Ours(TestServer),
    PlainSalvo {
        address: SocketAddr,
        registry: Registry,
        _runtime: tokio::runtime::Runtime,
    },
}

impl Under {
    fn all() -> [Self; 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let registry = Registry::default();
        let service = HttpMetrics::register(&registry)
            .unwrap()
            .instrument(router());
        let acceptor: TcpAcceptor = runtime
            .block_on(TcpListener::new("127.0.0.1:0").try_bind())
            .unwrap();
        let address = acceptor.local_addr().unwrap();
        runtime.spawn(Server::new(DeferEofAcceptor::new(acceptor)).try_serve(service));
        [
            Self::Ours(TestServer::start(router())),
            Self::PlainSalvo {
                address,
                registry,
                _runtime: runtime,
            },
        ]
    }

    fn connect(&self) -> Client {
        match self {
            Self::Ours(server) => server.connect(),
            Self::PlainSalvo { address, .. } => Client::connect(*address),
        }
    }

    /// Waits until so many requests were counted with this status, and none is in flight.
    fn comes_to(&self, endpoint: &str, status: u16, count: u32) {
        self.counts(endpoint, &format!("status_code=\"{status}\"}}"), count);
    }

    /// … with labels that go on so behind the endpoint.
    fn counts(&self, endpoint: &str, labels: &str, count: u32) {
        let registry = match self {
            Self::Ours(server) => &server.registry,
            Self::PlainSalvo { registry, .. } => registry,
        };
        let method = if endpoint == "/echo" { "POST" } else { "GET" };
        let total =
            format!("http_requests_total{{method=\"{method}\",endpoint=\"{endpoint}\",{labels}");
        let in_flight = format!("http_requests_in_flight{{method=\"{method}\"}}");
        let began = Instant::now();
        loop {
            let text = registry.text();
            let series = text.lines().filter(|line| line.starts_with(&total));
            let values = series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
            if values.sum::<f64>() == f64::from(count) && sample(&text, &in_flight) == Some(0.0) {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "{total} {count}:\n{text}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn a_request_whose_client_closes_behind_it_is_counted() {
    for server in Under::all() {
        for _ in 0..300 {
            server.connect().send(GET);
        }
        server.comes_to("/", 200, 300);
        for _ in 0..100 {
            server
                .connect()
                .send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        server.comes_to("/later", 499, 100);
    }
}

#[test]
fn a_request_whose_client_half_closes_behind_it_is_answered() {
    for server in Under::all() {
        for _ in 0..200 {
            let mut client = server.connect();
            client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            client.stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.answer(false).text(), "hello");
            assert!(client.is_closed());
        }
        server.comes_to("/", 200, 200);
        for _ in 0..100 {
            let mut client = server.connect();
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
            client.stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.answer(false).text(), "hello");
        }
        server.comes_to("/echo", 200, 100);
    }
}

#[test]
fn requests_in_a_row_are_counted_to_the_last() {
    for server in Under::all() {
        for _ in 0..50 {
            let mut client = server.connect();
            client.send(GET.repeat(20));
            client.stream.shutdown(Shutdown::Write).unwrap();
            for _ in 0..20 {
                assert_eq!(client.answer(false).text(), "hello");
            }
        }
        server.comes_to("/", 200, 1_000);
    }
}

#[test]
fn requests_in_a_row_are_counted_although_their_client_is_gone() {
    for server in Under::all() {
        let mut count = 0;
        for in_a_row in [1, 2, 3, 5, 20, 50] {
            for reset in [false, true] {
                for _ in 0..10 {
                    let mut client = server.connect();
                    client.send(GET.repeat(in_a_row));
                    if reset {
                        let socket = socket2::SockRef::from(&client.stream);
                        socket.set_linger(Some(Duration::ZERO)).unwrap();
                    }
                }
                count += 10 * in_a_row;
                server.comes_to("/", 200, u32::try_from(count).unwrap());
            }
        }
    }
}

#[test]
fn an_answer_that_waits_for_its_half_closed_client_is_sent() {
    for server in Under::all() {
        let mut client = server.connect();
        client.send("POST /large HTTP/1.1\r\nHost: x\r\n\r\n");
        client.stream.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(client.answer(false).body.len(), LARGE);
        // And a request behind it. Nobody reads the body, which takes two reads: hyper drops its second half when the
        // answer is there, and goes on to the next head before the answer is written.
        let mut client = server.connect();
        let body = "x".repeat(12_000);
        let length = body.len();
        client.send(format!(
            "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}{GET}"
        ));
        client.stream.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(client.answer(false).body.len(), LARGE);
        assert_eq!(client.answer(false).text(), "hello");
        server.comes_to("/", 200, 1);
    }
}

/// A connection over HTTP/2 whose client has read what the server says at first.
fn http2(server: &Under) -> Client {
    let mut client = server.connect();
    client.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
    frames(&mut client.stream, |kind| kind == SETTINGS);
    client
}

fn gets(count: u32) -> Vec<u8> {
    (0..count).flat_map(|i| get(2 * i + 1)).collect()
}

#[test]
fn streams_of_a_connection_that_closes_behind_them_are_counted() {
    for server in Under::all() {
        let mut count = 0;
        for streams in [1, 20, 100] {
            for _ in 0..10 {
                http2(&server).send(gets(streams));
                count += streams;
            }
            // As answered, or as 499: on a busy machine a request may be looked at late.
            server.counts("/", "", count);
        }
    }
}

#[test]
fn streams_of_a_connection_that_half_closes_behind_them_are_answered() {
    for server in Under::all() {
        let whole = (0..10).filter(|_| {
            let mut client = http2(&server);
            client.send(gets(100));
            client.stream.shutdown(Shutdown::Write).unwrap();
            let answers = frames(&mut client.stream, |_| false);
            let heads = answers.iter().filter(|(kind, _)| *kind == HEADERS);
            heads.count() == 100
        });
        // A busy machine may take longer over one than the end of the input is held back.
        assert!(whole.count() > 0, "no connection had all of its answers");
        server.counts("/", "", 1_000);
    }
}

#[test]
fn a_part_of_a_head_behind_a_request_has_the_time_of_a_head() {
    let limits = ConnectionLimits {
        header: Duration::from_secs(1),
        idle: DEADLINE * 10,
        ..ConnectionLimits::default()
    };
    let (server, registry): (Running, Registry) = super::serve(hello, limits);
    let post = "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    let mut kept = Vec::new();
    for request in [GET, post] {
        let mut client = server.connect();
        client.send(request);
        assert_eq!(client.answer(false).status, 200);
        kept.push(client);
    }
    for (count, request) in [GET, post].into_iter().enumerate() {
        let mut client = server.connect();
        client.send(format!("{request}GET / HT"));
        assert_eq!(client.answer(false).status, 200);
        assert!(ends(&client.stream));
        let cut_off = sample(&registry.text(), &super::cut_off("header_timeout"));
        assert_eq!(cut_off, Some(count as f64 + 1.0));
    }
    for client in &mut kept {
        client.send(GET);
        assert_eq!(client.answer(false).status, 200, "it was idle alone");
    }
}
