//! A gRPC service on tonic: metrics, a layer, and a route for Prometheus on the same port. The service is tonic's own health check, so
//! that nobody needs protoc; the second form calls it.
//!
//! `cargo run -p tallied-tower --example tonic`, then
//! `cargo run -p tallied-tower --example tonic -- call http://127.0.0.1:8001 some.Service` and
//! `curl http://127.0.0.1:8001/metrics`

#![expect(
    clippy::print_stdout,
    reason = "it says where it listens, and the answer"
)]

use axum::routing::get;
use tallied::Registry;
use tallied_tower::{HttpMetrics, Instrument, Scrape};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("call") => {
            let url = args.next().ok_or("give the URL of the service")?;
            call(url, args.next().unwrap_or_default()).await
        }
        address => serve(address.unwrap_or("127.0.0.1:8001")).await,
    }
}

async fn serve(address: &str) -> Result {
    let registry = Registry::default();
    let metrics = HttpMetrics::builder().grpc().register(&registry)?;

    let (_, health) = tonic_health::server::health_reporter();
    let router = Routes::new(health).into_axum_router();
    let router = router.route("/metrics", get(Scrape::new(registry)));
    let endpoints = ["POST /grpc.health.v1.Health/Check", "GET /metrics"];

    let incoming = TcpIncoming::bind(address.parse()?)?;
    println!("listening on http://{}", incoming.local_addr()?);
    Server::builder()
        // Prometheus scrapes over HTTP/1.
        .accept_http1(true)
        .layer(metrics.layer().endpoints(endpoints)?)
        .add_routes(router.into())
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

/// Asks for the health of a service that it names, or of all.
async fn call(url: String, service: String) -> Result {
    let channel = Channel::from_shared(url)?.connect().await?;
    let mut client = HealthClient::new(channel);
    match client.check(HealthCheckRequest { service }).await {
        Ok(response) => println!("{:?}", response.into_inner().status()),
        Err(status) => println!("{:?}: {}", status.code(), status.message()),
    }
    Ok(())
}
