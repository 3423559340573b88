//! GET / and GET /health.

use std::time::Instant;

use salvo::writing::Json;
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::json;

pub(super) struct Welcome;

#[salvo::async_trait]
impl Handler for Welcome {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.render(Json(json!({
            "message": "Welcome to Tallied: HTTP and process metrics for Prometheus",
            "version": env!("CARGO_PKG_VERSION"),
            "links": { "health": "/health", "metrics": "/metrics", "data": "/data" },
        })));
    }
}

pub(super) struct Health {
    pub(super) started: Instant,
}

#[salvo::async_trait]
impl Handler for Health {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.render(Json(json!({
            "status": "ok",
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
        })));
    }
}
