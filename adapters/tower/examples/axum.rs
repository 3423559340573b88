//! A service on axum: metrics, a layer, and a route for Prometheus.
//!
//! `cargo run -p tallied-tower --features axum,live --example axum`, then
//! `curl http://127.0.0.1:8001/hello/you` and `curl http://127.0.0.1:8001/metrics`

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tallied::Registry;
use tallied_tower::{HttpMetrics, Instrument, Live, Scrape};

async fn hello(Path(name): Path<String>) -> String {
    format!("hello, {name}\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let live = Live::from(Live::builder().http(metrics).register(&registry)?);

    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/metrics", get(Scrape::new(registry)))
        .route("/live", get(live.clone()))
        .route("/live.json", get(live))
        .layer(metrics.axum_layer());

    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
