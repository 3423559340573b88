//! GET /health, /health/live and /health/ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::writing::Json;
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::{Value, json};

/// Whether the application wants requests; clones share the answer.
///
/// Ready from the start, and never again once it drains. During a drain no new connection is
/// accepted, which is an answer as well; the 503 is for the connections that are open.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// To be called when a stop begins.
    pub fn drain(&self) {
        // A flag that orders nothing else.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop has begun.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The process answers, so it is well: also while it drains.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) started: Instant,
}

#[salvo::async_trait]
impl Handler for Health {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let health = json!({
            "status": "ok",
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
        });
        answer(res, StatusCode::OK, health);
    }
}

#[derive(Clone)]
pub(super) struct Live;

#[salvo::async_trait]
impl Handler for Live {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        answer(res, StatusCode::OK, json!({ "status": "ok" }));
    }
}

#[derive(Clone)]
pub(super) struct Ready(pub(super) Readiness);

#[salvo::async_trait]
impl Handler for Ready {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        if self.0.is_draining() {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            answer(res, status, json!({ "status": "draining" }));
        } else {
            answer(res, StatusCode::OK, json!({ "status": "ok" }));
        }
    }
}

/// An answer of this moment.
fn answer(res: &mut Response, status: StatusCode, body: Value) {
    res.status_code(status);
    res.headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    res.render(Json(body));
}
