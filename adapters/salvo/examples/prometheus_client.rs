//! An application that has a prometheus-client registry already: its metrics stay where they are, and
//! appear on the same `/metrics`.
//!
//! `cargo run -p tallied-salvo --features prometheus-client --example prometheus_client`, then
//! `curl http://127.0.0.1:8001/checkout` and `curl http://127.0.0.1:8001/metrics`

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use salvo::conn::Acceptor;
use salvo::prelude::*;
use tallied::Registry;
use tallied_salvo::{DeferEofAcceptor, HttpMetrics, Instrument, Scrape};

/// What the application had.
struct Checkout {
    orders: Counter,
}

#[salvo::async_trait]
impl Handler for Checkout {
    async fn handle(
        &self,
        _req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        _ctrl: &mut FlowCtrl,
    ) {
        self.orders.inc();
        res.render("thank you\n");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orders = Counter::default();
    let mut theirs = prometheus_client::registry::Registry::with_prefix("shop");
    theirs.register("orders", "Orders that were placed", orders.clone());

    let registry = Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let scrape = Scrape::new(registry).with_prometheus_client(Arc::new(theirs));

    let router = Router::new()
        .push(Router::with_path("checkout").get(Checkout { orders }))
        .push(Router::with_path("metrics").get(scrape));
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
