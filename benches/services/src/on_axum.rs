//! The services on axum.

use std::error::Error;

use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_prometheus::PrometheusMetricLayer;
use tallied_tower::{HttpMetrics, Instrument, Scrape};
use tokio::net::TcpListener;

use crate::{Received, User};

async fn user(Path(id): Path<u64>) -> Json<User> {
    Json(User { id, name: "Ada" })
}

async fn receive(body: Bytes) -> Json<Received> {
    let bytes = body.len();
    Json(Received { bytes })
}

fn router() -> Router {
    Router::new()
        .route("/users", post(receive))
        .route("/users/{id}", get(user))
}

async fn serve(listener: TcpListener, router: Router) -> Result<(), Box<dyn Error>> {
    Ok(axum::serve(listener, router).await?)
}

pub(crate) async fn bare(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    serve(listener, router()).await
}

pub(crate) async fn tallied(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let registry = tallied::Registry::default();
    let metrics = HttpMetrics::register(&registry)?;
    let router = router()
        .route("/metrics", get(Scrape::new(registry)))
        .layer(metrics.axum_layer());
    serve(listener, router).await
}

/// With its own defaults: requests, durations and pending requests, and no sizes.
pub(crate) async fn prometheus(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let (layer, recorder) = PrometheusMetricLayer::pair();
    let router = router()
        .route("/metrics", get(async move || recorder.render()))
        .layer(layer);
    serve(listener, router).await
}
