//! The least that a service needs: metrics, a hoop, and a route for Prometheus.
//!
//! `cargo run -p tallied-salvo --example minimal`, then
//! `curl http://127.0.0.1:8001/hello/you` and `curl http://127.0.0.1:8001/metrics`

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use salvo::conn::Acceptor;
use salvo::prelude::*;
use tallied::Registry;
use tallied_salvo::{DeferEofAcceptor, HttpMetrics, Instrument, Scrape};

#[handler]
async fn hello(req: &mut Request) -> String {
    format!("hello, {}\n", req.param("name").unwrap_or("nobody"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default();
    let metrics = HttpMetrics::register(&registry)?;

    let router = Router::new()
        .push(Router::with_path("hello/{name}").get(hello))
        .push(Router::with_path("metrics").get(Scrape::new(registry)));
    let service = metrics.instrument(router);

    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let acceptor = TcpListener::new(address).try_bind().await?;
    println!("listening on {}", acceptor.holdings()[0]);
    // Counts also the requests whose clients close right behind them.
    let acceptor = DeferEofAcceptor::new(acceptor);
    Server::new(acceptor).try_serve(service).await?;
    Ok(())
}
