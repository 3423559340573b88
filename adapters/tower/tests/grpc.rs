//! gRPC calls, as tonic answers them: their endpoints, and their statuses from the head or the trailers.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tallied::Registry;
use tallied_tower::{HttpMetrics, HttpMetricsBuilder, Instrument};
use tokio::task::AbortHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const DEADLINE: Duration = Duration::from_secs(60);

/// tonic's health service inside of the layer.
struct Served {
    registry: Registry,
    address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    async fn start() -> Self {
        Self::start_with(HttpMetrics::builder().max_endpoints(3)).await
    }

    async fn start_with(options: HttpMetricsBuilder) -> Self {
        let registry = Registry::default();
        let options = options.grpc();
        let metrics = options.register(&registry).unwrap();
        let layer = metrics
            .layer()
            .endpoints([&*format!("POST {CHECK}")])
            .unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let server = Server::builder().layer(layer).add_service(health);
        let serving = tokio::spawn(async { server.serve_with_incoming(incoming).await.unwrap() });
        Self {
            registry,
            address,
            serving: serving.abort_handle(),
        }
    }

    async fn connect(&self) -> SendRequest<Bytes> {
        let socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let (client, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        client
    }

    /// Waits until a line is in the exposition.
    #[track_caller]
    fn comes_to_hold(&self, sample: &str) -> impl Future<Output = ()> {
        let start = Instant::now();
        async move {
            while !self.registry.text().lines().any(|line| line == sample) {
                let text = self.registry.text();
                assert!(start.elapsed() < DEADLINE, "{sample} is not in\n{text}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
}

/// Asks the health service for the state of `service`.
async fn call(
    client: &SendRequest<Bytes>,
    path: &str,
    service: &str,
) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
    let mut client = client.clone().ready().await.unwrap();
    let request = Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let (answer, mut upload) = client
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    // A message: not compressed, its length, and the field 1, a string.
    let length = service.len() as u8;
    let mut message = vec![0, 0, 0, 0, length + 2, 0x0a, length];
    message.extend(service.as_bytes());
    upload.send_data(message.into(), true).unwrap();
    (answer, upload)
}

/// The head and the trailers of the answer.
async fn answer(
    client: &SendRequest<Bytes>,
    path: &str,
    service: &str,
) -> (HeaderMap, Option<HeaderMap>) {
    let (answer, _upload) = call(client, path, service).await;
    let (head, mut body) = answer.await.unwrap().into_parts();
    while let Some(piece) = body.data().await {
        piece.unwrap();
    }
    (head.headers, body.trailers().await.unwrap())
}

fn grpc(endpoint: &str, status: &str, count: u64) -> String {
    format!("grpc_requests_total{{endpoint=\"{endpoint}\",grpc_status=\"{status}\"}} {count}")
}

fn http(endpoint: &str, status: u16, count: u64) -> String {
    format!(
        "http_requests_total{{method=\"POST\",endpoint=\"{endpoint}\",status_code=\"{status}\"}} {count}"
    )
}

#[tokio::test]
async fn a_status_is_in_the_trailers_or_in_the_head() {
    let server = Served::start().await;
    let client = server.connect().await;
    let (head, trailers) = answer(&client, CHECK, "").await;
    assert!(!head.contains_key("grpc-status"));
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
    let (head, trailers) = answer(&client, CHECK, "unknown").await;
    assert_eq!(
        (head["grpc-status"].as_bytes(), trailers),
        (&b"5"[..], None)
    );
    server.comes_to_hold(&grpc(CHECK, "OK", 1)).await;
    server.comes_to_hold(&grpc(CHECK, "NOT_FOUND", 1)).await;
    server.comes_to_hold(&http(CHECK, 200, 2)).await;
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_has_no_status() {
    let server = Served::start().await;
    let client = server.connect().await;
    let (answer, mut upload) = call(&client, WATCH, "").await;
    let mut body = answer.await.unwrap().into_body();
    assert!(!body.data().await.unwrap().unwrap().is_empty());
    // Nobody asked for it before: it has a place since its head.
    server
        .comes_to_hold("http_requests_in_flight{method=\"POST\"} 1")
        .await;
    upload.send_reset(h2::Reason::CANCEL);
    drop(body);
    server.comes_to_hold(&grpc(WATCH, "none", 1)).await;
    server.comes_to_hold(&http(WATCH, 499, 1)).await;
    server
        .comes_to_hold("http_requests_in_flight{method=\"POST\"} 0")
        .await;
}

#[tokio::test]
async fn methods_that_clients_make_up_take_no_places() {
    let server = Served::start().await;
    let client = server.connect().await;
    for i in 0..100 {
        answer(&client, &format!("/grpc.health.v1.Health/Method{i}"), "").await;
        answer(&client, &format!("/made.up.Service{i}/Check"), "").await;
    }
    server
        .comes_to_hold(&grpc("unmatched", "UNIMPLEMENTED", 200))
        .await;
    server.comes_to_hold(&http("unmatched", 200, 200)).await;
    let (answer, upload) = call(&client, WATCH, "").await;
    drop((answer.await.unwrap(), upload));
    server.comes_to_hold(&http(WATCH, 499, 1)).await;
    server
        .comes_to_hold("http_requests_endpoint_overflow_total 0")
        .await;
}

#[tokio::test]
async fn unmatched_may_be_left_out() {
    let server = Served::start_with(HttpMetrics::builder().exclude_endpoint("unmatched")).await;
    let client = server.connect().await;
    answer(&client, "/made.up.Service/Check", "").await;
    let (answer, upload) = call(&client, WATCH, "").await;
    drop((answer.await.unwrap(), upload));
    server.comes_to_hold(&grpc(WATCH, "none", 1)).await;
    server.comes_to_hold(&http(WATCH, 499, 1)).await;
    server
        .comes_to_hold("http_requests_in_flight{method=\"POST\"} 0")
        .await;
    assert!(!server.registry.text().contains("UNIMPLEMENTED"));
}

#[tokio::test]
async fn what_is_no_call_is_no_call() {
    let server = Served::start().await;
    let mut client = server.connect().await.ready().await.unwrap();
    let request = Request::get("http://test/grpc.health.v1.Health/Check")
        .body(())
        .unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    drop(answer.await.unwrap());
    let counted = |line: &str| {
        line.starts_with("http_requests_total")
            && line.contains("method=\"GET\"")
            && line.ends_with(" 1")
    };
    let start = Instant::now();
    while !server.registry.text().lines().any(counted) {
        assert!(start.elapsed() < DEADLINE, "{}", server.registry.text());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!server.registry.text().contains("grpc_requests_total{"));
}
