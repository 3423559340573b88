//! Clients of an axum service that close right behind their requests.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{future, io::Write};

use axum::Router;
use axum::routing::get;
use tallied::Registry;
use tallied_tower::{DeferEofListener, HttpMetrics, Instrument};
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_client_closes_behind_it_is_counted() {
    let registry = Registry::default();
    let metrics = HttpMetrics::register(&registry).unwrap();
    let app: Router = Router::new()
        .route("/", get(async || "hello"))
        .route("/later", get(future::pending::<()>))
        .layer(metrics.axum_layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = axum::serve(DeferEofListener::new(listener), app);
    let serving = tokio::spawn(serving.into_future());

    let counted = |path: &str, status: u16, count: usize| {
        let line = format!(
            "http_requests_total{{method=\"GET\",endpoint=\"{path}\",status_code=\"{status}\"}} {count}"
        );
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        for _ in 0..count {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(request.as_bytes()).unwrap();
        }
        let start = Instant::now();
        while !registry.text().lines().any(|other| other == line) {
            assert!(
                start.elapsed() < DEADLINE,
                "no {line} in\n{}",
                registry.text()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    tokio::task::block_in_place(|| {
        counted("/", 200, 300);
        counted("/later", 499, 100);
    });
    serving.abort();
}
