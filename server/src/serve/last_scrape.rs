//! Tells when a scrape has come that sees what a drain cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use salvo::http::{Method, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response};
use tokio::sync::Notify;

/// A hoop around /metrics; clones wait for the same.
#[derive(Clone, Default)]
pub(super) struct LastScrape(Arc<State>);

#[derive(Default)]
struct State {
    awaited: AtomicBool,
    came: Notify,
}

impl LastScrape {
    /// Waits for the answer to a scrape of everything that begins from now on.
    pub(super) async fn wait(&self) {
        // Release: the scrape that sees it also sees what was recorded before.
        self.0.awaited.store(true, Ordering::Release);
        self.0.came.notified().await;
    }
}

#[salvo::async_trait]
impl Handler for LastScrape {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let sees_it = self.0.awaited.load(Ordering::Acquire);
        ctrl.call_next(req, depot, res).await;
        let whole = req.method() == Method::GET && !req.queries().contains_key("name[]");
        if sees_it && whole && res.status_code == Some(StatusCode::OK) {
            self.0.came.notify_one();
        }
    }
}
