//! The hoop among others.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use salvo::prelude::*;
use salvo::test::{ResponseExt, TestClient};
use tallied::Registry;
use tallied_salvo::{HttpMetrics, Instrument};

/// Reads the whole body, and keeps it for whoever asks for it after.
#[handler]
async fn read_first(req: &mut Request) {
    req.payload().await.unwrap();
}

#[handler]
async fn size(req: &mut Request) -> String {
    req.payload().await.unwrap().len().to_string()
}

#[tokio::test]
async fn what_a_hoop_further_out_has_read_is_left_for_the_handler() {
    let metrics = HttpMetrics::register(&Registry::default()).unwrap();
    let service = Service::new(Router::new().post(size))
        .hoop(read_first)
        .hoop(metrics.hoop());
    let request = TestClient::post("http://127.0.0.1/").body("five!");
    let answer = request.send(&service).await.take_string().await;
    assert_eq!(answer.unwrap(), "5");
}
