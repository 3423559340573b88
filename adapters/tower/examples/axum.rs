//! A service on axum: metrics, a layer around nested routers and their fallback, a route for Prometheus, and a stop that tells
//! what it cuts off from clients that left.
//!
//! `cargo run -p tallied-tower --features axum,live --example axum`, then
//! `curl http://127.0.0.1:8001/api/hello/you`, `curl -d hello http://127.0.0.1:8001/api/shout` and
//! `curl http://127.0.0.1:8001/metrics`; or open <http://127.0.0.1:8001/live>

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use tallied::Registry;
use tallied_collectors::ProcessCollector;
use tallied_tower::{DeferEofListener, HttpMetrics, Instrument, Live, Scrape};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests in progress may take when the service stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

async fn hello(Path(name): Path<String>) -> String {
    format!("hello, {name}\n")
}

async fn shout(text: String) -> String {
    text.to_uppercase()
}

async fn sleep(Path(milliseconds): Path<u64>) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn not_found(uri: Uri) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("no {}\n", uri.path()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default();
    ProcessCollector::new().register(&registry)?;
    let metrics = HttpMetrics::register(&registry)?;
    let live = Live::from(Live::builder().http(metrics).register(&registry)?);

    let api = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/shout", post(shout))
        .route("/sleep/{milliseconds}", get(sleep));
    let app = Router::new()
        .nest("/api", api)
        .route("/metrics", get(Scrape::new(registry)))
        .route("/live", get(live.clone()))
        .route("/live.json", get(live.clone()))
        .fallback(not_found)
        // Last, so that it goes around all of them.
        .layer(metrics.axum_layer());

    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Counts also the requests whose clients close right behind them.
    let listener = DeferEofListener::new(listener);

    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let mut serving = pin!(server.into_future());
    tokio::select! {
        served = &mut serving => return Ok(served?),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    // The page's streams end, and what waits for `stopped` goes on.
    live.drain();
    drop(stop);
    tokio::select! {
        served = &mut serving => served?,
        () = tokio::time::sleep(DRAIN_TIMEOUT) => metrics.drain_timed_out(),
    }
    Ok(())
}
