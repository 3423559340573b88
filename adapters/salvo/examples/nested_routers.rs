//! Nested routers, with hoops of their own and options for the metrics: the `endpoint` is the whole
//! pattern, what a hoop refuses is counted too, and the scrapes and the health checks are left out.
//!
//! `cargo run -p tallied-salvo --example nested_routers`, then
//! `curl http://127.0.0.1:8001/api/v1/users/7`, the same with `-H 'Authorization: me'`, and
//! `curl http://127.0.0.1:8001/internal/metrics`

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use salvo::conn::Acceptor;
use salvo::prelude::*;
use tallied::{Buckets, Registry};
use tallied_salvo::{DeferEofAcceptor, EndpointBuckets, HttpMetrics, Instrument, Scrape};

#[handler]
async fn authorized(req: &mut Request, res: &mut Response) {
    if !req.headers().contains_key("authorization") {
        res.render(StatusError::unauthorized());
    }
}

#[handler]
async fn user(req: &mut Request) -> String {
    format!("user {}\n", req.param("id").unwrap_or(0))
}

#[handler]
async fn report() -> &'static str {
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    "a report that takes its time\n"
}

#[handler]
async fn health() -> &'static str {
    "fine\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::with_prefix("shop")?;
    let slow = EndpointBuckets {
        duration: Some(Buckets::new([0.1, 0.5, 1.0, 5.0])?),
        ..EndpointBuckets::default()
    };
    let metrics = HttpMetrics::builder()
        .endpoint_buckets("/api/v1/users/{id}/report", slow)
        .exclude_endpoint("/internal/health")
        .exclude_endpoint("/internal/metrics")
        .register(&registry)?;

    let users = Router::with_path("users/{id:num}")
        .get(user)
        .push(Router::with_path("report").get(report));
    let internal = Router::with_path("internal")
        .push(Router::with_path("health").get(health))
        .push(Router::with_path("metrics").get(Scrape::new(registry)));
    let router = Router::new()
        .push(Router::with_path("api/v1").hoop(authorized).push(users))
        .push(internal);
    let service = metrics.instrument(router);

    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let acceptor = TcpListener::new(address).try_bind().await?;
    println!("listening on {}", acceptor.holdings()[0]);
    Server::new(DeferEofAcceptor::new(acceptor))
        .try_serve(service)
        .await?;
    Ok(())
}
