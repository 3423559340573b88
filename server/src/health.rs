//! GET /health, /health/live and /health/ready.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::writing::Json;
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Whether the application wants requests; clones share the answer.
///
/// Ready from the start, and never again once it drains. During a drain no new connection is
/// accepted, which is an answer as well; the 503 is for the connections that are open.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Drain>);

#[derive(Debug, Default)]
struct Drain {
    begun: AtomicBool,
    begins: Arc<Notify>,
}

impl Readiness {
    /// To be called when a stop begins.
    pub fn drain(&self) {
        self.0.begun.store(true, Ordering::Release);
        self.0.begins.notify_waiters();
    }

    /// Whether a stop has begun.
    pub fn is_draining(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Waits until a stop begins. A stream without an end of its own ends then, or it would be
    /// cut off at the end of the drain.
    pub fn draining(&self) -> Draining {
        Draining {
            readiness: self.clone(),
            // It knows of every notification from here on, also before it is polled.
            begins: Box::pin(Arc::clone(&self.0.begins).notified_owned()),
        }
    }
}

/// Ready, again and again, once a stop has begun: [`Readiness::draining`].
#[derive(Debug)]
pub struct Draining {
    readiness: Readiness,
    begins: Pin<Box<OwnedNotified>>,
}

impl Future for Draining {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.readiness.is_draining() {
            return Poll::Ready(());
        }
        self.begins.as_mut().poll(cx)
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
